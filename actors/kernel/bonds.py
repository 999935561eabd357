"""Who watches whom, and whose lives hang together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.kernel.callbacks import call_listener, note_failure
from actors.kernel.lanes import Lanes
from actors.kernel.phase import CLOSED
from actors.kernel.ref import ActorRef
from actors.kernel.signals import (
    KILLED,
    NO_PROC,
    ExitReason,
    LinkBroken,
    NoProc,
    Normal,
    Terminated,
)

if TYPE_CHECKING:
    pass


class Bonds(Lanes):
    """Monitors and links of a cell. Each end is told once, whoever ends first."""

    __slots__ = ("_closed_callbacks", "_watched", "_watchers", "actor_class", "links")

    actor_class: Any
    links: dict[int, Bonds] | None
    _watchers: dict[object, Callable[[Terminated], object]] | None
    _closed_callbacks: list[Callable[[], object]] | None
    _watched: set[Bonds] | None

    def kill(self, reason: ExitReason = KILLED) -> None:
        """End now; see `Cell.kill`."""
        raise NotImplementedError

    # --- watching --------------------------------------------------------------------------------

    def watch(self, key: object, notify: Callable[[Terminated], object]) -> None:
        """Call `notify` once when this cell has ended for good; at once if it has."""
        if self.phase is CLOSED:
            notify(Terminated(self.ref, NO_PROC))
        elif self._watchers is None:
            self._watchers = {key: notify}
        else:
            self._watchers[key] = notify

    def monitor(self, other: Bonds) -> None:
        """Watch another cell for the actor in this one; see `Actor.monitor`."""
        if other.phase is not CLOSED:
            self._watched = self._watched if self._watched is not None else set()
            self._watched.add(other)
        other.watch(self, self._watched_ended)

    def demonitor(self, other: Bonds) -> None:
        """Stop watching another cell."""
        if self._watched is not None:
            self._watched.discard(other)
        other.unwatch(self)

    def watched(self) -> tuple[ActorRef[Any], ...]:
        """See `Actor.monitored`."""
        watched = self._watched if self._watched is not None else ()
        return tuple(cell.ref for cell in sorted(watched, key=lambda cell: cell.number))

    def _watched_ended(self, terminated: Terminated) -> None:
        if self._watched is not None:
            self._watched.discard(terminated.ref.cell)
        self.signal(terminated)

    def unwatch(self, key: object) -> None:
        """Forget a watcher; harmless when it is gone."""
        if self._watchers is not None:
            self._watchers.pop(key, None)

    def on_closed(self, callback: Callable[[], object]) -> None:
        """Call `callback` when this cell has ended for good."""
        if self._closed_callbacks is None:
            self._closed_callbacks = [callback]
        else:
            self._closed_callbacks.append(callback)

    # --- links -----------------------------------------------------------------------------------

    def _tell_watchers(self, reason: ExitReason) -> None:
        if self._watchers is not None:
            watchers, self._watchers = self._watchers, None
            terminated = Terminated(self.ref, reason)
            for notify in watchers.values():
                try:
                    notify(terminated)
                except Exception as error:  # noqa: BLE001 - the kernel's own boundary
                    note_failure(error)
        if self._closed_callbacks is not None:
            callbacks, self._closed_callbacks = self._closed_callbacks, None
            for callback in callbacks:
                call_listener(callback)

    def _break_links(self, reason: ExitReason) -> None:
        links, self.links = self.links or {}, None
        for other in links.values():
            if other.links is not None:
                other.links.pop(self.number, None)
            other.link_broke(self.ref, reason)

    def link_broke(self, ref: ActorRef[Any], reason: ExitReason) -> None:
        """A linked actor has ended: hear of it, or end the same way (OTP links)."""
        if self.actor_class.traps_exits:
            self.signal(LinkBroken(ref, reason))
        elif not isinstance(reason, Normal | NoProc):
            self.kill(reason)

    def link(self, other: Bonds) -> None:
        """Tie this cell's life to another's; see `Actor.link`."""
        if other.is_closed:
            self.link_broke(other.ref, NO_PROC)
            return
        self.links = self.links if self.links is not None else {}
        other.links = other.links if other.links is not None else {}
        self.links[other.number] = other
        other.links[self.number] = self

    def unlink(self, other: Bonds) -> None:
        """Untie the two lives."""
        if self.links is not None:
            self.links.pop(other.number, None)
        if other.links is not None:
            other.links.pop(self.number, None)
