"""Tools as Open WebUI hands them to a pipe, for one request: bound anew, with specs of their own.

Functions and what their signatures say are there from the beginning, as in a server that has
loaded them once. They wait for nothing: what is measured is what it takes to get to them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from benchmarks.answers import tool_name

Function: TypeAlias = Callable[..., Awaitable[str]]

RESULT: Final = "A house by the lake, built of oak, with a boat at the landing. " * 3


async def look_up(query: str, limit: int = 10, __user__: object = None) -> str:
    """Look something up."""
    return f"{query}, {limit}: {RESULT}"


_SIGNATURE: Final = inspect.signature(look_up)
_SHOWN: Final = _SIGNATURE.replace(
    parameters=[each for name, each in _SIGNATURE.parameters.items() if name != "__user__"]
)


class HandedTools:
    """The tools of one request, and how often they were run.

    Args:
        count: how many; none is what most requests have.
        user: what is bound to each of them.
    """

    def __init__(self, count: int, user: object) -> None:
        self.runs = 0
        self.registry = {tool_name(n): self._entry(tool_name(n), user) for n in range(count)}

    def listed(self) -> list[dict[str, object]]:
        """Word them as they stand in a request's body."""
        return [{"type": "function", "function": tool["spec"]} for tool in self.registry.values()]

    def _entry(self, name: str, user: object) -> dict[str, Any]:
        query = {"type": "string", "description": "what to look for"}
        limit = {"type": "integer", "description": "how many to find", "default": 10}
        parameters = {
            "type": "object",
            "properties": {"query": query, "limit": limit},
            "required": ["query"],
        }
        return {
            "tool_id": "library",
            "callable": self._bound(functools.partial(look_up, __user__=user)),
            "spec": {"name": name, "description": "Look something up.", "parameters": parameters},
            "metadata": {"file_handler": False, "citation": True},
        }

    def _bound(self, function: Function) -> Function:
        async def run(*args: object, **kwargs: object) -> str:
            self.runs += 1
            return await function(*args, **kwargs)

        functools.update_wrapper(run, look_up)
        vars(run)["__signature__"] = _SHOWN
        return run
