"""The least that a pipe of this interface can do: what everything else is measured against.

One shared session, one task a request, no queue, and all deltas of one read joined into one
prepared line. Tools run at the same time and are shown to nobody. No logs, no retry, no storage,
no word when something fails. It is not for use.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from json.encoder import encode_basestring
from typing import Any

import aiohttp
import msgspec
from pydantic import BaseModel

encode, decode = msgspec.json.encode, msgspec.json.decode


class Pipe:
    """What Open WebUI looks for in a function."""

    class Valves(BaseModel):
        BASE_URL: str = ""
        API_KEY: str = ""

    id = "floor"

    def __init__(self) -> None:
        self.valves = self.Valves()
        self._session: aiohttp.ClientSession | None = None

    def _shared(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=75),
                timeout=aiohttp.ClientTimeout(total=None, connect=10, sock_read=300),
            )
        return self._session

    async def pipes(self) -> list[dict[str, str]]:
        async with self._shared().get(f"{self.valves.BASE_URL}/models") as response:
            rows = decode(await response.read())["data"]
        return [{"id": row["id"].replace("/", "."), "name": row["name"]} for row in rows]

    async def pipe(
        self,
        body: dict[str, Any],
        __user__: dict[str, Any],
        __metadata__: dict[str, Any],
        __tools__: dict[str, Any],
    ) -> AsyncIterator[str]:
        vendor, _, name = body["model"].partition(".")[2].partition(".")
        turns = [
            {
                "type": "message",
                "role": message["role"],
                "content": [{"type": "input_text", "text": message["content"]}],
            }
            for message in body["messages"]
        ]
        request = {"model": f"{vendor}/{name}", "stream": True, "input": turns}
        if __tools__:
            request["tools"] = [{"type": "function", **t["spec"]} for t in __tools__.values()]
        return self._stream(request, body["model"], __tools__)

    async def _stream(
        self, request: dict[str, Any], model: str, tools: dict[str, Any]
    ) -> AsyncIterator[str]:
        before = (
            f'data: {{"id":"floor","object":"chat.completion.chunk","created":0,"model":"{model}",'
            '"choices":[{"index":0,"delta":{"content":'
        )
        after = '},"finish_reason":null}]}'
        headers = {
            "Authorization": f"Bearer {self.valves.API_KEY}",
            "Content-Type": "application/json",
        }
        usage: object = None
        url = f"{self.valves.BASE_URL}/responses"
        is_over = False
        while not is_over:
            calls = []
            posted = encode(request)
            async with self._shared().post(url, data=posted, headers=headers) as response:
                rest = b""
                async for data in response.content.iter_any():
                    *frames, rest = (rest + data).split(b"\n\n")
                    texts = []
                    for frame in frames:
                        payload = frame[frame.find(b"data: ") + 6 :]
                        if payload == b"[DONE]":
                            continue
                        event = decode(payload)
                        kind = event["type"]
                        if kind == "response.output_text.delta":
                            texts.append(event["delta"])
                        elif kind == "response.output_item.done":
                            if event["item"]["type"] == "function_call":
                                calls.append(event["item"])
                        elif kind == "response.completed":
                            usage = event["response"]["usage"]
                    if texts:
                        yield before + encode_basestring("".join(texts)) + after
            is_over = not calls
            if calls:
                outputs = await asyncio.gather(*(_output(call, tools) for call in calls))
                request["input"] += [*calls, *outputs]
        yield f"data: {encode({'usage': usage}).decode()}"


async def _output(call: dict[str, Any], tools: dict[str, Any]) -> dict[str, Any]:
    output = await tools[call["name"]]["callable"](**decode(call["arguments"]))
    return {"type": "function_call_output", "call_id": call["call_id"], "output": output}
