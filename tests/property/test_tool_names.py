from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bridge.owui.tools.names import distinct, names_for
from bridge.owui.tools.offers import Offer, Origin

NAMES = st.sampled_from(["look", "tool__look", "lo.ok", "lo_ok", "x" * 70, "x" * 71, "", "\ud83d"])
OFFERS = st.lists(
    st.builds(
        Offer,
        origin=st.sampled_from(Origin),
        name=NAMES | st.text(max_size=4),
        parameters_json=st.sampled_from(["{}", '{"type":"object"}']),
        home=st.sampled_from(["", "a", "b"]),
        function=st.sampled_from([None, print]),
    ),
    max_size=12,
)
VALID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@given(offers=OFFERS)
def test_every_tool_has_a_valid_name_of_its_own(offers: list[Offer]) -> None:
    """SPEC 65."""
    names = names_for(distinct(offers))
    assert len(set(names)) == len(names)
    assert all(VALID.fullmatch(name) for name in names)


@given(offers=OFFERS)
def test_a_name_that_is_valid_and_nobody_elses_stays(offers: list[Offer]) -> None:
    """SPEC 65."""
    kept = distinct(offers)
    names = names_for(kept)
    spelt = [re.sub(r"[^a-zA-Z0-9_-]", "_", offer.name) for offer in kept]
    for offer, name in zip(kept, names, strict=True):
        if VALID.fullmatch(offer.name) and spelt.count(offer.name) == 1:
            assert name == offer.name


@given(offers=OFFERS, random=st.randoms(use_true_random=False))
def test_names_do_not_depend_on_the_order_in_which_tools_come(
    offers: list[Offer], random: object
) -> None:
    kept = list(distinct(offers))
    before = dict(zip(kept, names_for(kept), strict=True))
    shuffled = kept[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis names no type for it
    assert dict(zip(shuffled, names_for(shuffled), strict=True)) == before


@given(offers=OFFERS)
def test_a_tool_that_can_be_run_is_never_lost(offers: list[Offer]) -> None:
    """SPEC 65, 66."""
    kept = distinct(offers)
    runnable = {(each.name, each.parameters_json) for each in kept if each.can_run}
    assert runnable == {(each.name, each.parameters_json) for each in offers if each.can_run}
