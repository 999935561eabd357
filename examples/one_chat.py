# runs offline
"""One chat through the whole tree, with a provider that lives in this file.

Everything is the real thing except the network: composition root, gate, supervisors, request,
attempt and codec. The provider refuses the first attempt, so the chat's supervisor starts the
attempt again; the tree below the answer shows it on its second life.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from actors.ports import Ending, Endpoint, ErrorFacts, ProviderCall, ProviderUnavailable
from actors.values import (
    Catalog,
    ChatRequest,
    Model,
    Role,
    Shown,
    TextAdvanced,
    TextPart,
    Turn,
    WireFormat,
)
from bridge.app import App, Ports
from bridge.config.settings import settings_from
from bridge.config.valves import Valves
from bridge.demo.tree_text import tree_lines
from bridge.openrouter.codec_responses import ResponsesCodec
from supervisor import report

DELTA = (
    'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"%s"}'
)
END = 'data: {"type":"response.completed","response":{"status":"completed","output":[]}}'


class ScriptedProvider:
    """Three ports in one: `Provider`, the `ProviderStream` it opens, and `CatalogSource`."""

    def __init__(self) -> None:
        self.attempts = 0
        self.reads = [DELTA % "Hello from ", DELTA % "the green room.", END]

    async def open(self, call: ProviderCall) -> Self:
        """Refuse the first attempt."""
        self.attempts += 1
        if self.attempts == 1:
            raise ProviderUnavailable(ErrorFacts(status=503))
        return self

    async def read(self) -> bytes:
        """Give the bytes of the next socket read, after a moment; none at the end."""
        await asyncio.sleep(0.05)
        return f"{self.reads.pop(0)}\n\n".encode() if self.reads else b""

    def finish(self) -> None:
        """The stream was read to its end; there is no connection to give back."""

    def abort(self) -> None:
        """The stream is not wanted any more; there is no connection to close."""

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        """Offer one model."""
        return Catalog(models=(Model(id="example/model", name="Example"),))


class PrintingSink:
    """The port `EventSink`: where the answer is shown. This one always has room."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.tree: list[str] = []
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def show(self, events: Sequence[Shown]) -> bool:
        """Print what was said, and remember the tree as it is meanwhile."""
        self.tree = tree_lines(report(self.app.system))
        print(*(event.text for event in events if isinstance(event, TextAdvanced)), end="")
        return True

    def when_room(self, callback: Callable[[], object]) -> None:
        """Never asked: `show` never says that it is full."""

    def finish(self, ending: Ending) -> None:
        """Hear how it ended; every chat ends exactly once."""
        self.ending.set_result(ending)


async def main() -> None:
    """Start the tree, ask one question, stop the tree."""
    provider = ScriptedProvider()
    ports = Ports(
        provider=provider,
        codecs={WireFormat.RESPONSES: ResponsesCodec()},
        catalog_source=provider,
        close=lambda: None,
    )
    app = App(ports)
    sink = PrintingSink(app)
    question = Turn(role=Role.USER, parts=(TextPart(text="Say hello."),))
    request = ChatRequest(request_id="example", model="example/model", items=(question,))
    settings = settings_from(Valves(), {})
    admitted = await app.admitted(request, settings, sink, user="somebody")
    ending = await sink.ending
    print(f"\n\n{type(admitted).__name__}, {type(ending).__name__}, {provider.attempts} attempts")
    print("\n".join(sink.tree))
    await app.close(grace_s=1.0)


if __name__ == "__main__":
    asyncio.run(main())
