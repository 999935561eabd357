"""A database that is away while people chat: they are answered, and what is kept comes back.

`GREENROOM_AWAY_S=60` keeps it away for a minute, as `make outage` does.
"""

from __future__ import annotations

import asyncio
import os
import resource
from typing import Any

import pytest

from bridge.chaos.tcp_proxy import TcpProxy
from bridge.standin.scripts import named_script
from bridge.standin.wishes import Wish
from tests.integration.door_stage import Said
from tests.integration.promise_stage import Scene, Way, scene
from tests.integration.servers import Postgres

AWAY_S = float(os.environ.get("GREENROOM_AWAY_S", "2"))
READERS = 5

# A store that kept failing is held for half a minute before it is tried again.
BACK_WITHIN_S = 75.0
THINKER = "openai.gpt-5.2"
GROWTH_MAX_MB = 60.0


async def reader(stage: Scene, number: int, until: asyncio.Event) -> list[tuple[float, Said]]:
    """Chat, turn after turn, each with what was said before it."""
    said: list[tuple[float, Said]] = []
    turn = 0
    messages: list[dict[str, Any]] = []
    while not until.is_set():
        turn += 1
        messages = [*messages[-6:], {"role": "user", "content": f"Question {turn}?"}]
        ids = {
            "user_id": f"reader-{number}",
            "chat_id": f"chat-{number}",
            "message_id": f"message-{number}-{turn}",
            "session_id": f"session-{number}",
        }
        went = await stage.ask(
            stage.question(THINKER) | {"messages": messages},
            user=f"reader-{number}",
            bound_s=30.0,
            __metadata__=ids,
        )
        messages.append({"role": "assistant", "content": went.said.text})
        said.append((asyncio.get_running_loop().time(), went.said))
        await asyncio.sleep(0.1)
    return said


def is_marked(said: Said) -> bool:
    return "]: #" in said.text


@pytest.mark.timeout(AWAY_S + BACK_WITHIN_S + 60.0)
def test_while_the_database_is_away_everybody_is_answered_and_marks_come_back_by_themselves(
    postgres_server: Postgres,
) -> None:
    """SPEC 45, 155, 158, 160."""

    async def main() -> None:
        with TcpProxy(postgres_server.port) as proxy:
            address = postgres_server.url(database, port=proxy.port).reveal()
            async with scene(
                *(Wish(script="thinking") for _ in range(9_000)),
                way=Way.STREAM,
                ports=None,
                ARTIFACT_DATABASE_URL=address,
            ) as stage:
                await play(stage, proxy)

    async def play(stage: Scene, proxy: TcpProxy) -> None:
        clock, over = asyncio.get_running_loop().time, asyncio.Event()
        asking = [
            asyncio.get_running_loop().create_task(reader(stage, number, over))
            for number in range(READERS)
        ]
        await asyncio.sleep(2.0)
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        gone_s = clock()
        proxy.refuse()
        await asyncio.sleep(AWAY_S)
        proxy.heal()
        back_s = clock()
        await asyncio.sleep(3.0)
        for _ in range(2 * round(BACK_WITHIN_S)):
            if await is_kept_again(stage):
                break
            await asyncio.sleep(0.5)
        again_s = clock()
        over.set()
        heard = [each for answers in await asyncio.gather(*asking) for each in answers]
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
        script = named_script("thinking")
        assert script is not None
        assert all(said.ends == ("stop",) for _, said in heard)
        assert all(said.text.startswith("The answer is 42.") for _, said in heard)
        assert any(is_marked(said) for at_s, said in heard if at_s < gone_s)
        during = [said for at_s, said in heard if gone_s + 0.5 < at_s < back_s]
        assert during
        assert not any(is_marked(said) for said in during)
        assert again_s - back_s < BACK_WITHIN_S, "marks come back by themselves"
        assert grown_mb < GROWTH_MAX_MB
        print(
            f"away {back_s - gone_s:.0f} s: {len(heard)} answers, {len(during)} meanwhile; "
            f"marks back after {again_s - back_s:.1f} s, {grown_mb:.0f} MB more at the peak"
        )

    async def is_kept_again(stage: Scene) -> bool:
        ids = {"user_id": "new", "chat_id": "new", "message_id": "new", "session_id": "new"}
        went = await stage.ask(stage.question(THINKER), user="new", __metadata__=ids, bound_s=30.0)
        return is_marked(went.said)

    database = postgres_server.new_database()
    asyncio.run(main())
