"""One circuit breaker per key: who is held, who is the probe, and how work of a key ended.

A key stands for somebody (a user) or something (a provider, a tool) whose failures count
together. Its policy comes with each piece of work, so a changed one counts from the next on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from actors.kernel.permit import KeyPolicy
from actors.kernel.signals import Crashed, ExitReason, Normal
from supervisor.breaker import (
    CLOSED,
    Closed,
    HalfOpen,
    Open,
    Pass,
    Refuse,
    State,
    admit,
    failed,
    rejudged,
    succeeded,
    undecided,
)
from supervisor.kept import floor_of

# How many keys with something to remember are kept; the one unused longest goes first.
KEYS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A key is held; try again in `retry_after_s` seconds."""

    key: str
    retry_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCounts:
    """How many keys are in which state; the keys themselves may name people and stay inside."""

    failing: int
    held: int
    probing: int


class Breakers:
    """The breakers of all keys that have something to remember.

    Args:
        now_s: reads the clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._states: OrderedDict[str, State] = OrderedDict()

    def held(self, keys: tuple[KeyPolicy, ...]) -> Held | None:
        """Say which of these keys is held, if one is; takes no probe yet."""
        if not self._states:
            return None
        now_s = self._now_s()
        for each in keys:
            answer = self._ask(each, now_s)
            if isinstance(answer, Refuse):
                return Held(key=each.key, retry_after_s=answer.retry_after_s)
        return None

    def enter(self, keys: tuple[KeyPolicy, ...]) -> tuple[str, ...]:
        """Let work of these keys in, none of which is held; return those it is the probe of."""
        if not self._states:
            return ()
        now_s = self._now_s()
        probed = []
        for each in keys:
            answer = self._ask(each, now_s)
            assert isinstance(answer, Pass), "a held key was refused before"
            if isinstance(answer.state, HalfOpen):
                probed.append(each.key)
                self._remember(each.key, answer.state)
        return tuple(probed)

    def heard(
        self, keys: tuple[KeyPolicy, ...], probes: tuple[str, ...], reason: ExitReason
    ) -> None:
        """Tell the policies of these keys how a piece of work ended.

        Args:
            keys: those of the work.
            probes: those of them that it was the probe of.
            reason: normal is a success, a crash by an error that the policy counts a failure;
                every other end says nothing.
        """
        if not self._states and not isinstance(reason, Crashed):
            return
        for each in keys:
            before = self._states.get(each.key)
            if before is None and not isinstance(reason, Crashed):
                continue  # A key without failures has nothing to learn from that.
            self._remember(each.key, self._after(each, before or CLOSED, probes, reason))

    def counts(self) -> KeyCounts:
        """Count the keys by their state."""
        kinds = [type(state) for state in self._states.values()]
        return KeyCounts(
            failing=kinds.count(Closed), held=kinds.count(Open), probing=kinds.count(HalfOpen)
        )

    def _ask(self, key: KeyPolicy, now_s: float) -> Pass | Refuse:
        state = self._states.get(key.key)
        if state is None:
            return _PASS
        return admit(rejudged(state, now_s=now_s, policy=key.policy), now_s=now_s)

    def _after(
        self, key: KeyPolicy, state: State, probes: tuple[str, ...], reason: ExitReason
    ) -> State:
        now_s, policy = self._now_s(), key.policy
        if not isinstance(state, Closed):
            state = rejudged(state, now_s=now_s, policy=policy)
        if isinstance(state, HalfOpen) and key.key not in probes:
            return state  # Let in before it opened: no news, and the probe is another's.
        if isinstance(reason, Normal):
            return succeeded(state, policy=policy)
        if isinstance(reason, Crashed) and policy.is_counted(reason.error):
            return failed(
                state,
                now_s=now_s,
                policy=policy,
                floor_s=floor_of(reason),
                history_max=key.history_max,
            )
        return undecided(state)

    def _remember(self, key: str, state: State) -> None:
        if state == CLOSED:
            self._states.pop(key, None)
            return
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > KEYS_MAX:
            self._states.popitem(last=False)


_PASS = Pass(CLOSED)
