"""A chat with storage: what the history names is read first, what is kept is saved at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from actors.artifacts import Recalled
from actors.chat_memory import MemorySetup
from actors.chat_setup import ChatSetup
from actors.db_writer import ArtifactsRefused, ArtifactsSaved, NotSaved, SaveArtifacts
from actors.keeping import Keeps
from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import ChildSpec, Intensity, Restart, RestartPolicy, Then
from actors.kernel.ref import ActorRef
from actors.ports import (
    Cancelled,
    Completed,
    Failed,
    ProviderTimedOut,
    StoreUnavailable,
    StreamBroken,
)
from actors.recall import ReasoningRetention
from actors.recall_reader import ArtifactsLoaded, ForgetArtifacts, LoadArtifacts
from actors.request import RequestActor
from actors.storage_turn import StoragePermits, StorageSetup
from actors.testing.probe import Probe
from actors.tool_round import ToolSetup
from actors.values import (
    ChatRequest,
    Mark,
    Marked,
    Notice,
    Noticed,
    Reasoning,
    ReasoningMade,
    Role,
    TextPart,
    ToolOutput,
    Turn,
    WireFormat,
)
from supervisor.gate import GateActor
from supervisor.static import Supervisor
from supervisor.strategy import AutoShutdown
from tests.unit.chat_stage import ASKED, COMPLETED, ENDPOINT, ListSink, Read, ScriptedProvider, text
from tests.unit.kernel_stage import Stage, on_stage
from tests.unit.storage_stage import artifact
from tests.unit.tool_stage import THREE_TRIES, ScriptedBox, answer, call, calls, sleep_on

ID = "0123456789ABCDEFGHJK"
THOUGHT = Reasoning(wire=WireFormat.RESPONSES, json='{"id":"rs_1","type":"reasoning"}')
HOLDS = RestartPolicy(
    intensity=Intensity(restarts_max=1, window_s=60.0), then=Then.HOLD, hold_s=60.0
)
ALL = Keeps(reasoning=True, tools=True)
MARKED = replace(
    ASKED,
    items=(
        Turn(role=Role.USER, parts=(TextPart(text="first"),)),
        Mark(artifact_id=ID),
        Turn(role=Role.ASSISTANT, parts=(TextPart(text="said"),)),
        Turn(role=Role.USER, parts=(TextPart(text="second"),)),
    ),
)


class Storage(LoopActor[Any]):
    """Plays the writer and the reader as told; None stands for silence."""

    answers = (StoreUnavailable,)

    def __init__(self, room: Room) -> None:
        self._room = room

    def receive(self, message: Any) -> Any:
        self._room.heard.append(message)
        if isinstance(message, SaveArtifacts):
            word = self._room.saves
            if word is not None and message.reply_to is not None:
                message.reply_to.cell.signal(word)
            return None
        if isinstance(message, ForgetArtifacts):
            return None
        if self._room.loads is None:
            self.reply_later()
            return None
        if isinstance(self._room.loads, Exception):
            raise self._room.loads
        return self._room.loads


@dataclass
class Room:
    """A chat beside a store that says what it is told to say."""

    stage: Stage
    provider: ScriptedProvider
    saves: Any = field(default_factory=lambda: ArtifactsSaved(token=0))
    loads: Any = field(default_factory=lambda: ArtifactsLoaded(recalled=Recalled()))
    keeps: Keeps | None = ALL
    retention: ReasoningRetention = ReasoningRetention.CONVERSATION
    asked: ChatRequest = ASKED
    box: ScriptedBox | None = None
    deadline_s: float | None = None
    gate: ActorRef[Any] | None = None
    heard: list[Any] = field(default_factory=list)
    sink: ListSink = field(default_factory=ListSink)

    def __post_init__(self) -> None:
        system = self.stage.system
        self.storage: ActorRef[Any] = system.spawn(ChildSpec(start=partial(Storage, self)))
        if self.gate is None:
            self.gate = system.spawn(ChildSpec(start=partial(GateActor, None)))

    def chat(self) -> ActorRef[Any]:
        setup = ChatSetup(
            provider=self.provider,
            codecs=dict.fromkeys(WireFormat, self.provider.codec),
            reads_max=8,
            mailbox_max=100,
            attempt_policy=THREE_TRIES,
            deadline_s=self.deadline_s,
        )
        tools = None
        if self.box is not None:
            self.box.sleep = sleep_on(self.stage)
            tools = ToolSetup(box=self.box)
        assert self.gate is not None
        permits = StoragePermits(gate=self.gate, user="u", policy=HOLDS)
        memory = MemorySetup(
            storage=StorageSetup(writer=self.storage, reader=self.storage, permits=permits),
            chat_id="chat-1",
            message_id="message-1",
            keeps=self.keeps,
            retention=self.retention,
            turns_kept=10,
        )
        start = partial(RequestActor, self.asked, ENDPOINT, setup, self.sink, tools, memory)
        lead: ChildSpec[Any] = ChildSpec(
            start=start,
            restart=Restart.TEMPORARY,
            is_significant=True,
            mailbox=setup.mailbox(tools),
        )
        chat: ActorRef[Any] = self.stage.system.spawn(
            ChildSpec(
                start=partial(Supervisor, (lead,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
                restart=Restart.TEMPORARY,
            )
        )
        self.probe = Probe(self.stage.system, watch=(chat,))
        return chat

    async def ends(self) -> None:
        self.chat()
        await self.stage.settle()

    @property
    def marks(self) -> list[str]:
        return [
            each for event in self.sink.shown if isinstance(event, Marked) for each in event.ids
        ]

    @property
    def notices(self) -> list[Notice]:
        return [event.notice for event in self.sink.shown if isinstance(event, Noticed)]

    def told(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.heard if isinstance(message, kind)]


def thinks(words: str = "So it is.") -> list[Read]:
    return [Read((ReasoningMade(output_index=0, reasoning=THOUGHT), text(words, 1), COMPLETED))]


@on_stage
async def test_an_answer_is_marked_with_what_was_acknowledged_and_then_ends(stage: Stage) -> None:
    """SPEC 37, 155."""
    room = Room(stage, ScriptedProvider(thinks()))
    await room.ends()
    (save,) = room.told(SaveArtifacts)
    (kept,) = save.artifacts
    assert (kept.chat_id, kept.message_id, kept.model_id) == ("chat-1", "message-1", ASKED.model)
    assert kept.item == THOUGHT
    assert room.marks == [kept.id]
    assert isinstance(room.sink.shown[-1], Marked)
    assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_calls_and_outputs_of_all_rounds_are_kept_in_their_order(stage: Stage) -> None:
    """SPEC 44."""
    wanted = call("c1", arguments='{"at": 1}')
    provider = ScriptedProvider([calls(wanted)], answer("It is 42."))
    room = Room(stage, provider, box=ScriptedBox({"look": ["42"]}))
    await room.ends()
    (save,) = room.told(SaveArtifacts)
    items = [each.item for each in sorted(save.artifacts, key=lambda each: each.place)]
    assert items == [wanted, ToolOutput(call_id="c1", output="42")]
    assert room.marks == [each.id for each in save.artifacts]
    assert room.sink.endings[0].rounds == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("word", "notice"),
    [
        (ArtifactsRefused(token=0, reason=NotSaved.FAILED), Notice.STORAGE_UNAVAILABLE),
        (ArtifactsRefused(token=0, reason=NotSaved.FULL), Notice.STORAGE_UNAVAILABLE),
        (
            ArtifactsRefused(token=0, reason=NotSaved.HELD, retry_after_s=30.0),
            Notice.STORAGE_PAUSED,
        ),
    ],
)
@on_stage
async def test_what_is_not_acknowledged_leaves_no_mark_and_the_answer_stands(
    stage: Stage, word: ArtifactsRefused, notice: Notice
) -> None:
    """SPEC 45, 160."""
    room = Room(stage, ScriptedProvider(thinks()), saves=word)
    await room.ends()
    assert room.marks == []
    assert room.notices == [notice]
    assert room.sink.text == "So it is."
    assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_a_store_that_never_answers_holds_an_answer_up_for_seconds(stage: Stage) -> None:
    room = Room(stage, ScriptedProvider(thinks()), saves=None)
    await room.ends()
    assert room.sink.endings == []
    await stage.advance(12.0)
    assert room.notices == [Notice.STORAGE_UNAVAILABLE]
    assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_a_deadline_ends_the_wait_for_the_store_and_not_the_answer(stage: Stage) -> None:
    room = Room(stage, ScriptedProvider(thinks()), saves=None, deadline_s=2.0)
    await room.ends()
    await stage.advance(2.0)
    assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_a_stop_during_the_wait_for_the_store_is_a_stop(stage: Stage) -> None:
    room = Room(stage, ScriptedProvider(thinks()), saves=None)
    chat = room.chat()
    await stage.settle()
    chat.shut_down(1.0)
    await stage.settle()
    assert room.sink.endings == [Cancelled()]
    assert room.marks == []


@on_stage
async def test_a_chat_that_keeps_nothing_asks_no_store(stage: Stage) -> None:
    room = Room(stage, ScriptedProvider(answer("Hello.")))
    await room.ends()
    assert room.heard == []
    assert room.notices == []
    assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_what_the_history_names_is_sent_in_its_place(stage: Stage) -> None:
    """SPEC 39."""
    kept = artifact(ID, payload=THOUGHT.json)
    provider = ScriptedProvider(answer())
    room = Room(stage, provider, asked=MARKED, retention=ReasoningRetention.CONVERSATION)
    room.loads = ArtifactsLoaded(recalled=Recalled(artifacts=(kept,)))
    await room.ends()
    assert room.told(LoadArtifacts) == [LoadArtifacts(chat_id="chat-1", ids=(ID,))]
    first, mark, *rest = MARKED.items
    assert isinstance(mark, Mark)
    assert provider.codec.requests[0].items == (first, THOUGHT, *rest)
    assert room.told(ForgetArtifacts) == []


@on_stage
async def test_a_store_that_cannot_be_read_leaves_the_text(stage: Stage) -> None:
    """SPEC 42."""
    provider = ScriptedProvider(answer())
    room = Room(stage, provider, asked=MARKED, loads=StoreUnavailable())
    await room.ends()
    first, _, *rest = MARKED.items
    assert provider.codec.requests[0].items == (first, *rest)
    assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_a_store_that_says_nothing_is_waited_for_for_seconds(stage: Stage) -> None:
    provider = ScriptedProvider(answer())
    room = Room(stage, provider, asked=MARKED, loads=None)
    await room.ends()
    assert provider.opened == 0
    await stage.advance(7.0)
    assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_a_deadline_ends_a_chat_that_waits_for_its_history(stage: Stage) -> None:
    provider = ScriptedProvider(answer())
    room = Room(stage, provider, asked=MARKED, loads=None, deadline_s=1.0)
    await room.ends()
    await stage.advance(1.0)
    (ending,) = room.sink.endings
    assert isinstance(ending, Failed)
    assert isinstance(ending.error, ProviderTimedOut)
    await stage.advance(10.0)
    assert provider.opened == 0


@on_stage
async def test_a_user_whose_storage_is_held_hears_of_it(stage: Stage) -> None:
    """SPEC 160."""
    gate: ActorRef[Any] | None = None
    for fails_before in range(3):
        room = Room(
            stage,
            ScriptedProvider(answer()),
            asked=MARKED,
            loads=StoreUnavailable(),
            gate=gate,
        )
        gate = room.gate
        await room.ends()
        assert room.notices == ([Notice.STORAGE_PAUSED] if fails_before == 2 else [])
        assert len(room.told(LoadArtifacts)) == (0 if fails_before == 2 else 1)
        assert [type(each) for each in room.sink.endings] == [Completed]


@on_stage
async def test_thinking_kept_for_one_reply_is_forgotten_after_it(stage: Stage) -> None:
    """SPEC 43."""
    room = Room(
        stage,
        ScriptedProvider(answer()),
        asked=MARKED,
        retention=ReasoningRetention.NEXT_REPLY,
    )
    room.loads = ArtifactsLoaded(recalled=Recalled(artifacts=(artifact(ID, payload=THOUGHT.json),)))
    await room.ends()
    assert room.told(ForgetArtifacts) == [ForgetArtifacts(chat_id="chat-1", ids=(ID,))]


@on_stage
async def test_thinking_kept_for_one_reply_stays_until_there_is_one(stage: Stage) -> None:
    room = Room(
        stage,
        ScriptedProvider([Read((text("It br"),)), StreamBroken()]),
        asked=MARKED,
        retention=ReasoningRetention.NEXT_REPLY,
    )
    await room.ends()
    assert room.told(ForgetArtifacts) == []
