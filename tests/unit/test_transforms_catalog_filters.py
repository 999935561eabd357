"""Which models are offered, and why one is not (SPEC 126, 127)."""

from __future__ import annotations

import pytest

from actors.values import Model
from bridge.transforms.catalog_filters import (
    allowed_models,
    is_free,
    restriction_reasons,
    unknown_ids,
)
from bridge.transforms.model_ids import FoundModel

FREE = Model(id="a/free:free", name="x", prices=(("prompt", 0.0), ("completion", 0.0)))
PAID = Model(
    id="a/paid", name="x", prices=(("prompt", 0.0), ("completion", 1e-6)), parameters=("tools",)
)
VARYING = Model(id="openrouter/auto", name="x", parameters=("tool_choice",))
MODELS = (FREE, PAID, VARYING)


def offered(ids: str | tuple[str, ...] = "", free: str = "all", tools: str = "all") -> list[str]:
    kept = allowed_models(MODELS, model_id_filter=ids, free_filter=free, tool_filter=tools)
    return [model.id for model in kept]


@pytest.mark.parametrize("ids", ["", "auto", " AUTO , a/paid", (), "x/y", "x/y,z"])
def test_all_models_are_offered_when_the_filter_names_none_of_them(
    ids: str | tuple[str, ...],
) -> None:
    assert offered(ids) == [model.id for model in MODELS]


@pytest.mark.parametrize("ids", ["a/paid", " a.paid ,x/y", ("a/paid",), "a.paid,a/paid"])
def test_only_the_models_that_are_named_are_offered(ids: str | tuple[str, ...]) -> None:
    assert offered(ids) == ["a/paid"]


def test_ids_that_the_catalog_does_not_have_are_told() -> None:
    assert unknown_ids(MODELS, "a/paid, x/y,,x.z") == ("x/y", "x.z")


@pytest.mark.parametrize(
    ("mode", "ids"),
    [
        ("all", ["a/free:free", "a/paid", "openrouter/auto"]),
        ("only", ["a/free:free"]),
        ("exclude", ["a/paid", "openrouter/auto"]),
    ],
)
def test_models_are_chosen_by_their_price(mode: str, ids: list[str]) -> None:
    assert offered(free=mode) == ids


@pytest.mark.parametrize(
    ("mode", "ids"),
    [("only", ["a/paid", "openrouter/auto"]), ("exclude", ["a/free:free"])],
)
def test_models_are_chosen_by_whether_they_call_tools(mode: str, ids: list[str]) -> None:
    assert offered(tools=mode) == ids


def test_a_model_without_a_price_is_not_free() -> None:
    assert not is_free(VARYING)


def reasons(
    found: FoundModel | None, ids: str = "", free: str = "all", tools: str = "all"
) -> tuple[str, ...]:
    return restriction_reasons(
        found, MODELS, model_id_filter=ids, free_filter=free, tool_filter=tools
    )


def test_a_model_that_nobody_knows_is_not_in_the_catalog() -> None:
    assert reasons(None, "a/paid", "only", "only") == ("not_in_catalog",)


def test_every_reason_is_named() -> None:
    found = FoundModel(id=PAID.id, model=PAID)
    assert reasons(found) == ()
    assert reasons(found, "a/free:free", "only", "exclude") == (
        "MODEL_ID",
        "FREE_MODEL_FILTER=only",
        "TOOL_CALLING_FILTER=exclude",
    )


def test_a_variant_is_allowed_where_its_model_is() -> None:
    found = FoundModel(id="a/paid:nitro@preset/x", model=PAID)
    assert reasons(found, "a.paid") == ()
    assert reasons(found, "a/free:free") == ("MODEL_ID",)


def test_a_filter_that_names_nothing_restricts_nothing() -> None:
    assert reasons(FoundModel(id=PAID.id, model=PAID), "x/y") == ()


def test_a_preset_passes_only_filters_that_let_everything_pass() -> None:
    found = FoundModel(id="@preset/x")
    assert reasons(found) == ()
    assert reasons(found, "@preset/x,a/paid") == ()
    assert reasons(found, "a/paid", "exclude", "only") == (
        "MODEL_ID",
        "FREE_MODEL_FILTER=exclude",
        "TOOL_CALLING_FILTER=only",
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("free", ["all", "only", "exclude"])
@pytest.mark.parametrize("tools", ["all", "only", "exclude"])
def test_what_is_offered_is_what_is_not_restricted(model: Model, free: str, tools: str) -> None:
    is_offered = model.id in offered("", free, tools)
    assert is_offered is not bool(reasons(FoundModel(id=model.id, model=model), "", free, tools))
