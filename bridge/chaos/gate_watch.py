"""Watches a gate from inside, because the order in which it hears of ends decides what it may do.

Ends reach it as signals, which pass no interceptor; so the gate that runs is a class made from
the one under test, which writes down each message before it is acted on. Who has a permit is
counted here once more, for it must outlive the gate's crashes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from actors.kernel.child_spec import StartedChild, StartRefused
from actors.kernel.permit import Claim, KeyPolicy
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, ExitReason, Normal, Terminated
from bridge.chaos.gate_events import (
    GateBorn,
    GateEvent,
    HeardElsewhere,
    HeardEnd,
    HeardStart,
    LetIn,
    Recounted,
    Verdict,
)
from supervisor.dynamic import DynamicSupervisor
from supervisor.failure_exchange import FailuresElsewhere
from supervisor.gate import Admit, GateActor, GateMessage, Work
from supervisor.kept import floor_of

Keys = tuple[KeyPolicy, ...]


class GateBook(Protocol):
    """Where the events of one gate are written down."""

    events: list[GateEvent]

    def heard(self, message: GateMessage, now_s: float) -> None:
        """Take down a message before the gate acts on it."""

    def let_in(self, work: Work, now_s: float) -> None:
        """Take down that somebody is let in, before it is."""


def watched(
    gate: type[GateActor],
    book_of: Callable[[str], GateBook],
    at_start: Callable[[str, int], None],
) -> type[GateActor]:
    """Return a gate that writes down what it hears, before it acts on it.

    Args:
        gate: the one under test.
        book_of: the book of a gate, by its name.
        at_start: called with the name of the gate and the number of each life as it begins; it
            may raise.
    """

    class WatchedGate(gate):  # type: ignore[valid-type, misc]  # which gate is only known here
        """A gate under observation."""

        def __init__(self, children: ActorRef[object] | str | None, **others: object) -> None:
            super().__init__(children, **others)
            self.book = book_of(self.name)

        def on_start(self) -> object:
            at_start(self.name, self.life)
            self.book.events.append(GateBorn(at_s=self.system.clock.now_s()))
            return super().on_start()

        def receive(self, message: GateMessage) -> object:
            self.book.heard(message, self.system.clock.now_s())
            return super().receive(message)

        def let_in(self, work: Work) -> None:
            self.book.let_in(work, self.system.clock.now_s())
            super().let_in(work)

        def take_count(self, refs: tuple[ActorRef[Any], ...]) -> None:
            # Not every answer is taken: one to an earlier question is too old.
            self.book.events.append(Recounted())
            super().take_count(refs)

    return WatchedGate


class AdmissionBook:
    """Of a gate that lets chats in, which are named by their label.

    That it asked for one to be started is seen on the way to the supervisor that does it: there
    it can be counted who really runs (`starting`).
    """

    def __init__(self) -> None:
        self.events: list[GateEvent] = []
        self._running_max = 0
        self._asked: dict[str, Admit] = {}
        # Token of a start -> its visit.
        self._tokens: dict[int, str] = {}

    def asked(self, admit: Admit) -> None:
        """Note what a visit comes with."""
        self._asked[admit.spec.labels[0]] = admit

    def starting(self, visit: str, token: int, *, running: int, now_s: float) -> None:
        """Take down that a chat is to be started, beside so many, itself included."""
        self._tokens[token] = visit
        admit = self._asked[visit]
        self.events.append(
            LetIn(
                at_s=now_s,
                visit=visit,
                user=admit.fair_key,
                keys=_names(admit.keys),
                running=running,
                running_max=self._running_max,
            )
        )

    def heard(self, message: GateMessage, now_s: float) -> None:
        """See `GateBook.heard`."""
        match message:
            case Admit(running_max=running_max):
                self._running_max = running_max
            case StartedChild(ref=ref):
                self.events.append(HeardStart(visit=ref.cell.spec.labels[0]))
            case StartRefused(token=token):
                self.events.append(HeardEnd(at_s=now_s, visit=self._tokens[token]))
            case Terminated(ref=ref, reason=reason) if not _keeps_chats(ref):
                visit = ref.cell.spec.labels[0]
                self.events.append(_heard_end(visit, reason, self._asked[visit].keys, now_s))
            case FailuresElsewhere():
                self.events += _heard_elsewhere(message)
            case _:
                pass

    def let_in(self, work: Work, now_s: float) -> None:
        """See `GateBook.let_in`; `starting` has more to say."""


class ClaimBook:
    """Of a gate for claims: who holds a permit, counted so that it outlives the gate's crashes.

    `asked_s` has everybody who ever claimed, by name, and when that was heard last.
    """

    def __init__(self) -> None:
        self.events: list[GateEvent] = []
        self.asked_s: dict[str, float] = {}
        self._holding: dict[ActorRef[object], Keys] = {}
        self._running_max = 0

    @property
    def holders(self) -> tuple[ActorRef[object], ...]:
        """Who has a permit and lives, in the order in which they got it."""
        return tuple(ref for ref in self._holding if ref.is_alive())

    def heard(self, message: GateMessage, now_s: float) -> None:
        """See `GateBook.heard`."""
        if isinstance(message, Claim):
            self._running_max = message.running_max
        elif isinstance(message, FailuresElsewhere):
            self.events += _heard_elsewhere(message)
        elif isinstance(message, Terminated) and message.ref in self._holding:
            visit, keys = message.ref.cell.name, self._holding.pop(message.ref)
            self.events.append(_heard_end(visit, message.reason, keys, now_s))

    def let_in(self, work: Work, now_s: float) -> None:
        """See `GateBook.let_in`."""
        claim = work.asked
        if not isinstance(claim, Claim):
            return
        self._holding[claim.holder] = claim.keys
        visit = claim.holder.cell.name
        entered = LetIn(
            at_s=now_s,
            visit=visit,
            user=claim.fair_key,
            keys=_names(claim.keys),
            running=len(self.holders),
            running_max=self._running_max,
        )
        self.events += (entered, HeardStart(visit=visit))


def _keeps_chats(ref: ActorRef[object]) -> bool:
    return issubclass(ref.cell.actor_class, DynamicSupervisor)


def _names(keys: Keys) -> tuple[str, ...]:
    return tuple(key.key for key in keys)


def _heard_end(visit: str, reason: ExitReason, keys: Keys, at_s: float) -> HeardEnd:
    verdicts = {key.key: _verdict(reason, key) for key in keys}
    return HeardEnd(at_s=at_s, visit=visit, verdicts=verdicts, floor_s=floor_of(reason) or 0.0)


def _heard_elsewhere(message: FailuresElsewhere) -> list[HeardElsewhere]:
    return [HeardElsewhere(news=each, at_s=message.at_s - each.age_s) for each in message.news]


def _verdict(reason: ExitReason, key: KeyPolicy) -> Verdict:
    if isinstance(reason, Normal):
        return Verdict.SUCCESS
    if isinstance(reason, Crashed) and key.policy.is_counted(reason.error):
        return Verdict.FAILURE
    return Verdict.NEITHER
