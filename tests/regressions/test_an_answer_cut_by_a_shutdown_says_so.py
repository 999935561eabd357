"""A tree that stops while somebody reads: the answer must not look complete."""

import asyncio
import json
from typing import Any

import pytest

from actors.values import Catalog, Model, WireFormat
from bridge.app import Ports
from bridge.owui.pipe import pipe_class
from tests.unit.chat_stage import Read, ScriptedProvider, Silence, text


class OneModel:
    async def fetch(self, _: object) -> Catalog:
        return Catalog(models=(Model(id="maker/model", name="Model"),))


def a_door(provider: ScriptedProvider) -> Any:
    def ports() -> Ports:
        return Ports(
            provider=provider,
            codecs={WireFormat.RESPONSES: provider.codec},
            catalog_source=OneModel(),
            close=lambda: None,
        )

    door: Any = pipe_class("stopped", "one", None, ports)()
    door.valves = door.Valves(API_KEY="sk-or-test", SHUTDOWN_GRACE_SECONDS=0)
    return door


def question(*, stream: bool) -> dict[str, object]:
    messages = [{"role": "user", "content": "hello"}]
    return {"model": "stopped.maker.model", "stream": stream, "messages": messages}


async def streamed(door: Any) -> tuple[str, str]:
    lines: list[str] = []
    stream = await door.pipe(question(stream=True))
    lines.append(await anext(stream))
    # The tree goes away underneath: what an update or a shutdown of the server does.
    stop_all(door)
    lines += [line async for line in stream]
    choices = [json.loads(line.removeprefix("data: "))["choices"][0] for line in lines]
    words = "".join(choice["delta"].get("content", "") for choice in choices)
    return words, choices[-1]["finish_reason"]


async def whole(door: Any) -> tuple[str, str]:
    asking = asyncio.ensure_future(  # noqa: TID251 - a test stands outside the actors
        door.pipe(question(stream=False))
    )
    for _ in range(100):
        await asyncio.sleep(0)
    stop_all(door)
    choice = (await asking)["choices"][0]
    return choice["message"]["content"], choice["finish_reason"]


def stop_all(door: Any) -> None:
    visit = door.residence.enter(0.0)
    visit.app.root.shut_down(1.0)
    visit.end()


@pytest.mark.parametrize("way", [streamed, whole])
def test_an_answer_cut_by_a_shutdown_says_so(way: Any) -> None:
    provider = ScriptedProvider([Read((text("Half an ans"),)), Silence()])

    async def main() -> tuple[str, str]:
        door = a_door(provider)
        try:
            words, reason = await way(door)
        finally:
            await door.close()
        return words, reason

    words, reason = asyncio.run(main())
    assert words.startswith("Half an ans")
    assert "shut down or restarted" in words
    assert reason == "length"
