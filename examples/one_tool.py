# runs offline
"""One chat in which the model calls a tool, with a provider and a tool that live in this file.

A tool is whatever stands behind the port `ToolBox`. The model's first answer is a call; the chat
runs it and tells the model what came of it, and the second answer is for the reader. The tool
cannot be reached at first, so its actor starts once more: that is safe, because it has not run.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

import msgspec

from actors.ports import Ending, Endpoint, ErrorFacts, ProviderCall, ToolUnreachable
from actors.values import (
    Catalog,
    ChatRequest,
    Model,
    Role,
    Shown,
    TextAdvanced,
    TextPart,
    Tool,
    ToolCall,
    ToolEnded,
    ToolResult,
    ToolStarted,
    Turn,
    WireFormat,
)
from bridge.app import App, Ports
from bridge.config.settings import settings_from
from bridge.config.valves import Valves
from bridge.openrouter.codec_responses import ResponsesCodec

CALL = """data: {"type":"response.output_item.done","output_index":0,"item":{
"type":"function_call","id":"item","call_id":"call-1","name":"ring","arguments":"{\\"times\\":2}"}}
""".replace("\n", "")
DELTA = 'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":%s}'
END = 'data: {"type":"response.completed","response":{"status":"completed","output":[]}}'
PARAMETERS = '{"type":"object","properties":{"times":{"type":"integer"}}}'


class ScriptedProvider:
    """Three ports in one: `Provider`, the `ProviderStream` it opens, and `CatalogSource`."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    async def open(self, call: ProviderCall) -> Self:
        """Answer with a call of the tool, or with what it said, if that is known by now."""
        last = msgspec.json.decode(call.body)["input"][-1]
        if last["type"] == "function_call_output":
            told = msgspec.json.encode(f"The bell says: {last['output']}").decode()
            self.reads = [DELTA % told, END]
        else:
            self.reads = [CALL, END]
        return self

    async def read(self) -> bytes:
        """Give the bytes of the next socket read; none at the end."""
        return f"{self.reads.pop(0)}\n\n".encode() if self.reads else b""

    def finish(self) -> None:
        """The stream was read to its end; there is no connection to give back."""

    def abort(self) -> None:
        """The stream is not wanted any more; there is no connection to close."""

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        """Offer one model."""
        return Catalog(models=(Model(id="example/model", name="Example"),))


class Bell:
    """The port `ToolBox`. This one holds a single tool."""

    def __init__(self) -> None:
        self.tries = 0

    async def invoke(self, call: ToolCall) -> ToolResult:
        """Refuse the first try, then ring."""
        self.tries += 1
        if self.tries == 1:
            raise ToolUnreachable(ErrorFacts(detail="Nobody is at the bell."))
        times = msgspec.json.decode(call.arguments)["times"]
        return ToolResult(output=" ".join(["ding"] * times))


class PrintingSink:
    """The port `EventSink`: where the answer is shown. This one always has room."""

    def __init__(self) -> None:
        self.ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def show(self, events: Sequence[Shown]) -> bool:
        """Print what happens."""
        for event in events:
            match event:
                case TextAdvanced(text=text):
                    print(text)
                case ToolStarted(call=call):
                    print(f"[{call.name} {call.arguments}]")
                case ToolEnded(result=result):
                    print(f"[{result.output}]")
                case _:
                    pass
        return True

    def when_room(self, callback: Callable[[], object]) -> None:
        """Never asked: `show` never says that it is full."""

    def finish(self, ending: Ending) -> None:
        """Hear how it ended; every chat ends exactly once."""
        self.ending.set_result(ending)


async def main() -> None:
    """Start the tree, ask one question, stop the tree."""
    provider, bell, sink = ScriptedProvider(), Bell(), PrintingSink()
    ports = Ports(
        provider=provider,
        codecs={WireFormat.RESPONSES: ResponsesCodec()},
        catalog_source=provider,
        close=lambda: None,
    )
    app = App(ports)
    request = ChatRequest(
        request_id="example",
        model="example/model",
        items=(Turn(role=Role.USER, parts=(TextPart(text="Ring twice."),)),),
        tools=(Tool(name="ring", description="Rings.", parameters_json=PARAMETERS),),
    )
    await app.admitted(request, settings_from(Valves(), {}), sink, user="somebody", box=bell)
    print(await sink.ending)
    print(f"{bell.tries} tries, of which one ran")
    await app.close(grace_s=1.0)


if __name__ == "__main__":
    asyncio.run(main())
