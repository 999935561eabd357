"""Runs one function of a tool: on the loop if it waits for something, else on a thread.

Open WebUI wraps every function of a tool into a coroutine, the ones that block as well, and then
they block the whole server. Such a wrapper has no place at which it could be suspended, so its
coroutine ends in one step, and that step can be made anywhere (SPEC 72).
"""

from __future__ import annotations

import asyncio
import dis
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import CodeType
from typing import Final, TypeAlias

from bridge.owui.tools.offers import ToolFunction

# Gives a tool's function the messages and files of now, instead of those it was made with.
Rebind: TypeAlias = Callable[[ToolFunction, dict[str, object]], object]

_TOOLS_MODULE: Final = "open_webui.utils.tools"
_REBIND: Final = "get_updated_tool_function"
_SUSPENDS: Final = frozenset({"YIELD_VALUE", "SEND"})


def rebind_here() -> Rebind | None:
    """Find Open WebUI's own way to bind a tool anew; 0.12 has one, 0.6 does not.

    It is looked up where it is loaded, and never imported: outside Open WebUI there is nothing
    to bind, and importing it there would start half a server.
    """
    found = getattr(sys.modules.get(_TOOLS_MODULE), _REBIND, None)
    return found if callable(found) else None


async def rebound(
    function: ToolFunction, rebind: Rebind | None, extra: Mapping[str, object]
) -> ToolFunction:
    """Bind a function anew, where Open WebUI can do that."""
    if rebind is None:
        return function
    made = rebind(function, dict(extra))
    made = await made if inspect.isawaitable(made) else made
    return made if callable(made) else function


def fits(function: ToolFunction, arguments: Mapping[str, object]) -> bool:
    """Say whether a function takes these arguments; a call that does not fit never runs."""
    try:
        inspect.signature(function).bind(**arguments)
    except ValueError:
        return True  # It has no signature to ask.
    except TypeError:
        return False
    return True


async def run(function: ToolFunction, arguments: Mapping[str, object]) -> object:
    """Run a function to its end and return what it made; whatever it raises comes through."""
    if is_blocking(function):
        result = await asyncio.to_thread(_ended, function, arguments)
    else:
        result = function(**arguments)
    return await result if isinstance(result, Awaitable) else result


def is_blocking(function: ToolFunction) -> bool:
    """Say whether a function holds its thread until it has ended."""
    if not _is_coroutine_function(function):
        return True
    inner, code = getattr(function, "__wrapped__", None), getattr(function, "__code__", None)
    return (
        inner is not None
        and not _is_coroutine_function(inner)
        and isinstance(code, CodeType)
        and _SUSPENDS.isdisjoint(step.opname for step in dis.get_instructions(code))
    )


def _is_coroutine_function(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object may have an async __call__
    )


def _ended(function: ToolFunction, arguments: Mapping[str, object]) -> object:
    """Run on a thread what does not wait for anything."""
    try:
        made = function(**arguments)
        if not (inspect.iscoroutine(made) and _is_coroutine_function(function)):
            return made
        try:
            made.send(None)
        except StopIteration as stop:
            return stop.value
        made.close()
    except StopIteration as stop:
        # A future refuses this one, and whoever waits for it would wait for ever.
        raise RuntimeError("the tool raised StopIteration") from stop
    raise RuntimeError("the tool waits for something that is not on its thread")
