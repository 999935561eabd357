"""Whose turn it is when many wait, and who has to go when the room is full."""

from __future__ import annotations

from actors import AskFuture
from supervisor import Admitted, Refusal, Refused
from tests.unit.gate_hall import HOLD_S, Hall
from tests.unit.supervision_stage import Stage, simulated
from tests.unit.workshop import Workshop

FULL = Refused(why=Refusal.FULL)


async def order_of(hall: Hall, asked: dict[str, AskFuture]) -> list[str]:
    """End whatever runs, one by one; return who came in, in order."""
    came: list[str] = []
    for _ in range(len(asked) + 1):
        await hall.kill_all()
        came += [name for name in asked if name not in came and asked[name].is_done]
    return came


@simulated(seeds=3)
async def test_one_users_burst_keeps_no_other_waiting(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.answer("running")
    asked = {f"hog{number}": hall.admit(f"hog{number}", user="hog") for number in range(5)}
    asked |= {name: hall.admit(name, user=name[:3]) for name in ("ann1", "bob1", "ann2")}
    await stage.wait()
    order = await order_of(hall, asked)
    assert order == ["hog0", "ann1", "bob1", "hog1", "ann2", "hog2", "hog3", "hog4"]


@simulated(seeds=3)
async def test_without_fair_keys_first_come_is_first_served(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.answer("running")
    asked = {name: hall.admit(name) for name in "abcdef"}
    assert await order_of(hall, asked) == list("abcdef")


@simulated(seeds=3)
async def test_a_full_room_takes_a_place_from_who_has_most(stage: Stage) -> None:
    hall = Hall(stage, running_max=1, waiting_max=3)
    await hall.answer("running")
    hogs = [hall.admit(f"hog{number}", user="hog") for number in range(3)]
    ann = hall.admit("ann", user="ann")
    assert await hall.soon(ann) is None
    assert [each.is_done for each in hogs] == [False, False, True]
    assert hogs[2].get() == FULL, "the newest of the longest line"
    assert await hall.answer("hog3", user="hog") == FULL
    bob = hall.admit("bob", user="bob")
    assert await hall.soon(bob) is None
    assert hogs[1].get() == FULL
    assert await hall.answer("cas", user="cas") == FULL, "all have one place by now"
    assert await order_of(hall, {"hog0": hogs[0], "ann": ann, "bob": bob}) == ["hog0", "ann", "bob"]


@simulated(seeds=3)
async def test_equals_do_not_throw_each_other_out(stage: Stage) -> None:
    hall = Hall(stage, running_max=1, waiting_max=2)
    await hall.answer("running")
    first = [hall.admit(name, user=name) for name in ("ann", "bob")]
    for name in ("cas", "dan", "eve"):
        assert await hall.answer(name, user=name) == FULL
    assert not any(each.is_done for each in first)


@simulated(seeds=3)
async def test_what_nobody_wants_any_more_goes_before_anybody_is_displaced(stage: Stage) -> None:
    hall = Hall(stage, running_max=1, waiting_max=3)
    await hall.answer("running")
    hogs = [hall.admit(f"hog{number}", user="hog") for number in range(2)]
    leaves = hall.admit("dan", user="dan")
    await stage.wait()
    leaves.cancel()
    ann = hall.admit("ann", user="ann")
    assert await hall.soon(ann) is None
    assert not any(each.is_done for each in hogs)


@simulated(seeds=3)
async def test_a_held_key_takes_a_place_from_nobody(stage: Stage) -> None:
    hall = Hall(stage, running_max=1, waiting_max=2)
    await hall.fail("k")
    await hall.answer("running")
    hogs = [hall.admit(f"hog{number}", user="hog") for number in range(2)]
    answer = await hall.answer("held", "k", user="ann")
    assert isinstance(answer, Refused)
    assert answer.why is Refusal.HELD
    assert not any(each.is_done for each in hogs)
    await stage.wait(HOLD_S)


@simulated(seeds=3)
async def test_a_higher_limit_lets_those_in_who_wait_before_who_brought_it(stage: Stage) -> None:
    """SPEC 18: a raised limit arrives with the next request, whatever its answer."""
    hall = Hall(stage, running_max=1, waiting_max=2)
    asked = [hall.admit(name, user=name) for name in "abc"]
    await stage.wait()
    assert [each.is_done for each in asked] == [True, False, False]
    hall.running_max, hall.waiting_max = 2, 0
    assert await hall.answer("d", user="d") == FULL
    assert [each.is_done for each in asked] == [True, True, False]
    hall.running_max = 4
    assert isinstance(await hall.answer("e", user="e"), Admitted)
    assert all(isinstance(each.get(), Admitted) for each in asked)


@simulated(seeds=3)
async def test_a_smaller_room_turns_nobody_away_who_waits_in_it(stage: Stage) -> None:
    hall = Hall(stage, running_max=1, waiting_max=4)
    await hall.answer("running")
    asked = {name: hall.admit(name) for name in "abcd"}
    await stage.wait()
    hall.waiting_max = 1
    assert await hall.answer("e") == FULL
    assert await order_of(hall, asked) == list("abcd")


@simulated(seeds=3)
async def test_claims_take_turns_as_well_and_the_displaced_is_told(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1, waiting_max=3)
    await shop.claim("running")
    for label in ("h1", "h2", "h3"):
        assert await shop.claim(label, fair_key="hog") is None
    assert await shop.claim("ann", fair_key="ann") is None
    assert shop.answers["h3"] == [Refused(why=Refusal.FULL, token=2)]
    await shop.end("h3")
    for label in ("running", "h1", "ann", "h2"):
        await shop.end(label)
    assert shop.granted == ["running", "h1", "ann", "h2"]


@simulated(seeds=3)
async def test_a_displaced_holder_may_claim_anew(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1, waiting_max=2)
    await shop.claim("running")
    for label in ("h1", "h2"):
        await shop.claim(label, fair_key="hog")
    await shop.claim("ann", fair_key="ann")
    assert len(shop.answers["h2"]) == 1
    for label in ("running", "h1", "ann"):
        await shop.end(label)
    assert await shop.claim("h2", fair_key="hog") is not None
    assert shop.granted == ["running", "h1", "ann", "h2"]
