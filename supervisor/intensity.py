"""How many restarts are too many. Pure: no clock, no tasks, no log."""

from __future__ import annotations

from collections.abc import Sequence

from actors.kernel.child_spec import Intensity

__all__ = ["Intensity", "record_restart"]


def record_restart(
    history_s: Sequence[float], *, now_s: float, limit: Intensity
) -> tuple[float, ...] | None:
    """Add one restart to the history, or return None when the limit is passed.

    Args:
        history_s: earlier restarts, monotonic seconds, oldest first.
        now_s: time of this restart on the same clock; not before the last entry.
        limit: the budget to keep.

    Returns:
        The restarts inside the window, oldest first. None: too many; what follows is the
        policy's or the supervisor's decision.

    Source: Erlang/OTP supervisor, "restart intensity and period".
    """
    recent_s = (*(at_s for at_s in history_s if now_s - at_s <= limit.window_s), now_s)
    return recent_s if len(recent_s) <= limit.restarts_max else None
