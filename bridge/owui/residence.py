"""Where a function's actor tree lives inside Open WebUI: started on use, stopped when not needed.

Open WebUI has no hook for the end of anything. It replaces a function's instance by a newer one
and drops the old. So each build of a function registers itself in one table of the process; a
newer build tells the older ones to leave, and they do so once their last stream has ended. A tree
that nobody used for `IDLE_STOP_S` stops as well, and starts again on use (SPEC 192).
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, Final

from actors.kernel.future import AskFuture
from actors.kernel.ref import ActorRef
from bridge.app import App, Ports
from bridge.owui.exit_watch import watch_exit

_log = logging.getLogger("greenroom.residence")

IDLE_STOP_S: Final = 900.0

# What the actors of a stopped chat get to let go of their connection.
CHAT_STOP_S: Final = 0.1

# What the last steps of cancelled tasks get when the loop is about to end.
LAST_TURNS_S: Final = 0.1

TABLE_NAME: Final = "_greenroom_residences"

Retire = Callable[[], None]


def residences_here() -> dict[str, dict[str, Retire]]:
    """Give the table of this process: by function id, who was loaded, and how to retire each.

    It holds no class of ours, which would keep the build that made it in memory for ever.
    """
    fresh = ModuleType(TABLE_NAME)
    vars(fresh).update(table={})
    table: dict[str, dict[str, Retire]] = vars(sys.modules.setdefault(TABLE_NAME, fresh))["table"]
    return table


class Visit:
    """One call's stay in a tree; what it keeps busy there is let go of when it ends.

    A generator that is dropped while it stands at a `yield` hears nothing until it is collected,
    and where it is part of a cycle (a traceback, a frame) that can be minutes later. So a visit
    watches the task that takes the lines: one that was cancelled, or failed, does not come back.
    A task that ended in the usual way says nothing; some callers use a new one for every line.

    Attributes:
        app: the tree.
        asking: the admission that is waited for; taken back when the visit ends.
        chat: the chat to stop when the visit ends; None before admission and after its end.
    """

    __slots__ = ("_leave", "_taker", "app", "asking", "chat")

    def __init__(self, app: App, leave: Callable[[], None]) -> None:
        self.app = app
        self.asking: AskFuture | None = None
        self.chat: ActorRef[Any] | None = None
        self._leave: Callable[[], None] | None = leave
        self._taker: asyncio.Task[Any] | None = None

    def watch(self) -> None:
        """Watch the task that runs this; the generator says so whenever it goes on."""
        task = asyncio.current_task()
        if task is self._taker or self._leave is None:
            return
        self._look_away()
        self._taker = task
        if task is not None:
            task.add_done_callback(self._on_taker_done)

    def end(self) -> None:
        """Give up what was asked for or is running, and leave. Harmless when repeated."""
        leave, self._leave = self._leave, None
        if leave is None:
            return
        self._look_away()
        asking, self.asking = self.asking, None
        if asking is not None:
            self.app.take_back(asking)
        chat, self.chat = self.chat, None
        if chat is not None:
            chat.shut_down(CHAT_STOP_S)
        leave()

    def _look_away(self) -> None:
        task, self._taker = self._taker, None
        if task is not None:
            task.remove_done_callback(self._on_taker_done)

    def _on_taker_done(self, task: asyncio.Task[Any]) -> None:
        # Whoever caught the cancellation, as Open WebUI 0.6 does, ends in the usual way: then
        # the request for it is still counted.
        if task is self._taker and (
            task.cancelled() or task.cancelling() or task.exception() is not None
        ):
            self.end()


class Residence:
    """One build of one function, and its tree while there is one.

    Args:
        function_id: the function's id in Open WebUI.
        build: which build this is.
        ports: makes the adapters for a new tree.
        release: forgets the modules of a build that runs nowhere any more.
        guards_loop: watch the loop from a thread, and the end of the program; a simulated loop
            takes no visits from threads.
        idle_stop_s: how long nobody may use the tree until it stops.
    """

    def __init__(
        self,
        function_id: str,
        build: str,
        ports: Callable[[], Ports],
        release: Callable[[str], None] | None,
        *,
        guards_loop: bool = True,
        idle_stop_s: float = IDLE_STOP_S,
    ) -> None:
        self._function_id = function_id
        self._build = build
        self._ports = ports
        self._release = release
        self._guards_loop = guards_loop
        self._idle_stop_s = idle_stop_s
        self._app: App | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guests = 0
        self._grace_s = 20.0
        self._is_retiring = False
        self._idle_since_s = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._unwatch: Callable[[], None] = _unwatched
        # At once, not at the first use: a build that is never used has to be released as well.
        self._place = f"{build} {id(self):x}"
        residences_here().setdefault(function_id, {})[self._place] = self.retire

    @property
    def guests(self) -> int:
        """Calls under way."""
        return self._guests

    @property
    def has_tree(self) -> bool:
        """Whether a tree stands, for the next call to find."""
        return self._app is not None and self._app.is_alive

    def enter(self, grace_s: float) -> Visit:
        """Begin a call, with the tree started if need be. End the visit when it is over.

        Args:
            grace_s: what running requests get when the tree has to stop.
        """
        self._grace_s = grace_s
        app = self._app
        loop = asyncio.get_running_loop()
        if app is None or not app.is_alive or self._loop is not loop:
            if app is not None and self._loop is loop:
                self._close(app)
            self._app = None
            app = self._app = App(
                self._ports(),
                name=self._function_id,
                guards_loop=self._guards_loop,
                guards_exit=self._guards_loop,
            )
            self._loop = loop
            self._unwatch()
            if self._guards_loop:
                self._unwatch = watch_exit(self._on_exit)
            self._move_in()
        self._guests += 1
        return Visit(app, self._leave)

    def retire(self) -> None:
        """A newer build has taken over: stop as soon as the last call has ended."""
        self._is_retiring = True
        if not self._guests:
            self._stop()

    def shut_down(self) -> None:
        """Ask for a close and return, from any thread (SPEC 191). Harmless without a tree."""
        loop = self._loop
        if self._app is not None and loop is not None and not loop.is_closed():
            with suppress(RuntimeError):  # It was closed between.
                loop.call_soon_threadsafe(self._stop)

    async def close(self) -> None:
        """Stop the tree, which lets running chats finish; a later call starts a new one."""
        self._stop()
        while self._closing:
            await asyncio.wait(tuple(self._closing))

    def _leave(self) -> None:
        self._guests -= 1
        if self._guests:
            return
        if self._is_retiring:
            self._stop()
        elif self._app is not None and self._loop is not None and not self._loop.is_closed():
            # One timer that looks when it is due, instead of a new one after every call.
            self._idle_since_s = self._loop.time()
            if self._idle_timer is None:
                self._idle_timer = self._loop.call_later(self._idle_stop_s, self._stop_if_idle)

    def _stop_if_idle(self) -> None:
        self._idle_timer = None
        if self._guests or self._loop is None:
            return
        left_s = self._idle_since_s + self._idle_stop_s - self._loop.time()
        if left_s > 0:
            self._idle_timer = self._loop.call_later(left_s, self._stop_if_idle)
        else:
            self._stop()

    def _move_in(self) -> None:
        """Take over: whoever was loaded earlier has nothing to do any more but to finish.

        The same build can be among them: Open WebUI 0.6.28 runs the same file twice. A late call
        on an instance that was replaced takes nothing over.
        """
        here = residences_here().setdefault(self._function_id, {})
        here.setdefault(self._place, self.retire)
        if not self._is_retiring:
            for place, retire in tuple(here.items()):
                if place == self._place:
                    break
                retire()

    def _stop(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        app, self._app = self._app, None
        loop = self._loop
        self._unwatch()
        self._unwatch = _unwatched
        if app is None or loop is None or loop.is_closed():
            if self._is_retiring:
                self._move_out()
        elif loop is asyncio.get_running_loop():
            self._close(app)
        else:
            loop.call_soon_threadsafe(self._close, app)

    def _on_exit(self, has_left: Callable[[], None]) -> None:
        """The server is told to end; this runs between two steps of whatever the loop does."""
        app, loop = self._app, self._loop
        if app is None or loop is None or loop.is_closed():
            has_left()
        else:
            loop.call_soon_threadsafe(self._leave_with, app, has_left)

    def _leave_with(self, app: App, has_left: Callable[[], None]) -> None:
        task = asyncio.get_running_loop().create_task(self._left(app, has_left))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _left(self, app: App, has_left: Callable[[], None]) -> None:
        """Let running chats finish as long as the server lets the loop run."""
        try:
            await app.close(self._grace_s)
        except asyncio.CancelledError:
            # The loop is about to end. The others are told of it in the same moment: let them.
            await asyncio.sleep(LAST_TURNS_S)
            app.leave()
            raise
        finally:
            has_left()

    def _close(self, app: App) -> None:
        # A task of the door's own: the tree that it closes cannot be its supervisor.
        task = asyncio.get_running_loop().create_task(self._closed(app))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _closed(self, app: App) -> None:
        try:
            report = await app.close(self._grace_s)
            _log.debug("tree of %s stopped in %.3f s", self._function_id, report.elapsed_s)
        finally:
            if self._is_retiring and self._app is None:
                self._move_out()

    def _move_out(self) -> None:
        residences_here().get(self._function_id, {}).pop(self._place, None)
        if self._release is not None:
            self._release(self._build)


def _unwatched() -> None:
    """Nothing is watched."""
