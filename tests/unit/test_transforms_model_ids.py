from __future__ import annotations

import pytest

from actors.values import Catalog, Model
from bridge.transforms.model_ids import (
    FoundModel,
    ModelId,
    exact_ids,
    find_exact_id,
    find_model,
    listed_id,
    models_by_id,
    normalised_id,
)

CATALOG = Catalog(
    models=(
        Model(id="openai/gpt-4.1", name="GPT-4.1"),
        Model(id="meta/llama-3.3:free", name="Llama"),
        Model(id="~anthropic/latest", name="Latest"),
        Model(id="openrouter/auto", name="Auto"),
    )
)
IDS, ROWS = exact_ids(CATALOG), models_by_id(CATALOG)


def find(asked: str, function_id: str = "room") -> FoundModel | None:
    return find_model(asked, function_id=function_id, model_ids=IDS, models=ROWS)


def test_a_listed_id_is_the_exact_id_with_dots_for_slashes() -> None:
    assert listed_id("openai/gpt-4.1") == "openai.gpt-4.1"


def test_every_listed_model_is_found_again() -> None:
    for model in CATALOG.models:
        assert find(f"room.{listed_id(model.id)}") == FoundModel(id=model.id, model=model)


@pytest.mark.parametrize(
    "asked",
    [
        "room.openai.GPT-4.1",
        "room.openai.gpt-4.1-2025-04-14",
        "room.openai.gpt-4.1:batch",
        "room.openai.gpt-4.1:nitro:odd",
        "room.openai.gpt-4:nitro",
        "room.openai.gpt-4@preset/x",
        "room.openai.gpt-4.1@preset/",
        "room.@preset/",
        "room.~x.y",
        "room.openrouter.odd",
        "room.:nitro",
        "room.",
        "room",
        "",
    ],
)
def test_a_model_is_not_found_by_a_similar_name(asked: str) -> None:
    assert find_exact_id(asked, function_id="room", model_ids=IDS) is None


@pytest.mark.parametrize(
    ("asked", "sent", "row"),
    [
        ("openai.gpt-4.1:nitro", "openai/gpt-4.1:nitro", "openai/gpt-4.1"),
        ("openai/gpt-4.1:online:floor", "openai/gpt-4.1:online:floor", "openai/gpt-4.1"),
        ("meta.llama-3.3:free", "meta/llama-3.3:free", "meta/llama-3.3:free"),
        ("meta.llama-3.3:free:online", "meta/llama-3.3:free:online", "meta/llama-3.3:free"),
        ("openai.gpt-4.1@preset/my.x", "openai/gpt-4.1@preset/my.x", "openai/gpt-4.1"),
        ("openai.gpt-4.1@preset.my.x", "openai/gpt-4.1@preset/my.x", "openai/gpt-4.1"),
        ("openai/gpt-4.1:exacto@preset/x", "openai/gpt-4.1:exacto@preset/x", "openai/gpt-4.1"),
    ],
)
def test_a_row_describes_its_model_in_every_variant(asked: str, sent: str, row: str) -> None:
    """FACTS, Model ids: no catalog lists these, and OpenRouter takes them all."""
    for spelled in (asked, f"room.{asked}"):
        assert find(spelled) == FoundModel(id=sent, model=ROWS[row])


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("@preset/x", "@preset/x"),
        ("@preset.x", "@preset/x"),
        ("~google/gemini-pro-latest", "~google/gemini-pro-latest"),
        ("~google.gemini-2.5-pro-latest:online", "~google/gemini-2.5-pro-latest:online"),
        ("openrouter.pareto-code", "openrouter/pareto-code"),
        ("openrouter/free@preset/x", "openrouter/free@preset/x"),
    ],
)
def test_some_ids_need_no_row(asked: str, sent: str) -> None:
    for spelled in (asked, f"room.{asked}"):
        assert find(spelled) == FoundModel(id=sent)


def test_a_function_may_bear_the_name_of_a_maker() -> None:
    assert find("openrouter.auto", "openrouter") == FoundModel(
        id="openrouter/auto", model=ROWS["openrouter/auto"]
    )
    assert find("openrouter.openai.gpt-4.1", "openrouter") == find("openai/gpt-4.1")
    assert find("openrouter.openai.gpt-9", "openrouter") is None


@pytest.mark.parametrize(
    ("spelled", "parts"),
    [
        ("openai/gpt-4o", ModelId(base="openai/gpt-4o")),
        ("a/b:free:online", ModelId(base="a/b", variants=("free", "online"))),
        ("@preset/x", ModelId(base="", preset="x")),
        ("a/b:nitro@preset/x", ModelId(base="a/b", variants=("nitro",), preset="x")),
        ("~a/b-latest", ModelId(base="~a/b-latest")),
    ],
)
def test_an_id_is_taken_apart(spelled: str, parts: ModelId) -> None:
    assert ModelId.parse(spelled) == parts
    assert str(parts) == spelled


def test_an_alias_is_by_the_maker_of_its_models() -> None:
    alias = ModelId.parse("~anthropic/claude-opus-latest")
    assert (alias.author, alias.slug, alias.is_alias) == ("anthropic", "claude-opus-latest", True)
    assert not ModelId.parse("anthropic/claude-opus-5").is_alias


@pytest.mark.parametrize(
    ("exact", "normalised"),
    [
        ("OpenAI/GPT-4o-2024-05-13", "openai/gpt-4o"),
        ("qwen/qwen-plus-2025-07-28:thinking", "qwen/qwen-plus:thinking"),
        ("a/b-2024-05-13-x", "a/b-2024-05-13-x"),
    ],
)
def test_a_normalised_id_has_no_date_and_no_capitals(exact: str, normalised: str) -> None:
    """SPEC 124."""
    assert normalised_id(exact) == normalised
