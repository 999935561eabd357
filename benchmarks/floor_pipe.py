"""The least that a pipe of this interface can do: what everything else is measured against.

One shared session, one task a request, no queue, and all deltas of one read joined into one
prepared line. No logs, no retry, no storage, no word when something fails. It is not for use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from json.encoder import encode_basestring
from typing import Any

import aiohttp
import msgspec
from pydantic import BaseModel

decode = msgspec.json.decode


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
        self, body: dict[str, Any], __user__: dict[str, Any], __metadata__: dict[str, Any]
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
        return self._stream(msgspec.json.encode(request), body["model"])

    async def _stream(self, request: bytes, model: str) -> AsyncIterator[str]:
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
        async with self._shared().post(url, data=request, headers=headers) as response:
            rest = b""
            async for data in response.content.iter_any():
                *frames, rest = (rest + data).split(b"\n\n")
                texts = []
                for frame in frames:
                    payload = frame[frame.find(b"data: ") + 6 :]
                    if payload == b"[DONE]":
                        continue
                    event = decode(payload)
                    if event["type"] == "response.output_text.delta":
                        texts.append(event["delta"])
                    elif event["type"] == "response.completed":
                        usage = event["response"]["usage"]
                if texts:
                    yield before + encode_basestring("".join(texts)) + after
        yield f"data: {msgspec.json.encode({'usage': usage}).decode()}"
