from __future__ import annotations

from actors.values import Catalog, Model
from bridge.transforms.model_ids import exact_ids, find_exact_id, listed_id

CATALOG = Catalog(
    models=(
        Model(id="openai/gpt-4.1", name="GPT-4.1"),
        Model(id="meta/llama-3.3:free", name="Llama"),
        Model(id="~anthropic/latest", name="Latest"),
    )
)


def test_a_listed_id_is_the_exact_id_with_dots_for_slashes() -> None:
    assert listed_id("openai/gpt-4.1") == "openai.gpt-4.1"


def test_every_listed_model_is_found_again() -> None:
    ids = exact_ids(CATALOG)
    for model in CATALOG.models:
        asked = f"room.{listed_id(model.id)}"
        assert find_exact_id(asked, function_id="room", model_ids=ids) == model.id


def test_a_model_is_not_found_by_a_similar_name() -> None:
    ids = exact_ids(CATALOG)
    for asked in ("room.openai.GPT-4.1", "room.openai.gpt-4.1-2025-04-14", "room.", "room"):
        assert find_exact_id(asked, function_id="room", model_ids=ids) is None
