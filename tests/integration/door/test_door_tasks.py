"""The small jobs beside a chat: one short try each, and never at the cost of the chat.

On virtual time, with the stand-in behind the ports (SPEC 145-149).
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.standin.faults import ProviderFault
from bridge.standin.wishes import Wish
from tests.integration.promise_stage import Way, is_complete
from tests.integration.quiet_stage import heard_log, play_quietly
from tests.integration.tool_bench import Bench

F = ProviderFault
TITLE = "title_generation"
TASK = "standin.task"
MADE = '{"title":"A Quiet Word Backstage"}'
LOCAL = '{"title":"Chat"}'
FAILED = "[Task error] Unable to generate title_generation. Please retry later."
THINKER = "openai.gpt-5.2"
JOB = Wish(script="task")


async def task(
    stage: Any,
    model: str = TASK,
    *,
    kind: object = TITLE,
    user: str = "ada",
    session: str = "session-1",
    **given: Any,
) -> str:
    """Ask for a job as Open WebUI does."""
    around = stage.surroundings(user)
    metadata = around["__metadata__"] | {"session_id": session}
    messages = [{"role": "user", "content": "### Task:\nSay a title."}]
    body = {"model": f"{stage.door.id}.{model}", "stream": False, "messages": messages}
    emitter = around["__event_emitter__"]
    said = await stage.door.pipe(
        body | given.pop("fields", {}),
        __user__=around["__user__"],
        __metadata__=metadata,
        __event_emitter__=emitter,
        __task__=kind,
        **given,
    )
    assert isinstance(said, str)
    return said


def failing(fault: ProviderFault, times: int = 1) -> Wish:
    return Wish(script="plain", fault=fault, times=times)


def sent(stage: Any) -> Any:
    return stage.posts[-1].body


def test_a_task_is_one_request_in_one_piece_without_tools_search_or_events() -> None:
    async def play(stage: Any) -> None:
        fields = {"tools": [{"type": "function", "function": {"name": "x", "parameters": {}}}]}
        metadata = stage.surroundings("ada")["__metadata__"]
        metadata["features"] = {"openrouter_web_search": True}
        assert await task(stage, fields=fields, __tools__=Bench().registry()) == MADE
        (record,) = stage.posts
        assert record.path.endswith("/responses")
        assert sent(stage)["stream"] is False
        assert "tools" not in sent(stage)
        assert not [each for each in sent(stage).get("plugins", ()) if each["id"] == "web"]
        assert stage.emitted == []

    play_quietly(play)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", ["moa_response_generation", {"type": TITLE}, 7, ["x"]])
def test_a_task_of_any_kind_is_answered_as_text(kind: object, stream: bool) -> None:
    async def play(stage: Any) -> None:
        assert await task(stage, kind=kind, fields={"stream": stream}) == MADE

    play_quietly(play)


# --- tries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "asked", "said"),
    [
        ((failing(F.STATUS_500), JOB), 2, MADE),
        ((failing(F.STATUS_500, 3),), 2, FAILED),
        ((failing(F.STATUS_429_PLAIN), JOB), 2, MADE),
        ((failing(F.STATUS_400), JOB), 1, FAILED),
        ((failing(F.STATUS_402_CREDITS), JOB), 1, FAILED),
        ((failing(F.ERROR_ONLY_200), JOB), 2, MADE),
    ],
    ids=["cured", "fails twice", "rate limit", "refused", "no credit", "no answer"],
)
def test_a_task_is_tried_twice_where_that_may_help(
    wishes: tuple[Wish, ...], asked: int, said: str
) -> None:
    async def play(stage: Any) -> None:
        since_s = asyncio.get_running_loop().time()
        assert await task(stage) == said
        assert len(stage.posts) == asked
        assert asyncio.get_running_loop().time() - since_s == pytest.approx(0.2 * (asked - 1))

    play_quietly(play, *wishes)


def test_a_task_for_a_model_that_is_not_there_fails_without_a_request() -> None:
    async def play(stage: Any) -> None:
        assert await task(stage, "nobody.nothing") == FAILED
        assert await task(stage, "") == FAILED
        assert await task(stage, fields={"messages": "hello"}) == FAILED
        assert stage.posts == []

    play_quietly(play)


def test_a_task_of_a_user_who_has_to_wait_fails_at_once() -> None:
    async def play(stage: Any) -> None:
        await stage.ask()
        assert await task(stage) == FAILED
        assert len(stage.posts) == 1

    play_quietly(play, failing(F.CUT_MID_FRAME), BREAKER_MAX_FAILURES=1)


@pytest.mark.parametrize("fault", [F.HALF_OPEN, F.SLOW_HEADERS], ids=lambda fault: fault.value)
def test_a_stop_of_a_task_closes_its_connection(fault: ProviderFault) -> None:
    async def play(stage: Any) -> None:
        asking = asyncio.get_running_loop().create_task(task(stage))
        await stage.until_asked(1)
        await stage.stop(asking)
        await asyncio.sleep(1)
        assert stage.world.open_streams == 0

    play_quietly(play, failing(fault))


# --- a key that is refused ---------------------------------------------------------------------

REFUSALS = pytest.mark.parametrize(
    "fault",
    [F.STATUS_401, F.STATUS_403_KEY_LIMIT, F.STATUS_403_MODERATION],
    ids=lambda fault: fault.value,
)


@REFUSALS
def test_after_a_refused_key_tasks_are_answered_here_for_a_minute(fault: ProviderFault) -> None:
    async def play(stage: Any) -> None:
        assert await task(stage) == LOCAL
        await asyncio.sleep(59)
        assert await task(stage) == LOCAL
        assert await task(stage, kind="tags_generation") == '{"tags":["General"]}'
        assert json.loads(await task(stage, kind="follow_up_generation")) == {"follow_ups": []}
        assert (await task(stage, kind="emoji_generation")).startswith("[Task error]")
        assert len(stage.posts) == 1, "nobody was asked meanwhile"
        assert await task(stage, user="bob") == MADE, "another user's are asked for"
        assert await task(stage, session="session-2") == MADE, "and those of another session"
        await asyncio.sleep(2)
        assert await task(stage) == MADE, "the minute is over"

    play_quietly(play, failing(fault))


@REFUSALS
@pytest.mark.parametrize("way", Way)
def test_a_chat_whose_key_was_refused_spares_its_tasks(way: Way, fault: ProviderFault) -> None:
    async def play(stage: Any) -> None:
        await stage.ask()
        assert await task(stage) == LOCAL
        assert len(stage.posts) == 1
        assert await task(stage, user="bob") == MADE

    play_quietly(play, failing(fault), way=way)


@pytest.mark.parametrize(
    "changed", [{"API_KEY": "sk-or-new"}, {"BASE_URL": "https://other.invalid"}]
)
def test_a_new_key_is_tried_with_the_next_task(changed: Mapping[str, str]) -> None:
    """SPEC 16: no valve waits for a minute."""

    async def play(stage: Any) -> None:
        assert await task(stage) == LOCAL
        stage.change(**changed)
        assert await task(stage) == (MADE if "API_KEY" in changed else FAILED)

    play_quietly(play, failing(F.STATUS_401))


def test_without_a_key_a_task_is_answered_here() -> None:
    async def play(stage: Any) -> None:
        for key in ("", "encrypted:nonsense"):
            stage.change(API_KEY=key)
            assert await task(stage) == LOCAL
            assert (await task(stage, kind="emoji_generation")).startswith("[Task error]")
        assert stage.posts == []

    play_quietly(play)


def test_a_task_that_failed_is_logged_without_its_words() -> None:
    async def play(stage: Any) -> None:
        with heard_log() as log:
            await task(stage)
        (told,) = [text for text in log.texts if "task" in text]
        assert "title_generation" in told
        assert "RequestRejected" in told
        assert "Say a title" not in told

    play_quietly(play, failing(F.STATUS_400))


# --- models and identifiers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model_id", "effort"), [("auto", "high"), ("openai/gpt-5.2", "high"), ("openai/gpt-4o", "low")]
)
def test_a_task_passes_the_allow_list_and_its_effort_is_for_models_on_it(
    model_id: str, effort: str
) -> None:
    """SPEC 146."""

    async def play(stage: Any) -> None:
        assert await task(stage, THINKER) == MADE
        assert sent(stage)["reasoning"]["effort"] == effort
        chat = await stage.ask(stage.question(THINKER))
        assert is_complete(chat, MADE) is (effort == "high"), "a chat does not pass it"

    play_quietly(
        play,
        Wish(script="task", times=2),
        MODEL_ID=model_id,
        REASONING_EFFORT="low",
        TASK_MODEL_REASONING_EFFORT="high",
    )


def test_identifiers_go_along_with_a_task() -> None:
    """SPEC 149."""

    async def play(stage: Any) -> None:
        assert await task(stage, fields={"user": "forged"}) == MADE
        assert sent(stage)["user"] == "ada"
        assert sent(stage)["metadata"] == {"user_id": "ada", "chat_id": "chat-1"}

    play_quietly(play, SEND_END_USER_ID=True, SEND_CHAT_ID=True)
