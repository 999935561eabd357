"""
title: Greenroom
author: The Greenroom authors
version: 0.2.0
license: MIT
description: Every OpenRouter model in Open WebUI, each answer kept going by supervised actors.
required_open_webui_version: 0.6.28
requirements: pykka~=4.5.0, msgspec~=0.22, lz4~=4.0, pyzipper~=0.3
"""  # noqa: D205, D212, D415 - Open WebUI reads these lines, and its first must be bare quotes

# The front of the file that an administrator pastes into Open WebUI. `greenroom pipe` writes
# it: this file, with the loader and all modules in the place of the import of the loader. Here
# in the repository the same file runs on the packages as they are.

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

from pydantic import BaseModel, ConfigDict

from bridge.owui.loader import BUILD, SOURCES, PackageUnusable, load_pipe

FUNCTION_ID_DEFAULT = "greenroom"
SETUP_ID = "greenroom-setup"


def function_id_of(module_name: str) -> str:
    """Read the function's id out of the module name that Open WebUI gives (SPEC 2)."""
    given = re.fullmatch(r"function_(\w+?)(?:_[0-9a-f]{32})?", module_name)
    return given[1] if given else FUNCTION_ID_DEFAULT


def setup_pipe(unusable: PackageUnusable, front_matter: str) -> type:
    """Make a `Pipe` that needs no package and says which one is missing (SPEC 7)."""
    requirements = re.search(r"^requirements: *(.+)$", front_matter, re.MULTILINE)
    wanted = requirements[1].split(",") if requirements else [unusable.package]
    state = "is missing" if unusable.is_missing else "does not fit"
    line = f"package {unusable.package} {state} on this server"
    command = " ".join(["pip install", *(f'"{name.strip()}"' for name in wanted)])
    text = (
        f"Greenroom cannot start: the Python {line}. Open WebUI installs what a function asks for "
        "only while it is online and allowed to. An administrator can do it by hand, in the "
        f"Python that runs Open WebUI, and then restart Open WebUI: `{command}`"
    )

    class PackagesMissing:
        """The setup entry in the list of models, and its one answer."""

        # Values saved earlier must outlive the time without packages.
        class Valves(BaseModel):
            """No settings of its own; keeps those that are stored."""

            model_config = ConfigDict(extra="allow")

        def __init__(self) -> None:
            self.type = "manifold"
            self.valves: BaseModel = self.Valves()

        async def pipes(self) -> list[dict[str, str]]:
            return [{"id": SETUP_ID, "name": f"Greenroom: {line}"}]

        async def pipe(
            self, body: object, __task__: str | None = None
        ) -> str | dict[str, object] | AsyncIterator[dict[str, object]]:
            if __task__:
                return text
            if isinstance(body, Mapping) and body.get("stream"):
                return streamed(text)
            message = {"role": "assistant", "content": text}
            return {"object": "chat.completion", "choices": choices(message=message, end="stop")}

    return PackagesMissing


async def streamed(text: str) -> AsyncIterator[dict[str, object]]:
    """Say one text as a stream of chunks."""
    kind = "chat.completion.chunk"
    yield {"object": kind, "choices": choices(delta={"role": "assistant", "content": text})}
    yield {"object": kind, "choices": choices(delta={}, end="stop")}


def choices(*, end: str | None = None, **said: dict[str, str]) -> list[dict[str, object]]:
    """Word the one choice of a completion; `said` is its `delta` or its `message`."""
    return [{"index": 0, **said, "finish_reason": end}]


try:
    Pipe = load_pipe(function_id_of(__name__), BUILD, SOURCES)
except PackageUnusable as unusable:
    Pipe = setup_pipe(unusable, __doc__)
