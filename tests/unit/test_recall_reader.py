"""The reader answers in time or says why not; a store in trouble is held, and chats go on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from actors.artifacts import Recalled
from actors.kernel.child_spec import ChildSpec
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import (
    ActorHeld,
    ActorStopped,
    AskTimedOut,
    MailboxFull,
    MessagePoisoned,
)
from actors.kernel.ref import ActorRef
from actors.ports import StoreBusy, StoreMisfit, StoreUnavailable
from actors.recall_reader import (
    LOAD_IDS_MAX,
    SLICE_IDS_MAX,
    ArtifactsLoaded,
    ArtifactsUnread,
    ForgetArtifacts,
    LoadArtifacts,
    NotRead,
    RecallActor,
    unread,
)
from tests.unit.storage_stage import CHAT, HOLD_S, STORE_POLICY, FakeStore, artifact
from tests.unit.supervision_stage import Stage, simulated


class SlicedStore(FakeStore):
    """Remembers how many ids each load was for; each is missing, and one a slice unreadable."""

    slices: list[int]

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        self.slices = [*getattr(self, "slices", []), len(ids)]
        return Recalled(artifacts=(artifact(ids[0]),), missing=len(ids) - 2, unreadable=1)


async def reader(stage: Stage, store: FakeStore) -> ActorRef[Any]:
    stage.supervise(
        ChildSpec(name="recall", start=partial(RecallActor, store), policy=STORE_POLICY)
    )
    await stage.wait()
    return stage.ref("recall")


async def load(
    ref: ActorRef[Any], *ids: str, timeout_s: float = 5.0
) -> ArtifactsLoaded | ArtifactsUnread:
    """Ask as a request does."""
    question = LoadArtifacts(chat_id=CHAT, ids=ids)
    try:
        answer: ArtifactsLoaded = await ref.ask(question, block=False, timeout=timeout_s)
    except Exception as error:  # noqa: BLE001 - so does `pipe_to_self`
        return unread(error)
    return answer


def with_rows(*ids: str, **faults: Any) -> FakeStore:
    return FakeStore(rows={each: artifact(each) for each in ids}, **faults)


@simulated(seeds=3)
async def test_what_is_there_is_read_in_the_order_asked_for(stage: Stage) -> None:
    ref = await reader(stage, with_rows("a", "b", "c"))
    answer = await load(ref, "c", "gone", "a")
    assert isinstance(answer, ArtifactsLoaded)
    assert [each.id for each in answer.recalled.artifacts] == ["c", "a"]
    assert answer.recalled.missing == 1


@simulated(seeds=1)
async def test_many_ids_are_read_in_slices_and_counted_together(stage: Stage) -> None:
    store = SlicedStore()
    ids = [f"r{number}" for number in range(SLICE_IDS_MAX + 10)]
    answer = await load(await reader(stage, store), *ids)
    assert store.slices == [SLICE_IDS_MAX, 10]
    assert isinstance(answer, ArtifactsLoaded)
    assert [each.id for each in answer.recalled.artifacts] == ["r0", f"r{SLICE_IDS_MAX}"]
    assert (answer.recalled.missing, answer.recalled.unreadable) == (len(ids) - 4, 2)


@simulated(seeds=1)
async def test_of_more_ids_than_one_question_may_have_the_newest_are_read(stage: Stage) -> None:
    store = with_rows("oldest", "newest")
    ids = ("oldest", *(f"r{number}" for number in range(LOAD_IDS_MAX - 1)), "newest")
    answer = await load(await reader(stage, store), *ids)
    assert isinstance(answer, ArtifactsLoaded)
    assert [each.id for each in answer.recalled.artifacts] == ["newest"]
    assert answer.recalled.missing == LOAD_IDS_MAX


@simulated(seeds=3)
async def test_a_failure_of_the_store_is_an_answer_and_costs_no_life(stage: Stage) -> None:
    ref = await reader(stage, with_rows("a", faults={2: StoreBusy()}))
    assert await load(ref, "a") == ArtifactsUnread(reason=NotRead.AWAY)
    assert isinstance(await load(ref, "a"), ArtifactsLoaded)
    assert ref.cell.life == 1


@simulated(seeds=5)
async def test_after_three_failures_the_reader_is_held_and_asks_nobody(stage: Stage) -> None:
    store = with_rows("a", fails_from=1)
    ref = await reader(stage, store)
    for _ in range(3):
        assert await load(ref, "a") == ArtifactsUnread(reason=NotRead.AWAY)
        await stage.wait(0.1)
    held = await load(ref, "a")
    assert isinstance(held, ArtifactsUnread)
    assert held.reason is NotRead.HELD
    assert HOLD_S - 1.0 <= held.retry_after_s <= HOLD_S
    assert store.calls == 3
    store.fails_from = None
    await stage.wait(HOLD_S)
    assert isinstance(await load(ref, "a"), ArtifactsLoaded)
    await stage.wait(0.1)
    assert isinstance(await load(ref, "a"), ArtifactsLoaded)


@simulated(seeds=5)
async def test_a_probe_that_fails_holds_it_again(stage: Stage) -> None:
    ref = await reader(stage, with_rows(fails_from=1))
    for _ in range(3):
        await load(ref, "a")
        await stage.wait(0.1)
    await stage.wait(HOLD_S)
    assert await load(ref, "a") == ArtifactsUnread(reason=NotRead.AWAY)
    await stage.wait(0.1)
    held = await load(ref, "a")
    assert isinstance(held, ArtifactsUnread)
    assert held.reason is NotRead.HELD


@simulated(seeds=3)
async def test_a_question_whose_deadline_has_passed_is_not_read(stage: Stage) -> None:
    store = with_rows("a")
    ref = await reader(stage, store)
    ref.tell(ForgetArtifacts(chat_id=CHAT, ids=("b",)))
    assert await load(ref, "a", timeout_s=0.0) == ArtifactsUnread(reason=NotRead.BUSY)
    late = ref.ask(LoadArtifacts(chat_id=CHAT, ids=("a",)), block=False)
    late.cancel()
    await stage.wait()
    assert stage.system.dead_letters.by_reason[Loss.EXPIRED] == 1
    assert store.calls == 2


@simulated(seeds=3)
async def test_what_was_replayed_for_the_last_time_is_forgotten(stage: Stage) -> None:
    store = with_rows("a", "b")
    ref = await reader(stage, store)
    ref.tell(ForgetArtifacts(chat_id=CHAT, ids=("a", "gone")))
    await stage.wait()
    assert store.rows.keys() == {"b"}


@simulated(seeds=3)
async def test_what_cannot_be_forgotten_now_costs_nothing(stage: Stage) -> None:
    store = with_rows("a", faults={2: StoreBusy()})
    ref = await reader(stage, store)
    ref.tell(ForgetArtifacts(chat_id=CHAT, ids=("a",)))
    await stage.wait()
    assert ref.cell.life == 1
    assert isinstance(await load(ref, "a"), ArtifactsLoaded)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreUnavailable(), NotRead.AWAY),
        (StoreMisfit(), NotRead.AWAY),
        (MailboxFull(), NotRead.BUSY),
        (AskTimedOut(), NotRead.BUSY),
        (ActorStopped(), NotRead.BROKEN),
        (MessagePoisoned(), NotRead.BROKEN),
        (KeyError("a bug"), NotRead.BROKEN),
    ],
)
def test_whatever_goes_wrong_is_one_answer(error: Exception, reason: NotRead) -> None:
    assert unread(error) == ArtifactsUnread(reason=reason)


def test_a_hold_says_for_how_long() -> None:
    assert unread(ActorHeld(7.0)) == ArtifactsUnread(reason=NotRead.HELD, retry_after_s=7.0)
