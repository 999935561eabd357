"""Whatever the provider calls a model, its name survives the way there and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.values import Model
from bridge.transforms.efforts import EFFORTS, effort_rank, nearest_effort, weakest_first
from bridge.transforms.model_ids import (
    ROUTERS,
    ROUTING_VARIANTS,
    ModelId,
    find_model,
    listed_id,
    normalised_id,
)

LETTERS = st.text("abcxyz019.-_", min_size=1, max_size=8)
AUTHORS = st.text("abcxyz019-_", min_size=1, max_size=8)
BASES = st.builds("{}/{}".format, AUTHORS, LETTERS)
VARIANTS = st.lists(st.sampled_from(sorted(ROUTING_VARIANTS)), max_size=3).map(tuple)
PRESETS = st.just("") | LETTERS
IDS = st.builds(ModelId, base=BASES, variants=VARIANTS, preset=PRESETS)
# Taken without a row: presets, aliases, routers.
UNLISTED = (
    st.builds(ModelId, base=st.just(""), preset=LETTERS)
    | st.builds(
        ModelId,
        base=st.builds("~{}/{}-latest".format, AUTHORS, LETTERS),
        variants=VARIANTS,
        preset=PRESETS,
    )
    | st.builds(
        ModelId,
        base=st.sampled_from(sorted(ROUTERS)).map("openrouter/{}".format),
        variants=VARIANTS,
        preset=PRESETS,
    )
)


@given(known=IDS | UNLISTED)
def test_an_id_survives_being_taken_apart(known: ModelId) -> None:
    assert ModelId.parse(str(known)) == known


@given(spelled=st.text() | st.text("ab/:@preset~.", max_size=20))
def test_every_spelling_survives_being_taken_apart(spelled: str) -> None:
    assert str(ModelId.parse(spelled)) == spelled


@given(known=IDS, prefix=st.sampled_from(["", "room."]), is_listed=st.booleans())
def test_nothing_that_the_provider_takes_is_refused(
    known: ModelId, prefix: str, is_listed: bool
) -> None:
    """FACTS, Model ids: with the row of its base, a model goes out in every variant."""
    spelled = listed_id(str(known)) if is_listed else str(known)
    row = Model(id=known.base, name="x")
    found = find_model(
        f"{prefix}{spelled}",
        function_id="room",
        model_ids={listed_id(known.base): known.base},
        models={known.base: row},
    )
    assert found is not None
    assert (found.id, found.model) == (str(known), row)


@given(known=UNLISTED, prefix=st.sampled_from(["", "room."]), is_listed=st.booleans())
def test_ids_that_need_no_row_are_found_without_one(
    known: ModelId, prefix: str, is_listed: bool
) -> None:
    spelled = listed_id(str(known)) if is_listed else str(known)
    found = find_model(f"{prefix}{spelled}", function_id="room", model_ids={})
    assert found is not None
    assert (found.id, found.model) == (str(known), None)


@given(exact=st.text(min_size=1), variant=st.sampled_from(["", ":nitro"]))
def test_the_row_of_just_that_id_comes_first(exact: str, variant: str) -> None:
    ids = {listed_id(each): each for each in (exact, exact + variant)}
    found = find_model(exact + variant, function_id="room", model_ids=ids)
    assert found is not None
    assert found.id in (exact + variant, ids[listed_id(exact + variant)])


@given(spelled=st.text())
def test_any_spelling_is_found_or_not(spelled: str) -> None:
    find_model(spelled, function_id="room", model_ids={"a.b": "a/b"})
    assert normalised_id(normalised_id(spelled)) == normalised_id(spelled)


@given(wanted=st.sampled_from(EFFORTS), supported=st.sets(st.sampled_from(EFFORTS), min_size=1))
def test_the_nearest_effort_is_the_next_higher_or_the_strongest(
    wanted: str, supported: set[str]
) -> None:
    """SPEC 120."""
    nearest = nearest_effort(wanted, supported)
    assert nearest in supported
    higher = [each for each in supported if effort_rank(each) >= effort_rank(wanted)]
    assert nearest == (min if higher else max)(higher or supported, key=effort_rank)
    assert weakest_first(reversed(EFFORTS)) == EFFORTS
