"""How supervision itself fails."""

from __future__ import annotations


class SupervisionError(Exception):
    """Base of the supervisors' own errors."""


class RestartLimitReached(SupervisionError):
    """More restarts than the intensity allows; the supervisor fails in turn."""

    def __init__(self, child: str) -> None:
        self.child = child
        super().__init__(f"{child} failed more often than its restart intensity allows")


class ChildFailed(SupervisionError):
    """A child failed in a way that its supervisor has to pass on."""

    def __init__(self, child: str) -> None:
        self.child = child
        super().__init__(f"{child} failed and escalated")
