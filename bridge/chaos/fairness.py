"""What becomes of those who wait at a gate: whether others pass them, and whether they are told.

Users take turns, and each waits in a line of its own: whoever has n of the same user before it is
let in after at most (n + 1) turns of each other user. A place that somebody has left may still
cost its user a turn, until the gate has heard of it. All of this is pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bridge.chaos.gate_events import Answered, Asked, GateBorn, GateEvent, LetIn

# How late a gate may hear that somebody has left: it hangs, or the word is held up.
LEFT_LATE_S: Final = 30.0

# How soon after a new life of a gate everybody knows who had asked in the life before.
TOLD_WITHIN_S: Final = 1.5


@dataclass(slots=True)
class _Waiting:
    user: str
    before: int
    passed: int = 0
    left_s: float | None = None


def unfair(events: Iterable[GateEvent]) -> list[str]:
    """Say who was passed by others more often than it may be.

    Args:
        events: of one gate, in order.
    """
    broken: list[str] = []
    users: set[str] = set()
    waiting: dict[str, _Waiting] = {}
    inside: set[str] = set()
    for event in events:
        match event:
            case GateBorn():
                waiting.clear()
            case Asked(visit=visit, user=user) if visit not in inside:
                users.add(user)
                if visit not in waiting or waiting[visit].left_s is not None:
                    waiting.pop(visit, None)
                    waiting[visit] = _Waiting(user, _before(waiting, user, event.at_s))
            case Answered(visit=visit, at_s=at_s) if visit in waiting:
                waiting[visit].left_s = at_s
            case LetIn(visit=visit, user=user):
                users.add(user)
                inside.add(visit)
                waiting.pop(visit, None)
                broken += _passed(waiting, user, len(users))
            case _:
                pass
    return broken


def _before(waiting: dict[str, _Waiting], user: str, now_s: float) -> int:
    return sum(
        each.user == user and (each.left_s is None or now_s - each.left_s <= LEFT_LATE_S)
        for each in waiting.values()
    )


def _passed(waiting: dict[str, _Waiting], user: str, users: int) -> list[str]:
    """Count one turn of a user against all others who wait."""
    broken = []
    for visit, each in waiting.items():
        if each.user == user or each.left_s is not None:
            continue
        each.passed += 1
        if each.passed == (each.before + 1) * (users - 1) + 1:
            broken.append(f"{visit} of {each.user} was passed {each.passed} times by others")
    return broken


def forgotten(events: Iterable[GateEvent]) -> list[str]:
    """Say who had asked a gate before it crashed, and never heard of that.

    Args:
        events: of one gate, in order; whoever asks again has heard.
    """
    broken: list[str] = []
    inside: set[str] = set()
    waiting: set[str] = set()
    # Who had asked in an earlier life, and when the next one began.
    untold: dict[str, float] = {}
    for event in events:
        match event:
            case GateBorn(at_s=at_s):
                untold |= dict.fromkeys(sorted(waiting), at_s)
                waiting.clear()
            case LetIn(visit=visit):
                inside.add(visit)
                waiting.discard(visit)
            case Asked(visit=visit, at_s=at_s) if visit not in inside:
                broken += _told(visit, untold.pop(visit, at_s), at_s)
                waiting.add(visit)
            case Answered(visit=visit, at_s=at_s):
                broken += _told(visit, untold.pop(visit, at_s), at_s)
                waiting.discard(visit)
            case _:
                pass
    return broken + [f"{visit} was never told that its gate had crashed" for visit in untold]


def _told(visit: str, born_s: float, at_s: float) -> list[str]:
    if at_s - born_s <= TOLD_WITHIN_S:
        return []
    return [f"{visit} was told {at_s - born_s:.3f} s after its gate had crashed"]
