"""The tools of one chat in Open WebUI, as the actors call them: an adapter to `ToolBox`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from actors.kernel.entropy import Entropy
from actors.ports import ErrorFacts, ToolBroke, ToolError, ToolRefused, ToolUnreachable
from actors.tool_plan import arguments_of
from actors.values import ToolCall, ToolResult
from bridge.owui.tools import words
from bridge.owui.tools.arguments import ArgumentsUnfit, arguments_for, dispatched
from bridge.owui.tools.citations import cited
from bridge.owui.tools.direct import EventCall, run_in_browser
from bridge.owui.tools.offers import BUILTIN, MCP, Offer, ToolFunction
from bridge.owui.tools.results import Reading, bounded_sources, read_result
from bridge.owui.tools.running import Rebind, fits, rebound, run

EventEmitter: TypeAlias = Callable[[dict[str, object]], Awaitable[object]]

# The one tool that is itself a question to the user; asking first would ask twice.
_ASKING: Final = "ask_user"

# How HTTP libraries call a connection that never stood, so that nothing was sent over it.
_NEVER_SENT: Final = frozenset(
    {
        "ConnectionRefusedError",
        "ClientConnectorError",
        "ConnectError",
        "ConnectTimeout",
        "gaierror",
    }
)
_NEVER_SENT_TEXT: Final = "Cannot connect to host "
_NOT_CONNECTED: Final = "MCP client is not connected."


class Runnable(Struct, frozen=True, kw_only=True):
    """A tool that can be run. `is_strict`: its schema was told to the model in strict form."""

    offer: Offer
    is_strict: bool = False


class Surroundings(Struct, frozen=True, kw_only=True):
    """What tools may need of the chat they run in.

    Attributes:
        event_call, event_emitter: Open WebUI's ways to the user's browser, if there are any.
        session_id: of that browser.
        messages, files: the chat's, as Open WebUI has them now.
        asks_first: the user wants to be asked before any tool runs.
        rebind: see `running.rebind_here`. Whoever has it also shows embedded pages.
    """

    entropy: Entropy
    event_call: EventCall | None = None
    event_emitter: EventEmitter | None = None
    session_id: str = ""
    messages: object = ()
    files: object = ()
    asks_first: bool = False
    rebind: Rebind | None = None

    def __repr__(self) -> str:
        return f"Surroundings(asks_first={self.asks_first})"


class OwuiToolBox:
    """A `ToolBox` over the tools of one request.

    Args:
        tools: by the name under which the model knows them.
        around: the chat they run in.
    """

    def __init__(self, tools: Mapping[str, Runnable], around: Surroundings) -> None:
        self._tools = dict(tools)
        self._around = around

    async def invoke(self, call: ToolCall) -> ToolResult:
        """See `ToolBox.invoke`."""
        tool = self._found(call.name)
        if tool.offer.is_dispatcher:
            call, tool = self._redirected(call)
        arguments = _arguments(tool, call)
        if self._around.asks_first and not _is_question(tool.offer):
            await self._ask(call, tool.offer, arguments)
        raw = await self._run(tool.offer, arguments)
        reading = await self._read(tool.offer, raw)
        if reading.failure is not None:
            raise _reported(tool.offer, reading.failure)
        sources = reading.sources or cited(tool.offer, arguments, reading.output)
        return ToolResult(
            output=reading.output,
            sources=tuple(bounded_sources(sources)),
            files=reading.files,
        )

    # --- before --------------------------------------------------------------------------------

    def _found(self, name: str) -> Runnable:
        if not name:
            raise ToolRefused(_facts("nameless", words.nameless()))
        found = self._tools.get(name)
        if found is None:
            raise ToolRefused(_facts("unknown", words.unknown(name, tuple(self._tools))))
        if not found.offer.can_run:
            raise ToolRefused(_facts("not-runnable", words.not_runnable(name)))
        return found

    def _redirected(self, call: ToolCall) -> tuple[ToolCall, Runnable]:
        """Find the tool that a dispatcher's arguments name, under the name Open WebUI knows."""
        wanted = dispatched(arguments_of(call))
        if wanted is None:
            problem = "it needs the texts tool_name and params"
            raise ToolRefused(_facts("not-json", words.not_json(call.name, problem)))
        name, arguments = wanted
        # The last of several, as a registry by these names would have it.
        own_names = {each.offer.name: each for each in self._tools.values()}
        found = own_names.get(name)
        if found is None or found.offer.is_dispatcher:
            raise ToolRefused(_facts("unknown", words.not_found(name)))
        # Nobody told the model a strict schema of a tool that it had to look for.
        return ToolCall(call_id=call.call_id, name=name, arguments=arguments), replace(
            found, is_strict=False
        )

    async def _ask(self, call: ToolCall, offer: Offer, arguments: Mapping[str, object]) -> None:
        """Ask the user, where the chat is set to that; only a plain yes is one."""
        event_call = self._around.event_call
        wanted = {"id": call.call_id, "name": offer.name, "arguments": dict(arguments)}
        question: dict[str, object] = {
            "title": "Run this tool?",
            "message": f"The model wants to run {offer.name}.",
            "tool_call": wanted,
        }
        try:
            answer = event_call and await event_call({"type": "confirmation", "data": question})
        except Exception:  # noqa: BLE001 - a door: a browser that cannot be asked has not agreed
            answer = False
        if answer is not True:
            raise ToolRefused(_facts("not-approved", words.not_approved(offer.name)))

    # --- the run -------------------------------------------------------------------------------

    async def _run(self, offer: Offer, arguments: Mapping[str, object]) -> object:
        around = self._around
        if offer.is_direct:
            if around.event_call is None:
                raise ToolRefused(_facts("not-runnable", words.not_runnable(offer.name)))
            return await run_in_browser(
                around.event_call,
                offer,
                arguments,
                run_id=around.entropy.token(16),
                session_id=around.session_id,
            )
        assert offer.function is not None, "what cannot be run was refused"
        function = await self._bound(offer.function)
        if not fits(function, arguments):
            raise ToolRefused(_facts("unfit", words.unfitting(offer.name)))
        try:
            return await run(function, arguments)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Nobody wants this call stopped: a tool that cancels itself has failed.
            raise _failure(offer, error) from error
        except (Exception, SystemExit) as error:
            # A door: a tool is anybody's code, and one that calls exit() must not end a server.
            raise _failure(offer, error) from error

    async def _bound(self, function: ToolFunction) -> ToolFunction:
        around = self._around
        extra = {"__messages__": around.messages, "__files__": around.files}
        try:
            return await rebound(function, around.rebind, extra)
        except Exception:  # noqa: BLE001 - a door: as it was made, the function still runs
            return function

    # --- after ---------------------------------------------------------------------------------

    async def _read(self, offer: Offer, raw: object) -> Reading:
        can_embed = self._around.event_emitter is not None and self._around.rebind is not None
        reading = _read(offer, raw, can_embed=can_embed)
        if reading.embeds and not await self._embedded(reading.embeds):
            return _read(offer, raw, can_embed=False)
        return reading

    async def _embedded(self, embeds: tuple[str, ...]) -> bool:
        emit = self._around.event_emitter
        try:
            if emit is not None:
                await emit({"type": "embeds", "data": {"embeds": list(embeds)}})
        except Exception:  # noqa: BLE001 - a door: then the model gets the page as text
            return False
        return emit is not None


