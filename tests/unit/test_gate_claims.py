"""Permits for actors that already live: a claim is answered, and its holder's end gives it back."""

from __future__ import annotations

from functools import partial

import pytest

from actors import AskTimedOut, ChildSpec, Interceptor, Signal, StopChild
from actors.kernel.cell import Cell
from supervisor import Admit, Claim, Granted, Refusal, Refused
from tests.unit.gate_hall import HOLD_S, CrashOn, Hall
from tests.unit.supervision_stage import SUP, AsyncChild, Oops, Stage, simulated
from tests.unit.workshop import Holder, Workshop


@simulated(seeds=3)
async def test_a_claim_is_granted_with_its_token_and_the_next_one_waits(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    assert await shop.claim("a", token=7) == Granted(token=7)
    assert await shop.claim("b", token=8) is None
    await shop.end("a")
    assert shop.answers["b"] == [Granted(token=8)]


@simulated(seeds=3)
async def test_an_ask_gets_the_same_answers(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1, waiting_max=1)
    first, second, third = (shop.ask(label) for label in "abc")
    await stage.wait()
    assert first.get() == Granted(token=1)
    assert not second.is_done
    assert third.get() == Refused(why=Refusal.FULL, token=1)
    await shop.end("a")
    assert second.get() == Granted(token=1)


@pytest.mark.parametrize("how", ["normal", "crashed", "killed", "stopped"])
@simulated(seeds=3)
async def test_a_permit_is_back_after_every_end_of_its_holder(stage: Stage, how: str) -> None:
    shop = Workshop(stage, running_max=1)
    for _ in range(3):
        assert isinstance(await shop.claim("a"), Granted)
        await shop.end("a", how)
    assert isinstance(await shop.claim("b"), Granted)
    assert await shop.claim("c") is None


@pytest.mark.parametrize("how", ["normal", "crashed", "killed", "stopped"])
@simulated(seeds=3)
async def test_who_dies_while_it_waits_has_left_the_queue(stage: Stage, how: str) -> None:
    shop = Workshop(stage, running_max=1, waiting_max=1)
    await shop.claim("a")
    await shop.claim("b")
    await shop.end("b", how)
    assert await shop.claim("c") is None, "there was a place to wait"
    await shop.end("a")
    assert shop.granted == ["a", "c"]


@simulated(seeds=3)
async def test_somebody_who_asks_for_a_holder_that_dies_is_told(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.claim("a")
    asked = shop.ask("b")
    await stage.wait()
    await shop.end("b")
    assert asked.get() == Refused(why=Refusal.NOT_STARTED, token=1)


@simulated(seeds=3)
async def test_a_claim_for_a_dead_holder_takes_no_permit(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    claim = shop.claim_of("a", reply_to=shop.holder("b"), token=3)
    await shop.end("a")
    shop.gate.tell(claim)
    await stage.wait()
    assert shop.answers["b"] == [Refused(why=Refusal.NOT_STARTED, token=3)]
    assert isinstance(await shop.claim("c"), Granted)


@simulated(seeds=3)
async def test_waiting_claims_are_bounded(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1, waiting_max=2)
    await shop.claim("a")
    assert [await shop.claim(label) for label in "bc"] == [None, None]
    assert await shop.claim("d") == Refused(why=Refusal.FULL, token=1)


@simulated(seeds=3)
async def test_a_claim_does_not_wait_for_ever(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.claim("a")
    assert await shop.claim("b", wait_max_s=10.0) is None
    await stage.wait(9.0)
    assert shop.answers["b"] == []
    await stage.wait(1.0)
    assert shop.answers["b"] == [Refused(why=Refusal.FULL, token=1)]
    assert await shop.claim("b", wait_max_s=10.0) is None
    await shop.end("a")
    assert not shop.gate.cell.timers, "the wait is over, and its end is not waited for"
    await stage.wait(20.0)
    assert shop.answers["b"][1:] == [Granted(token=1)]


@simulated(seeds=3)
async def test_who_asks_and_gives_up_leaves_a_place(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1, waiting_max=2)
    await shop.claim("a")
    expires, cancelled = shop.ask("b", timeout_s=1.0), shop.ask("c")
    await stage.wait(0.05)
    cancelled.cancel()
    await stage.wait(2.0)
    assert isinstance(expires.error, AskTimedOut)
    assert [await shop.claim(label) for label in "de"] == [None, None]
    await shop.end("a")
    assert shop.granted == ["a", "d"]


@simulated()
async def test_a_claim_that_nobody_waits_for_takes_no_permit(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    shop.gate.tell(shop.claim_of("a", reply_to=None))
    assert isinstance(await shop.claim("b"), Granted)


# --- one holder, one permit ---------------------------------------------------------------------


@simulated(seeds=3)
async def test_a_holder_that_claims_again_has_its_one_permit(stage: Stage) -> None:
    shop = Workshop(stage, running_max=2)
    assert await shop.claim("a", token=1) == Granted(token=1)
    assert await shop.claim("a", token=2) == Granted(token=2)
    assert isinstance(await shop.claim("b"), Granted)
    assert await shop.claim("c") is None
    await shop.end("a")
    assert shop.granted == ["a", "a", "b", "c"]


@simulated(seeds=3)
async def test_a_holder_that_claims_again_while_it_waits_keeps_its_place(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.claim("a")
    await shop.claim("b", token=1)
    await shop.claim("c")
    assert await shop.claim("b", token=2) is None
    again = shop.ask("b")
    await stage.wait()
    await shop.end("a")
    assert shop.answers["b"] == []
    assert again.get() == Granted(token=1)
    await shop.end("b")
    assert shop.granted == ["a", "c"]


@simulated(seeds=3)
async def test_who_gives_up_on_a_claim_that_was_repeated_leaves_the_queue(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1, waiting_max=1)
    await shop.claim("a")
    await shop.claim("b")
    again = shop.ask("b")
    await stage.wait()
    again.cancel()
    await stage.wait()
    assert await shop.claim("c") is None, "there is a place to wait"
    await shop.end("a")
    assert shop.granted == ["a", "c"]


@simulated(seeds=3)
async def test_a_holder_keeps_its_permit_over_its_own_restart(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    kept = ChildSpec(name="kept", start=partial(Holder, shop, stage, "kept"))
    crew = stage.system.spawn(stage.below("crew", kept))
    holder = stage.system.find("crew/kept")
    assert holder is not None
    claim = Claim(holder=holder, keys=(), running_max=1, reply_to=holder)
    shop.gate.tell(claim)
    await stage.wait()
    holder.kill()
    await stage.wait()
    assert await shop.claim("other") is None
    shop.gate.tell(claim)
    await stage.wait()
    assert shop.answers["kept"] == [Granted(), Granted()]
    crew.shut_down(1.0)
    await stage.wait()
    assert shop.granted == ["kept", "kept", "other"]


# --- keys ---------------------------------------------------------------------------------------


@simulated(seeds=3)
async def test_the_crashes_of_holders_hold_their_key_and_no_other(stage: Stage) -> None:
    """SPEC 75."""
    shop = Workshop(stage, running_max=5)
    await shop.fail("ann:search")
    answer = await shop.claim("a", "ann:search")
    assert isinstance(answer, Refused)
    assert (answer.why, answer.key, answer.token) == (Refusal.HELD, "ann:search", 1)
    assert HOLD_S - 0.5 <= answer.retry_after_s <= HOLD_S
    for key in ("ann:weather", "bob:search"):
        assert isinstance(await shop.claim(key, key), Granted)


@simulated(seeds=3)
async def test_a_held_claim_is_refused_at_once_though_others_wait(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.fail("k")
    await shop.claim("long")
    await shop.claim("waits")
    answer = await shop.claim("a", "k")
    assert isinstance(answer, Refused)
    assert answer.why is Refusal.HELD


@simulated(seeds=3)
async def test_one_claim_is_the_probe_and_its_normal_end_closes_the_breaker(stage: Stage) -> None:
    shop = Workshop(stage, running_max=5)
    await shop.fail("k")
    await stage.wait(HOLD_S)
    assert isinstance(await shop.claim("probe", "k"), Granted)
    assert isinstance(await shop.claim("other", "k"), Refused)
    await shop.end("probe")
    for label in "ab":
        assert isinstance(await shop.claim(label, "k"), Granted)


@pytest.mark.parametrize("how", ["killed", "stopped", "uncounted"])
@simulated(seeds=3)
async def test_a_probe_that_says_nothing_gives_its_turn_to_the_next(stage: Stage, how: str) -> None:
    shop = Workshop(stage, running_max=5)
    await shop.fail("k")
    await stage.wait(HOLD_S)
    assert isinstance(await shop.claim("probe", "k"), Granted)
    await shop.end("probe", "crashed" if how == "uncounted" else how, KeyError())
    assert isinstance(await shop.claim("next", "k"), Granted)
    assert isinstance(await shop.claim("other", "k"), Refused)


@simulated(seeds=3)
async def test_who_waits_for_a_probe_and_dies_does_not_use_it_up(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.fail("k")
    await stage.wait(HOLD_S)
    await shop.claim("long")
    await shop.claim("waits", "k")
    await shop.end("waits")
    await shop.end("long")
    assert isinstance(await shop.claim("next", "k"), Granted)


# --- crashes of the gate ------------------------------------------------------------------------


@simulated(seeds=10)
async def test_a_gate_that_crashes_counts_the_holders_that_live(stage: Stage) -> None:
    shop = Workshop(stage, running_max=3)
    for label in "abc":
        await shop.claim(label)
    assert await shop.claim("waits") is None
    shop.gate.kill()
    await shop.end("b")
    assert shop.answers["waits"] == [Refused(why=Refusal.NOT_STARTED, token=5)]
    assert isinstance(await shop.claim("d"), Granted), "b has gone"
    assert await shop.claim("e") is None
    await shop.end("a")
    assert isinstance(shop.answers["e"][0], Granted)


@simulated(seeds=10)
async def test_who_waited_when_the_gate_crashed_takes_no_permit(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.claim("a")
    for label in ("b", "c"):
        assert await shop.claim(label) is None
    shop.gate.kill()
    await shop.end("a")
    assert isinstance(await shop.claim("d"), Granted)
    await shop.end("d")
    assert isinstance(await shop.claim("b"), Granted)


@simulated(seeds=5)
async def test_a_holder_counts_through_any_number_of_crashes(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.claim("a")
    for _ in range(3):
        shop.gate.kill()
        await stage.wait(0.05)
        assert await shop.claim("b") is None
    await shop.end("a")
    assert shop.granted == ["a", "b"]


@simulated(seeds=5)
async def test_a_holder_from_before_a_crash_may_claim_again_and_its_end_counts(
    stage: Stage,
) -> None:
    shop = Workshop(stage, running_max=5)
    for label in "abc":
        await shop.claim(label, "k")
    shop.gate.kill()
    await stage.wait(0.05)
    for label in "abc":
        assert isinstance(await shop.claim(label, "k"), Granted)
        await shop.end(label, "crashed")
    assert isinstance(await shop.claim("d", "k"), Refused)


@simulated(seeds=5)
async def test_a_claim_that_crashes_the_gate_leaves_no_permit_taken(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    stage.system.interceptors = (CrashOn(f"{SUP}/gate", Claim),)
    asked = shop.ask("a")
    await stage.wait()
    assert isinstance(asked.error, Oops)
    assert isinstance(await shop.claim("b"), Granted)


@simulated(seeds=40)
async def test_a_crash_at_any_moment_neither_loses_nor_invents_a_permit(stage: Stage) -> None:
    shop = Workshop(stage, running_max=2)
    holders = {label: shop.holder(label) for label in "abcde"}
    for label in holders:
        shop.gate.tell(shop.claim_of(label))
    for _ in range(stage.loop.choose(12, "turns")):
        await stage.wait(0.0)
        if stage.loop.chance(0.2, "end"):
            holders["abcde"[stage.loop.choose(5, "who")]].kill()
    shop.gate.kill()
    await stage.wait()
    living = [label for label, ref in holders.items() if ref.is_alive()]
    with_permit = [label for label in living if label in shop.granted]
    assert len(with_permit) <= 2
    if len(with_permit) < 2:
        assert all(shop.answers[label] for label in living), "somebody waits in front of room"
    for number in range(2 - len(with_permit)):
        assert isinstance(await shop.claim(f"f{number}"), Granted)
    assert await shop.claim("last") is None


@simulated()
async def test_a_gate_that_stops_refuses_those_who_wait_and_watches_nobody(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    await shop.claim("a")
    await shop.claim("b")
    stage.root.tell(StopChild(ref=shop.gate))
    await stage.wait()
    assert shop.answers["b"] == [Refused(why=Refusal.NOT_STARTED, token=1)]
    assert not shop.gate.is_alive()


class LateSignals(Interceptor):
    """The fault: the news of any end needs two seconds to the gate."""

    def signalling(self, cell: Cell, signal: Signal) -> float:
        return 2.0 if cell.name == f"{SUP}/gate" else 0.0


@simulated(seeds=5)
async def test_late_news_of_a_death_costs_time_and_no_permit(stage: Stage) -> None:
    shop = Workshop(stage, running_max=1)
    stage.system.interceptors = (LateSignals(),)
    await shop.claim("a")
    await shop.claim("b")
    await shop.claim("c")
    await shop.end("b")
    await shop.end("a")
    await stage.wait(10.0)
    assert shop.granted == ["a", "c"]


# --- one gate for both --------------------------------------------------------------------------


@simulated(seeds=3)
async def test_admitted_children_and_holders_share_the_permits(stage: Stage) -> None:
    hall = Hall(stage, running_max=2)
    assert await hall.answer("a") is not None
    holder = stage.system.spawn(stage.child("holder", AsyncChild))
    claimed = hall.gate.ask(Claim(holder=holder, keys=(), running_max=2), block=False)
    await stage.wait()
    assert claimed.get() == Granted()
    assert await hall.answer("b") is None
    hall.gate.kill()
    waiting = hall.admit("c")
    await stage.wait()
    assert not waiting.is_done, "both were counted"
    holder.kill()
    await stage.wait()
    assert waiting.is_done


@simulated()
async def test_a_gate_without_a_supervisor_admits_nothing(stage: Stage) -> None:
    shop = Workshop(stage)
    admit = Admit(spec=stage.child("a"), keys=(), running_max=1)
    answer = await shop.gate.ask(admit, block=False)
    assert answer == Refused(why=Refusal.NOT_STARTED)
