"""The recorded catalogs and refusals, read as a request needs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors.values import ChatRequest, Model, Reasoning, Role, TextPart, Turn, WireFormat
from bridge.openrouter.catalog_rows import read_catalog
from bridge.openrouter.errors import provider_error
from bridge.openrouter.remedies import OpenRouterRemedies
from bridge.transforms.catalog_filters import allowed_models, is_free
from bridge.transforms.efforts import EFFORTS, weakest_first
from bridge.transforms.model_ids import exact_ids, find_model, listed_id, models_by_id
from bridge.transforms.policy import RequestPolicy
from bridge.transforms.reasoning import with_reasoning
from tests.integration.conformance import folder

pytestmark = pytest.mark.conformance

STREAMS = folder()
CATALOGS = sorted(STREAMS.parent.glob("models*.json")) if STREAMS else []
REFUSALS = sorted((STREAMS / "errors").glob("err-*.json")) if STREAMS else []
THINKING = Reasoning(wire=WireFormat.CHAT, json="[{}]")
QUESTION = Turn(role=Role.USER, parts=(TextPart(text="hi"),))


def rows_of(file: Path) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in json.loads(file.read_bytes())["data"]}


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.name)
def test_every_listed_model_is_found_by_an_id_of_its_own(file: Path) -> None:
    """SPEC 124."""
    catalog = read_catalog(file.read_bytes()).catalog
    ids, rows = exact_ids(catalog), models_by_id(catalog)
    assert len(ids) == len(rows) == len(catalog.models) > 100
    for model in catalog.models:
        for asked in (f"room.{listed_id(model.id)}", model.id):
            found = find_model(asked, function_id="room", model_ids=ids, models=rows)
            assert found is not None
            assert (found.id, found.model) == (model.id, model)


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.name)
def test_what_a_row_says_about_thinking_and_prices_is_read(file: Path) -> None:
    rows = rows_of(file)
    models = read_catalog(file.read_bytes()).catalog.models
    assert any(model.is_reasoning_mandatory for model in models)
    for model in models:
        thinking = rows[model.id].get("reasoning") or {}
        assert isinstance(thinking, dict)
        assert set(model.efforts) == set(thinking.get("supported_efforts") or ())
        assert model.efforts == weakest_first(model.efforts)
        assert set(model.efforts) <= set(EFFORTS)
        pricing = rows[model.id]["pricing"]
        assert isinstance(pricing, dict)
        texts = {name: value for name, value in pricing.items() if isinstance(value, str)}
        assert dict(model.prices) == {n: float(v) for n, v in texts.items() if float(v) >= 0}


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.name)
def test_free_models_are_those_that_say_so(file: Path) -> None:
    """SPEC 126."""
    models = read_catalog(file.read_bytes()).catalog.models
    free = allowed_models(models, free_filter="only")
    assert {m.id for m in models if m.id.endswith(":free")} <= {model.id for model in free}
    assert 0 < len(free) < len(models) / 2
    rest = allowed_models(models, free_filter="exclude")
    assert len(free) + len(rest) == len(models)
    assert not any(is_free(model) for model in rest)


@pytest.mark.parametrize("file", CATALOGS, ids=lambda file: file.name)
@pytest.mark.parametrize("effort", EFFORTS)
def test_no_model_is_asked_for_what_its_row_rules_out(file: Path, effort: str) -> None:
    """FACTS, Reasoning: `none` is refused by a model that always thinks."""
    for model in read_catalog(file.read_bytes()).catalog.models:
        asked = asked_of(model, effort)
        reasoning = asked.get("reasoning")
        if "reasoning" not in model.parameters:
            assert reasoning is None
            continue
        assert isinstance(reasoning, dict)
        assert not {"effort", "max_tokens"} <= reasoning.keys()
        if model.is_reasoning_mandatory:
            assert reasoning["enabled"] is True
            assert reasoning.get("effort") != "none"


def asked_of(model: Model, effort: str) -> dict[str, object]:
    request = ChatRequest(request_id="r", model=model.id, items=(QUESTION,))
    made = with_reasoning(request, model, RequestPolicy(reasoning_effort=effort))
    return {each.name: json.loads(each.json) for each in made.parameters}


@pytest.mark.parametrize("file", REFUSALS, ids=lambda file: file.stem)
def test_recorded_refusals_find_the_remedy_they_need_and_no_other(file: Path) -> None:
    """FACTS, Reasoning: rejected thinking is left out; nothing else here can be helped."""
    status = int(file.name.split("-")[1])
    error = provider_error(status, {}, file.read_bytes())
    request = ChatRequest(request_id="r", model="a/b", items=(THINKING, QUESTION))
    remedied = OpenRouterRemedies().find(request, error, ())
    is_rejected = "signature" in file.stem or "encrypted" in file.stem
    assert (remedied.name if remedied else None) == ("no-old-reasoning" if is_rejected else None)
