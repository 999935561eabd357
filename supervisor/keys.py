"""One circuit breaker per key: who is held, who is the probe, and how work of a key ended.

A key stands for somebody (a user) or something (a provider, a tool) whose failures count
together. Its policy comes with each piece of work, so a changed one counts from the next on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
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
    told,
    undecided,
)
from supervisor.cluster import KeyNews, Terms, Turn
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
        tell: told of what other workers should hear of; None: there are no others.
    """

    def __init__(
        self, now_s: Callable[[], float], tell: Callable[[KeyNews], None] | None = None
    ) -> None:
        self._now_s = now_s
        self._tell = tell
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
            after = self._after(each, before or CLOSED, probes, reason)
            if self._tell is not None:
                news = _news(each, before or CLOSED, after, probes, reason)
                if news is not None:
                    self._tell(news)
            self._remember(each.key, after)

    def heard_elsewhere(self, news: Iterable[KeyNews], at_s: float) -> None:
        """Count what happened to keys in other workers, as if it had happened here.

        Args:
            news: what happened, in its order.
            at_s: when their age was told.
        """
        for each in news:
            state = self._states.get(each.key, CLOSED)
            self._remember(each.key, told(state, each, at_s=at_s - each.age_s))

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


def _news(
    key: KeyPolicy, before: State, after: State, probes: tuple[str, ...], reason: ExitReason
) -> KeyNews | None:
    """Return what an end here means to other workers, if it means anything."""
    is_probe = isinstance(before, HalfOpen) and key.key in probes
    if isinstance(reason, Normal):
        has_recovered = is_probe and after == CLOSED
        return KeyNews(gate="", key=key.key, turn=Turn.RECOVERED) if has_recovered else None
    policy = key.policy
    limit = policy.intensity
    if limit is None or not isinstance(reason, Crashed) or not policy.is_counted(reason.error):
        return None
    if not is_probe and not isinstance(before, Closed):
        return None  # Let in before it opened: no news.
    return KeyNews(
        gate="",
        key=key.key,
        turn=Turn.PROBE_FAILED if is_probe else Turn.FAILED,
        terms=Terms(
            restarts_max=limit.restarts_max,
            window_s=limit.window_s,
            hold_s=policy.hold_s,
            floor_max_s=policy.backoff.floor_max_s,
            history_max=key.history_max,
        ),
        floor_s=floor_of(reason) or 0.0,
    )


_PASS = Pass(CLOSED)
