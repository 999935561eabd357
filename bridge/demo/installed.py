"""The built pipe file, loaded the way Open WebUI loads it."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Final, Protocol, cast

import msgspec

from bridge.app import App
from bridge.owui.residence import Residence, residences_here

FUNCTION_ID: Final = "greenroom"
_MODULE: Final = f"function_{FUNCTION_ID}"
_GRACE_S: Final = 5.0


class Door(Protocol):
    """What Open WebUI sees of a function of the kind `pipe`."""

    valves: object

    async def pipes(self) -> list[dict[str, str]]:
        """List the models."""

    async def pipe(
        self,
        body: Mapping[str, object],
        __user__: Mapping[str, str] | None = None,
        *,
        __tools__: Mapping[str, object] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Answer a chat; with `stream` in the body, chunk by chunk."""

    async def close(self) -> None:
        """Stop the tree behind the door."""


class DoorClass(Protocol):
    """The class that Open WebUI finds in the file."""

    Valves: Callable[..., object]

    def __call__(self) -> Door:
        """Make the one instance of it."""


@contextmanager
def installed(content: str) -> Iterator[DoorClass]:
    """Run the text of a function as Open WebUI does, and take it out again after the block."""
    module = ModuleType(_MODULE)
    sys.modules[_MODULE] = module
    try:
        exec(compile(content, "<string>", "exec", dont_inherit=True), vars(module))  # noqa: S102 - as Open WebUI does
        yield cast(DoorClass, vars(module)["Pipe"])
    finally:
        del sys.modules[_MODULE]


class Delta(msgspec.Struct):
    """What one chunk adds."""

    content: str = ""
    reasoning_content: str = ""


class Choice(msgspec.Struct):
    """The one choice of a chunk."""

    delta: Delta
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """One line that the pipe hands to Open WebUI."""

    choices: list[Choice]


def read_chunk(line: str) -> Choice | None:
    """Return what a line adds to the answer, or None when it only tells the usage.

    Raises:
        msgspec.DecodeError: the line is no chunk.
    """
    chunk = msgspec.json.decode(line.removeprefix("data: "), type=Chunk)
    return chunk.choices[0] if chunk.choices else None


@contextmanager
def tree_of_function() -> Iterator[App | None]:
    """Give the tree behind the door, or None when it is not to be found.

    The table of the process knows each build by the way to retire it, and that is a method of
    its residence. Entering keeps the tree from stopping while it is looked at.
    """
    *_, retire = (None, *residences_here().get(FUNCTION_ID, {}).values())
    # The class comes out of the built file, so it is not the one imported here.
    residence: Residence | None = getattr(retire, "__self__", None)
    if residence is None:
        yield None
        return
    visit = residence.enter(_GRACE_S)
    try:
        yield visit.app
    finally:
        visit.end()
