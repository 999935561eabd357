"""The door to Open WebUI: the class `Pipe` that it finds, asks for models and calls for chats.

What Open WebUI hands over is taken apart in `reception.py`, what it gets back is written in
`answers.py`. Here is what holds them together: whatever goes wrong becomes words in the answer, so
that nothing is ever raised into Open WebUI. `except Exception` stands at the entrances alone.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias
from weakref import finalize

from actors.kernel.clock import SystemWatch
from actors.kernel.entropy import SystemEntropy
from actors.log_values import LogOwner
from bridge.app import Ports
from bridge.config.setting_groups import ErrorTemplates
from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from bridge.owui.answers import (
    Whole,
    asked,
    is_to_be_continued,
    last_lines,
    outcome,
    refused_lines,
    said,
    settle,
    whole,
)
from bridge.owui.error_kinds import Condition
from bridge.owui.error_text import failure_markdown
from bridge.owui.error_values import ErrorContext
from bridge.owui.given import Given, given
from bridge.owui.listing import Listing, setup_rows, unusable
from bridge.owui.log_records import LogIds, LogWriter, announce
from bridge.owui.log_timing import TimingLog
from bridge.owui.real_ports import real_ports
from bridge.owui.reception import Call, Reception, Refusal
from bridge.owui.residence import IDLE_STOP_S, Residence, Visit
from bridge.owui.session_logs import SessionLogDesk
from bridge.owui.snapshots import Snapshot, Snapshots
from bridge.owui.task_desk import TaskDesk
from bridge.transforms.chat_chunks import ChunkWriter, FinishReason, completion_dict
from bridge.transforms.policy import Caller
from bridge.transforms.tasks import failed_task_text

_log = logging.getLogger("greenroom.pipe")

Answer: TypeAlias = AsyncIterator[str] | Whole | str

_ERROR_ID_BYTES: Final = 8
_COMPLETION_ID_BYTES: Final = 12

# For what fails before the valves are read.
_BUILT_IN: Final = ErrorTemplates()


def pipe_class(
    function_id: str,
    build: str,
    release: Callable[[str], None] | None,
    ports: Callable[[], Ports] | None = None,
    *,
    guards_loop: bool = True,
    idle_stop_s: float = IDLE_STOP_S,
) -> type:
    """Make the class `Pipe` of one function; all its instances share one residence.

    Args:
        function_id: the id under which Open WebUI runs it.
        build: which build this is.
        release: forgets the modules of a build that runs nowhere any more.
        ports: makes the adapters for a new tree; None: those to the real world.
        guards_loop: see `Residence`.
        idle_stop_s: likewise.
    """
    writer, timing = LogWriter(), TimingLog(SystemWatch())
    logs = SessionLogDesk(SystemEntropy())
    made_ports = partial(real_ports, function_id, logs) if ports is None else ports

    def furnished() -> Ports:
        """Open the logs with a tree, and close them with it."""
        made = made_ports()
        writer.attach()

        async def close() -> None:
            try:
                closing = made.close()
                if closing is not None:
                    await closing
            finally:
                timing.close(0.0)
                writer.detach()

        return replace(made, close=close)

    residence = Residence(
        function_id, build, furnished, release, guards_loop=guards_loop, idle_stop_s=idle_stop_s
    )

    class Pipe(_Door):
        """Every model of OpenRouter as a model of Open WebUI."""

        def __init__(self) -> None:
            super().__init__(function_id, residence, timing, logs)

    return Pipe


class _Door:
    """What Open WebUI sees. `valves` is replaced by a new object before every call."""

    Valves = Valves
    UserValves = UserValves

    def __init__(
        self, function_id: str, residence: Residence, timing: TimingLog, logs: SessionLogDesk
    ) -> None:
        self.type = "manifold"
        self.id = function_id
        self.valves = Valves()
        self.residence = residence
        self._timing = timing
        self._logs = logs
        self._entropy = SystemEntropy()
        self._snapshots = Snapshots(self._entropy)
        self._listing = Listing()
        self._reception = Reception(function_id, self._listing, self._entropy)
        self._tasks = TaskDesk(self._reception, residence, self._entropy)

    async def close(self) -> None:
        """Stop the tree behind this door; the next call starts it again (SPEC 192)."""
        await self.residence.close()

    def shutdown(self) -> None:
        """Ask for a close and return, from any thread (SPEC 191)."""
        self.residence.shut_down()

    # --- the list of models ----------------------------------------------------------------------

    async def pipes(self) -> list[dict[str, str]]:
        """Tell Open WebUI the models; never raises (SPEC 7)."""
        try:
            snapshot = self._snapshots.of(self.valves, None)
            if (condition := unusable(snapshot.settings)) is not None:
                return setup_rows(condition)
            visit = self.residence.enter(snapshot.settings.shutdown_grace_s)
            try:
                return await self._listing.rows(visit.app, snapshot)
            finally:
                visit.end()
        except Exception as error:  # noqa: BLE001 - a door: Open WebUI would show no models at all
            _log.error("the model list failed: %s", type(error).__name__, exc_info=error)
            return setup_rows(Condition.INTERNAL)

    # --- a chat ----------------------------------------------------------------------------------

    async def pipe(
        self,
        body: object,
        __user__: Any = None,
        __metadata__: Any = None,
        __request__: Any = None,
        __tools__: Any = None,
        __event_emitter__: Any = None,
        __event_call__: Any = None,
        __task__: Any = None,
    ) -> Answer:
        """Answer one chat: an async generator of chunks, a whole completion, or a task's text."""
        handed = given(
            body,
            __user__,
            __metadata__,
            request=__request__,
            tools=__tools__,
            event_emitter=__event_emitter__,
            event_call=__event_call__,
            task=__task__,
        )
        error_id = self._entropy.token(_ERROR_ID_BYTES)
        templates, is_collected = _BUILT_IN, False
        try:
            snapshot = self._snapshots.of(self.valves, handed.user.get("valves"))
            templates = snapshot.settings.templates
            self._timing.configure(snapshot.settings.timing)
            _announce(handed.caller, error_id)
            if handed.task:
                with self._timing.span("task", error_id):
                    return await self._tasks.answer(handed, snapshot, error_id)
            is_collected = self._logs.begin(
                _owner(handed.caller, error_id), snapshot.settings.session_logs
            )
            call: Call | str = await self._received(handed, snapshot, error_id)
        except Exception as error:  # noqa: BLE001 - a door: Open WebUI would show the exception
            call = self._internal(error, error_id, templates)
        if handed.task:
            return failed_task_text(handed.task)
        if handed.is_streaming:
            if isinstance(call, str):
                self._logs.end(error_id, is_terminal=True)
                return self._told(call, handed)
            stream = self._streamed(call, handed, error_id)
            if is_collected:
                # One that nobody ever asks for a line has no end of its own.
                finalize(stream, self._logs.end, error_id, is_terminal=True).atexit = False
            return stream
        return await self._whole(call, handed, error_id)

    async def _received(self, handed: Given, snapshot: Snapshot, error_id: str) -> Call | str:
        """Check everything that can be checked before admission; the words for what cannot."""
        try:
            with self._timing.span("receive", error_id):
                enter = self.residence.enter
                return await self._reception.call(enter, handed, snapshot, error_id)
        except Refusal as refusal:
            return refusal.markdown

    async def _told(self, text: str, handed: Given) -> AsyncIterator[str]:
        for line in said(self._writer(handed), text):
            yield line

    async def _streamed(self, call: Call, handed: Given, error_id: str) -> AsyncIterator[str]:
        writer = self._writer(handed)
        visit: Visit | None = None
        try:
            visit = self.residence.enter(call.settings.shutdown_grace_s)
            visit.watch()
            self._timing.mark("stream", error_id)
            sink = call.sink
            sink.begin()
            asking = asked(visit, call)
            for note in call.notes:
                yield note.line
            while pieces := await sink.take():
                settled = await sink.stored(pieces) if sink.has_images else pieces
                for line in writer.lines(settled):
                    yield line
                visit.watch()
                if asking.is_done and visit.asking is not None:
                    break
            if visit.asking is not None and (refusal := await outcome(call, asking)):
                for line in await refused_lines(call, writer, refusal):
                    yield line
                return
            # Nothing is left to stop; who reads no further than the end keeps nothing alive.
            visit.chat = None
            visit.end()
            for line in last_lines(call, writer):
                yield line
        except Exception as error:  # noqa: BLE001 - a door: text shown so far must survive
            for line in said(writer, self._internal(error, error_id, call.settings.templates)):
                yield line
        finally:
            # The user pressed stop or left: close the connection to the provider at once.
            if visit is not None:
                visit.end()
                self._tasks.hear(handed, call.snapshot, call.sink.ending, visit.app.now_s())
            self._timing.mark("end", error_id)
            self._logs.end(error_id, is_terminal=not is_to_be_continued(call))
            call.sink.leave()
            if call.sink.unsettled is not None:
                with suppress(RuntimeError):
                    await settle(call)

    async def _whole(self, call: Call | str, handed: Given, error_id: str) -> Whole:
        completion_id, created_s = self._completion_id(), _now_s()
        visit: Visit | None = None
        text = ""
        if isinstance(call, str):
            self._logs.end(error_id, is_terminal=True)
            text = call
        if not isinstance(call, str):
            try:
                visit = self.residence.enter(call.settings.shutdown_grace_s)
                with self._timing.span("whole", error_id):
                    return await whole(
                        visit, call, completion_id=completion_id, created_s=created_s
                    )
            except Exception as error:  # noqa: BLE001 - a door: Open WebUI would show it
                text = self._internal(error, error_id, call.settings.templates)
            finally:
                if visit is not None:
                    visit.end()
                    self._tasks.hear(handed, call.snapshot, call.sink.ending, visit.app.now_s())
                self._logs.end(error_id, is_terminal=not is_to_be_continued(call))
                call.sink.leave()
                if call.sink.unsettled is not None:
                    await settle(call)
        return completion_dict(
            model=handed.asked_model,
            completion_id=completion_id,
            created_s=created_s,
            content=text,
            reason=FinishReason.STOP,
        )

    # --- small things ----------------------------------------------------------------------------

    def _writer(self, handed: Given) -> ChunkWriter:
        return ChunkWriter(
            model=handed.asked_model, completion_id=self._completion_id(), created_s=_now_s()
        )

    def _completion_id(self) -> str:
        return f"chatcmpl-{self._entropy.token(_COMPLETION_ID_BYTES)}"

    def _internal(self, error: Exception, error_id: str, templates: ErrorTemplates) -> str:
        _log.error("internal error %s, error id %s", type(error).__name__, error_id, exc_info=error)
        about = ErrorContext(at=datetime.now(UTC))
        return failure_markdown(error, templates=templates, error_id=error_id, about=about)


def _announce(caller: Caller, request_id: str) -> None:
    """Let the records of this call say whose it is."""
    announce(LogIds(session_id=caller.session_id, user_id=caller.user_id, request_id=request_id))


def _owner(caller: Caller, request_id: str) -> LogOwner:
    return LogOwner(
        user_id=caller.user_id,
        chat_id=caller.chat_id,
        message_id=caller.message_id,
        request_id=request_id,
        session_id=caller.session_id,
    )


def _now_s() -> int:
    return int(datetime.now(UTC).timestamp())
