"""What is seen of a gate for claims is enough to tell a sound one from a broken one."""

from __future__ import annotations

from collections import defaultdict

from actors.kernel.child_spec import Children
from actors.kernel.signals import STOPPED, Crashed, Terminated
from bridge.chaos.gate_events import BreakerTerms, GateEvent, HeardEnd, LetIn, Recounted, Verdict
from bridge.chaos.gate_watch import AdmissionBook, ClaimBook, watched
from bridge.chaos.invariants_gates import breaker_states, breakers_keep_the_law, limits_hold
from bridge.chaos.trace import Trace
from supervisor import GateActor, Granted
from supervisor.gate import GateMessage
from tests.unit.gate_hall import HOLD_S, POLICY, Hall
from tests.unit.supervision_stage import Stage, simulated
from tests.unit.workshop import Workshop

TERMS = BreakerTerms(
    failures_max=3, window_s=60.0, hold_s=HOLD_S, floor_max_s=POLICY.backoff.floor_max_s
)


def trace_of(events: list[GateEvent]) -> Trace:
    # The workshop's keys are bare words: each is a kind of its own.
    return Trace(terms=defaultdict(lambda: TERMS), gates=[events])


def watched_claims(gate: type[GateActor], book: ClaimBook) -> type[GateActor]:
    return watched(gate, lambda _: book, lambda _name, _life: None)


async def crash_with_holders(shop: Workshop) -> None:
    """Let as many in as may, crash the gate, and let others claim."""
    shop.running_max = 2
    for label in "ab":
        assert isinstance(await shop.claim(label), Granted)
    shop.gate.kill()
    await shop.stage.wait()
    await shop.claim("c")


async def open_and_probe(shop: Workshop) -> None:
    """Open a breaker, claim while it is open, and once more when a probe may pass."""
    shop.running_max = 5
    await shop.fail("k")
    await shop.claim("early", "k")
    await shop.stage.wait(HOLD_S)
    for label in ("probe", "beside"):
        await shop.claim(label, "k")


@simulated(seeds=3)
async def test_a_sound_gate_breaks_neither_its_limits_nor_the_law(stage: Stage) -> None:
    book = ClaimBook()
    shop, events = Workshop(stage, gate=watched_claims(GateActor, book)), book.events
    await open_and_probe(shop)
    await shop.end("probe")
    await crash_with_holders(shop)
    seen = [type(each) for each in events if isinstance(each, LetIn | HeardEnd)]
    assert seen == [LetIn, HeardEnd] * 4 + [LetIn] * 2
    assert limits_hold(trace_of(events)) == []
    assert breakers_keep_the_law(trace_of(events)) == []
    assert breaker_states(trace_of(events)).keys() == {
        "breaker opened: k",
        "breaker half-open: k",
        "breaker closed again: k",
    }


@simulated(seeds=3)
async def test_only_the_count_that_a_gate_takes_is_written_down(stage: Stage) -> None:
    """What was let in is not lost because an answer to an earlier question comes late."""
    book = AdmissionBook()
    hall = Hall(stage, gate=watched(GateActor, lambda _: book, lambda _name, _life: None))
    await hall.answer("a")
    hall.gate.kill()
    assert await hall.answer("b") is None
    counts = book.events.count(Recounted())
    assert counts >= 1, "a new life counts who runs"
    hall.gate.cell.signal(Children(refs=(), token=1))
    await stage.wait()
    assert book.events.count(Recounted()) == counts


class Forgetful(GateActor):
    """Does not look for the holders of an earlier life."""

    @property
    def monitored(self) -> tuple[()]:
        return ()


class NeverOpens(GateActor):
    """Takes every failure for something that says nothing."""

    def receive(self, message: GateMessage) -> None:
        if isinstance(message, Terminated) and isinstance(message.reason, Crashed):
            message = Terminated(message.ref, STOPPED)
        super().receive(message)


@simulated()
async def test_a_gate_that_forgets_holders_in_a_crash_is_found_out(stage: Stage) -> None:
    book = ClaimBook()
    await crash_with_holders(Workshop(stage, gate=watched_claims(Forgetful, book)))
    assert limits_hold(trace_of(book.events)) == ["c was let in as number 3 of 2"]


@simulated()
async def test_a_gate_whose_breaker_never_opens_is_found_out(stage: Stage) -> None:
    book = ClaimBook()
    shop, events = Workshop(stage, gate=watched_claims(NeverOpens, book)), book.events
    await open_and_probe(shop)
    [verdict] = {each.verdict("k") for each in events if isinstance(each, HeardEnd)}
    assert verdict is Verdict.FAILURE
    broken = breakers_keep_the_law(trace_of(events))
    assert broken[0].startswith("early was let in")
