"""Everything that is settled before a chat is admitted: who asks, for what, with which tools.

What cannot be answered becomes a `Refusal` with the words for it; what is only worth a note
becomes one of the call's `notes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from msgspec import Struct

from actors.kernel.entropy import Entropy
from actors.ports import ToolBox
from actors.values import ChatRequest, Model, Noticed, ToolEnded
from bridge.app import NO_SERVERS, Payer, Place
from bridge.config.setting_groups import ToolMode
from bridge.config.settings import Settings
from bridge.owui.error_kinds import Condition
from bridge.owui.error_text import (
    explain_valves,
    failure_markdown,
    model_restricted_markdown,
    tool_rounds_markdown,
    valves_warning,
)
from bridge.owui.error_values import ErrorContext
from bridge.owui.event_sink import OwuiSink, SlowReaderLog
from bridge.owui.given import Given, mapping_of
from bridge.owui.image_store import ImageStore
from bridge.owui.listing import (
    SETUP_ID,
    CatalogUnknown,
    KnownModels,
    Listing,
    restrictions,
    unusable,
)
from bridge.owui.messenger import Messenger
from bridge.owui.residence import Visit
from bridge.owui.show_looks import PLAIN, Looks
from bridge.owui.snapshots import Snapshot
from bridge.owui.tools.cards import tool_card
from bridge.owui.tools.kit import Handed, ToolKit, tool_kit
from bridge.transforms.catalog_filters import BY_ID, BY_PRICE, BY_TOOLS, calls_tools
from bridge.transforms.model_ids import find_model
from bridge.transforms.policy import Caller
from bridge.transforms.request_body import RequestInvalid, read_body
from bridge.transforms.request_policies import with_tools
from bridge.transforms.side_event import SideEvent, toast
from bridge.transforms.tasks import task_request

# Begins a visit to the tree, which is started if there is none; the argument is its grace.
Enter: TypeAlias = Callable[[float], Visit]

_LEGACY: Final = "legacy"
_DEFAULT: Final = "default"

# How the ids begin of what Open WebUI keeps no history of that comes back to us (CONTRACT).
_UNKEPT: Final = ("local", "temporary:", "channel:")


class Refusal(Exception):
    """A request that ends at the door, with the Markdown for it."""

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown
        super().__init__()


class Call(Struct, frozen=True, kw_only=True):
    """One request on its way through the door.

    Attributes:
        given: what Open WebUI handed over.
        snapshot: the valves of this call.
        request: what is asked of the provider.
        model: the row of its model; None where no row describes it.
        caller: who asks.
        sink: where the answer is shown.
        kit: its tools, if there are any.
        box: runs them; None: whoever asked does.
        place: where the answer will stand, if it is in a chat that is kept.
        notes: what the reader should hear at once.
        messenger: the way to the browser for what no stream can carry; None: nobody looks.
    """

    given: Given
    snapshot: Snapshot
    request: ChatRequest
    model: Model | None
    caller: Caller
    sink: OwuiSink
    kit: ToolKit | None = None
    box: ToolBox | None = None
    place: Place | None = None
    notes: tuple[SideEvent, ...] = ()
    messenger: Messenger | None = None

    @property
    def settings(self) -> Settings:
        """All settings of this call."""
        return self.snapshot.settings

    @property
    def servers(self) -> Mapping[str, str]:
        """The servers that its tools run on."""
        return NO_SERVERS if self.kit is None else self.kit.servers

    @property
    def about(self) -> ErrorContext:
        """What an error text may tell of it."""
        about = _about(self.given, self.caller, self.settings)
        return replace(about, api_model_id=self.request.model, model=self.model)

    def shown_name(self, name: str) -> str:
        """Return what Open WebUI calls a tool."""
        return name if self.kit is None else self.kit.shown_name(name)

    def failure(self, error: BaseException | Condition, error_id: str, **facts: Any) -> str:
        """Word a failure for the reader."""
        return failure_markdown(
            error,
            templates=self.settings.templates,
            error_id=error_id,
            about=replace(self.about, at=datetime.now(UTC)),
            **facts,
        )


class Reception:
    """Prepares the calls of one door.

    Args:
        function_id: the id under which Open WebUI runs this pipe.
        listing: the models.
        entropy: for jitter and ids.
    """

    def __init__(self, function_id: str, listing: Listing, entropy: Entropy) -> None:
        self._function_id = function_id
        self._listing = listing
        self._entropy = entropy
        self._slow_log = SlowReaderLog()

    async def call(self, enter: Enter, given: Given, snapshot: Snapshot, error_id: str) -> Call:
        """Prepare a chat.

        Raises:
            Refusal: it cannot be answered.
        """
        settings = snapshot.settings
        self._check(given, snapshot, error_id)
        known = self._listing.fresh(settings, asyncio.get_running_loop().time())
        if known is None:
            known = await self._known(enter, given, settings, error_id)
        caller = given.caller
        place = _place(caller)
        try:
            read = read_body(
                given.body,
                request_id=error_id,
                function_id=self._function_id,
                model_ids=known.ids,
                models=known.rows,
                policy=snapshot.policy,
                caller=caller,
                recalls=place is not None,
            )
        except RequestInvalid as invalid:
            about = _about(given, caller, settings)
            raise _refused(invalid, settings, error_id, about) from None
        request, model = read.request, read.model
        if reasons := restrictions(request.model, model, known):
            raise _restricted(reasons, settings, error_id, _about(given, caller, settings))
        kit = await _kit(given, settings, model, self._entropy)
        if kit is not None or _speaks_of_tools(given.body):
            request = with_tools(request, () if kit is None else kit.tools, snapshot.policy)
        is_run_here = kit is not None and settings.tools.mode is ToolMode.PIPELINE
        looks = PLAIN
        if given.is_in_browser:
            looks = snapshot.in_browser if given.is_streaming else snapshot.in_browser_whole
        if kit is not None:
            about = _about(given, caller, settings)
            looks = _with_tools(looks, kit, settings, about, error_id)
        return Call(
            given=given,
            snapshot=snapshot,
            request=request,
            model=model,
            caller=caller,
            sink=self._sink(given, caller, settings, looks),
            kit=kit,
            box=kit.box if kit is not None and is_run_here else None,
            place=place,
            notes=_notes(settings, kit) if given.is_in_browser else (),
            messenger=Messenger(given.event_emitter) if given.is_in_browser else None,
        )

    async def task(self, enter: Enter, given: Given, snapshot: Snapshot, error_id: str) -> Call:
        """Prepare a job beside a chat (SPEC 145, 146).

        Raises:
            Refusal: it cannot be answered.
        """
        settings = snapshot.settings
        known = await self._known(enter, given, settings, error_id)
        caller = given.caller
        about = _about(given, caller, settings)
        found = find_model(
            given.asked_model.strip(),
            function_id=self._function_id,
            model_ids=known.ids,
            models=known.rows,
        )
        try:
            request = task_request(
                given.body,
                request_id=error_id,
                function_id=self._function_id,
                model_ids=known.ids,
                models=known.rows,
                policy=snapshot.policy,
                caller=caller,
                is_allowed=found is not None and not restrictions(found.id, found.model, known),
            )
        except RequestInvalid as invalid:
            raise _refused(invalid, settings, error_id, about) from None
        return Call(
            given=given,
            snapshot=snapshot,
            request=request,
            model=known.rows.get(request.model),
            caller=caller,
            sink=self._sink(given, caller, settings, PLAIN),
        )

    def _check(self, given: Given, snapshot: Snapshot, error_id: str) -> None:
        settings = snapshot.settings
        if (condition := unusable(settings)) is not None:
            raise _refused(condition, settings, error_id, ErrorContext())
        asked = given.asked_model.removeprefix(f"{self._function_id}.")
        if snapshot.problems and asked == SETUP_ID:
            raise Refusal(explain_valves(snapshot.problems).markdown())

    async def _known(
        self, enter: Enter, given: Given, settings: Settings, error_id: str
    ) -> KnownModels:
        # A generator that is never begun is never ended either: it visits for itself.
        visit = enter(settings.shutdown_grace_s)
        try:
            return await self._listing.known(visit.app, settings)
        except CatalogUnknown as unknown:
            about = ErrorContext(requested_model=given.asked_model, endpoint=settings.endpoint)
            raise _refused(
                Condition.STARTUP, settings, error_id, about, reason=unknown.about
            ) from None
        finally:
            visit.end()

    def _sink(self, given: Given, caller: Caller, settings: Settings, looks: Looks) -> OwuiSink:
        store = None
        if given.request is not None and not given.task:
            store = ImageStore(
                given.request,
                caller.user_id,
                chat_id=caller.chat_id,
                message_id=caller.message_id,
            )
        return OwuiSink(
            bytes_max=settings.handover_bytes_max,
            pieces_max=settings.handover_lines_max,
            warn_pieces=settings.backlog_warn_size,
            slow_after_s=settings.slow_reader_after_s,
            slow_log=self._slow_log,
            looks=looks,
            store_image=store,
        )


def payer_of(given: Given) -> Payer | None:
    """Who is accounted for (SPEC 178)."""
    user_id, email, name = given.caller.user_id, given.user.get("email"), given.user.get("name")
    if not (user_id and isinstance(email, str) and isinstance(name, str) and email and name):
        return None
    return Payer(user_id=user_id, email=email, name=name)


def _place(caller: Caller) -> Place | None:
    """Where the answer will stand, if it is in a chat that is kept (SPEC 154)."""
    chat_id, message_id = caller.chat_id, caller.message_id
    if not (chat_id and message_id and caller.user_id) or chat_id.startswith(_UNKEPT):
        return None
    return Place(chat_id=chat_id, message_id=message_id)


def _with_tools(
    looks: Looks, kit: ToolKit, settings: Settings, about: ErrorContext, error_id: str
) -> Looks:
    def card(ended: ToolEnded) -> str:
        return tool_card(ended.call, ended.result, shown_name=kit.shown_name(ended.call.name))

    def rounds_text(notice: Noticed) -> str:
        rounds_max = round(notice.amount or settings.tools.rounds_max)
        return tool_rounds_markdown(
            rounds_max,
            templates=settings.templates,
            error_id=error_id,
            about=replace(about, at=datetime.now(UTC)),
        )

    return replace(looks, shown_name=kit.shown_name, card=card, rounds_text=rounds_text)


async def _kit(
    given: Given, settings: Settings, model: Model | None, entropy: Entropy
) -> ToolKit | None:
    """Gather the tools, where there are any; for most requests there are none."""
    said, body = given.metadata, given.body
    if not (
        given.tools
        or body.get("tools")
        or body.get("extra_tools")
        or said.get("tools")
        or said.get("tool_servers")
    ) or _is_done_by_open_webui(given):
        return None
    kit = await tool_kit(
        Handed(
            tools=given.tools,
            metadata=said,
            body=body,
            event_call=given.event_call,
            event_emitter=given.event_emitter,
        ),
        model_takes_tools=model is None or calls_tools(model),
        is_pass_through=settings.tools.mode is ToolMode.OPEN_WEBUI,
        is_strict=settings.tools.is_strict,
        entropy=entropy,
    )
    return kit if kit.tools or kit.warnings else None


def _is_done_by_open_webui(given: Given) -> bool:
    """Whether Open WebUI has had the tools run already, and put what they gave into the message.

    Without native calling it asks the model for calls as a task of its own. To tell the model of
    the tools once more would let it run them twice. (0.12 calls that `legacy`, and takes
    `default` for native; then there are tools in the body.)
    """
    calling = mapping_of(given.metadata.get("params")).get("function_calling")
    return calling == _LEGACY or (calling == _DEFAULT and not given.body.get("tools"))


def _speaks_of_tools(body: Mapping[str, object]) -> bool:
    return "tool_choice" in body or "parallel_tool_calls" in body or "function_call" in body


def _restricted(
    reasons: tuple[str, ...], settings: Settings, error_id: str, about: ErrorContext
) -> Refusal:
    catalog, said = settings.catalog, " ".join(reasons)
    return Refusal(
        model_restricted_markdown(
            reasons,
            templates=settings.templates,
            error_id=error_id,
            about=replace(about, at=datetime.now(UTC)),
            model_id_filter=catalog.models_text if BY_ID in said else "",
            free_model_filter=catalog.free.value if BY_PRICE in said else "",
            tool_calling_filter=catalog.tool_calling.value if BY_TOOLS in said else "",
        )
    )


def _refused(
    failure: Condition | RequestInvalid,
    settings: Settings,
    error_id: str,
    about: ErrorContext,
    *,
    reason: str = "",
) -> Refusal:
    return Refusal(
        failure_markdown(
            failure,
            templates=settings.templates,
            error_id=error_id,
            about=replace(about, at=datetime.now(UTC)),
            reason=reason,
        )
    )


def _about(given: Given, caller: Caller, settings: Settings) -> ErrorContext:
    return ErrorContext(
        requested_model=given.asked_model,
        session_id=caller.session_id,
        user_id=caller.user_id,
        endpoint=settings.endpoint,
        deadline_s=settings.request_deadline_s,
    )


def _notes(settings: Settings, kit: ToolKit | None) -> tuple[SideEvent, ...]:
    """Say at once what the reader should know: once with each request (SPEC 28)."""
    if kit is None and settings.referer_problem is None and not settings.user_valve_problems:
        return ()
    referer = settings.referer_problem
    problems = (*(() if referer is None else (referer,)), *settings.user_valve_problems)
    told = [valves_warning(problems)] if problems else []
    told += [warning.sentence() for warning in (kit.warnings if kit else ())]
    return tuple(map(toast, told))
