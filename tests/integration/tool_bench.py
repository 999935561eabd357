"""Tools as Open WebUI hands them over, which note how often they ran and how they ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Tool = Callable[..., Awaitable[Any]]

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where"},
        "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
    },
    "required": ["city"],
}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
SCHEMAS = {"get_weather": WEATHER, "get_time": NOTHING}

BEGIN_S = 3.0
DEGREES = "18 degrees"
NOON = "noon"


class Bench:
    """What is on offer in one test.

    Args:
        tools: what the model may call, by name; without any, two that work.
        schemas: their parameters, where they are not the usual ones.
    """

    def __init__(self, schemas: dict[str, Any] | None = None, **tools: Tool) -> None:
        self.runs: list[tuple[str, dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self.began = asyncio.Event()
        self._schemas = {**SCHEMAS, **(schemas or {})}
        self._tools = tools or {"get_weather": always(DEGREES), "get_time": always(NOON)}

    async def until_begun(self) -> None:
        """Wait until a tool runs."""
        async with asyncio.timeout(BEGIN_S):
            await self.began.wait()

    @property
    def names(self) -> list[str]:
        """What ran, in the order in which it began."""
        return [name for name, _ in self.runs]

    def registry(self) -> dict[str, dict[str, Any]]:
        """Return them in the shape of `__tools__`."""
        return {
            name: {
                "tool_id": f"bench_{name}",
                "callable": self._noted(name, tool),
                "spec": {
                    "name": name,
                    "description": f"Runs {name}.",
                    "parameters": self._schemas.get(name, NOTHING),
                },
            }
            for name, tool in self._tools.items()
        }

    def _noted(self, name: str, tool: Tool) -> Tool:
        async def run(**arguments: Any) -> Any:
            self.runs.append((name, arguments))
            self.began.set()
            try:
                return await tool(**arguments)
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise

        return run


def always(output: Any) -> Tool:
    """A tool that returns this, whatever it is asked."""

    async def tool(**_: Any) -> Any:
        return output

    return tool


async def fail(**_: Any) -> str:
    """Fail as a bug does."""
    raise RuntimeError("the barometer fell off the wall")


async def hang(**_: Any) -> str:
    """Wait for something that never happens."""
    await asyncio.Event().wait()
    return "never"


def deaf(released: asyncio.Event) -> Tool:
    """A tool that does not hear that it was cancelled, and goes on until it is released."""

    async def tool(**_: Any) -> str:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        return "too late"

    return tool
