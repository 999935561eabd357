"""What the tests of promises share: a scene that checks, at its end, that nothing is left over.

A promise is kept when an answer ends once and in time, keeps its text, says what went wrong, and
leaves neither a connection to the provider nor a task behind. The first three are looked at in
each test, the last two when the scene closes.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any

from bridge.app import Ports
from bridge.owui.real_ports import provider_ports
from bridge.standin.records import RequestRecord
from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish
from tests.integration.door_stage import Said, ask, open_door, script_text

BOUND_S = 12.0
QUIET_TURNS_MAX = 200
# The longest that a backoff before a second and a third attempt takes, and the shortest timeouts.
IMPATIENT = {"HTTP_SOCK_READ_SECONDS": 1, "BREAKER_MAX_FAILURES": 50}

WHOLE = script_text("plain")
# A fault after output strikes after three of the stand-in's deltas, which are words.
KEPT = " ".join(WHOLE.split(" ")[:3]) + " "

ERROR_ID = re.compile(r"\b[0-9a-f]{16}\b")

_serials = count(1)


class Wire(Enum):
    """Which endpoint is used: the valve's word for it, and the path."""

    RESPONSES = "responses"
    CHAT = "chat_completions"

    @property
    def path(self) -> str:
        return "/chat/completions" if self is Wire.CHAT else "/responses"


class Way(Enum):
    """How the answer is asked for."""

    STREAM = "stream"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Went:
    """How one request went."""

    said: Said
    elapsed_s: float


@dataclass(kw_only=True)
class Scene:
    """A stand-in, a door, and the way in which it is asked."""

    standin: StandIn
    door: Any
    way: Way
    wire: Wire
    emitted: list[dict[str, Any]] = field(default_factory=list)
    may_change_wire: bool = False

    def question(self, model: str = "standin.plain", **more: object) -> dict[str, Any]:
        messages = [{"role": "user", "content": "What is it like outside?"}]
        body = {"model": f"{self.door.id}.{model}", "messages": messages, **more}
        return body | {"stream": self.way is Way.STREAM}

    async def ask(
        self,
        question: dict[str, Any] | None = None,
        *,
        user: str = "ada",
        bound_s: float = BOUND_S,
        **given: object,
    ) -> Went:
        """Ask and hear the answer to its end, which has to come in time."""
        loop = asyncio.get_running_loop()
        since_s = loop.time()
        async with asyncio.timeout(bound_s):
            said = await ask(
                self.door,
                self.question() if question is None else question,
                **{**self.surroundings(user), **given},
            )
        assert len(said.ends) == 1, "an answer ends exactly once"
        return Went(said=said, elapsed_s=loop.time() - since_s)

    def begin(self, question: dict[str, Any] | None = None, **given: Any) -> asyncio.Task[Went]:
        """Ask, and let the answer come while something else happens."""
        return asyncio.get_running_loop().create_task(self.ask(question, **given))

    def surroundings(self, user: str) -> dict[str, object]:
        """What Open WebUI hands over beside the body."""

        async def emit(event: dict[str, Any]) -> None:
            self.emitted.append(event)

        ids = {"chat_id": "chat-1", "message_id": "message-1", "session_id": "session-1"}
        return {
            "__user__": {"id": user, "name": user, "role": "user"},
            "__metadata__": {"user_id": user, **ids},
            "__event_emitter__": emit,
            **{f"__{name}__": value for name, value in ids.items()},
        }

    def beside(self, went: Went) -> list[dict[str, Any]]:
        """Status lines, toasts and the like, whichever way they came."""
        return [*self.emitted, *went.said.events]

    @property
    def posts(self) -> list[RequestRecord]:
        return posts(self.standin.requests)

    async def stop(self, asking: asyncio.Task[Went], *, within_s: float = 0.5) -> None:
        """Press stop: the task is cancelled, and is over at once."""
        asking.cancel()
        done, _ = await asyncio.wait((asking,), timeout=within_s)
        assert done, "a stop ends the answer at once"

    async def until_asked(self, requests: int) -> None:
        """Wait until the provider has seen so many requests."""
        await self.standin.wait_for(lambda records: len(posts(records)) >= requests)

    def change(self, **valves: object) -> None:
        """Change valves, as an admin does between two requests."""
        kept = {
            name: getattr(self.door.valves, name) for name in type(self.door.valves).model_fields
        }
        self.door.valves = self.door.Valves(**{**kept, **valves})


def posts(records: Sequence[RequestRecord]) -> list[RequestRecord]:
    return [record for record in records if record.method == "POST"]


def all_over(records: Sequence[RequestRecord]) -> bool:
    """No answer is still being told to anybody."""
    return all(record.finished or record.disconnected_at_s is not None for record in posts(records))


@asynccontextmanager
async def scene(
    *wishes: Wish,
    way: Way,
    wire: Wire = Wire.RESPONSES,
    ports: Callable[[], Ports] = provider_ports,
    **valves: object,
) -> AsyncIterator[Scene]:
    """Open the house, let the test play in it, close it, and look whether all have left."""
    before = asyncio.all_tasks()
    async with await StandIn.start() as standin:
        name = f"promise_{os.getpid()}_{next(_serials)}"
        chosen = {"DEFAULT_LLM_ENDPOINT": wire.value, **IMPATIENT, **valves}
        async with open_door(standin.base_url, function_id=name, ports=ports, **chosen) as door:
            await door.pipes()
            standin.plan(*wishes)
            stage = Scene(standin=standin, door=door, way=way, wire=wire)
            yield stage
            await standin.wait_for(all_over, timeout_s=1.0)
            elsewhere = [r.path for r in stage.posts if not r.path.endswith(wire.path)]
            assert stage.may_change_wire or not elsewhere, f"{wire.path}, not {elsewhere}"
            assert door.residence.guests == 0, "every visit has ended"
        await standin.wait_until_alone(timeout_s=1.0)
    await tasks_end(before)


async def tasks_end(before: set[asyncio.Task[Any]]) -> None:
    """Wait a few turns of the loop for the tasks that began since then."""
    for _ in range(QUIET_TURNS_MAX):
        if not asyncio.all_tasks() - before:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"tasks are left over: {asyncio.all_tasks() - before}")


def each_way(main: Callable[[Way], Coroutine[Any, Any, None]]) -> None:
    """Play a row that takes its time both ways at once, each on a loop of its own."""
    with ThreadPoolExecutor(len(Way)) as threads:
        playing = {way: threads.submit(lambda way=way: asyncio.run(main(way))) for way in Way}
        for way, played in playing.items():
            error = played.exception()
            if error is not None:
                error.add_note(f"This was asked for as: {way.value}")
                raise error


# --- how an answer may end --------------------------------------------------------------------


def is_complete(went: Went, text: str = WHOLE) -> bool:
    """All of it came, and nothing else."""
    return went.said.text == text and went.said.ends == ("stop",)


def notice_after(went: Went, kept: str) -> str:
    """What follows the text that was kept; it has to say something, and to name an id."""
    assert went.said.text.startswith(kept)
    notice = went.said.text.removeprefix(kept)
    assert ERROR_ID.search(notice), "a cut is never silent"
    rest_words = set(WHOLE.removeprefix(kept).split(". "))
    assert not any(sentence in notice for sentence in rest_words if kept), "nothing comes twice"
    return notice