def _arguments(tool: Runnable, call: ToolCall) -> dict[str, object]:
    try:
        return arguments_for(tool.offer, call, is_strict=tool.is_strict)
    except ArgumentsUnfit as unfit:
        raise ToolRefused(_facts("arguments", unfit.words)) from unfit


def _read(offer: Offer, raw: object, *, can_embed: bool) -> Reading:
    try:
        return read_result(raw, offer, can_embed=can_embed)
    except Exception as error:
        # A door: a result may be an object whose own methods fail while it is read.
        raise _failure(offer, error) from error


def _is_question(offer: Offer) -> bool:
    return offer.kind == BUILTIN and offer.name == _ASKING


def _failure(offer: Offer, error: BaseException) -> ToolError:
    """Turn what a tool raised into what is known about it.

    Only where a run is one request to a server does a refused connection prove that nothing
    happened. A function of ours may have done half of its work before (SPEC 72).
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    message = words.masked(str(error))
    kind = type(error).__name__
    problem = f"{kind}: {message}" if message else kind
    names = {each.__name__ for each in type(error).__mro__}
    is_remote = offer.is_on_server or offer.kind == MCP
    if is_remote and (names & _NEVER_SENT or message == _NOT_CONNECTED):
        return ToolUnreachable(_facts("unreachable", words.unreachable(offer.name, problem)))
    return ToolBroke(_facts("broke", words.broke(offer.name, problem)))


def _reported(offer: Offer, problem: str) -> ToolError:
    """Turn what Open WebUI returned instead of raising into what is known about it."""
    safe = words.masked(problem)
    if offer.is_on_server and problem.startswith(_NEVER_SENT_TEXT):
        return ToolUnreachable(_facts("unreachable", words.unreachable(offer.name, safe)))
    return ToolBroke(_facts("broke", words.broke(offer.name, safe)))


def _facts(code: str, detail: str) -> ErrorFacts:
    return ErrorFacts(code=code, detail=detail)
