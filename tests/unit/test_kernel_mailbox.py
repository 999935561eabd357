from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from actors.kernel.dead_letter import Loss
from actors.kernel.errors import MailboxFull
from actors.kernel.mailbox import MailboxSpec, WhenFull
from tests.unit.kernel_stage import Gated, Recorder, Stage, on_stage, until


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that knows its weight, and what it replaces."""

    number: int
    size_bytes: int = 0
    key: str | None = None


def key_of(message: object) -> str | None:
    return message.key if isinstance(message, Parcel) else None


@on_stage
async def test_a_full_mailbox_refuses_and_counts_without_hurting_the_sender(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen, mailbox=MailboxSpec(messages_max=2))
    for number in range(4):
        ref.tell(number)
    assert ref.offer(4) is False
    assert stage.lost(Loss.FULL) == 3
    with pytest.raises(MailboxFull):
        await ref.ask(5, block=False)
    await stage.settle()
    assert seen == [0, 1]


@on_stage
async def test_drop_oldest_keeps_the_newest_messages(stage: Stage) -> None:
    seen: list[Any] = []
    mailbox = MailboxSpec(messages_max=2, when_full=WhenFull.DROP_OLDEST)
    ref = stage.spawn(Recorder, seen, mailbox=mailbox)
    assert [ref.offer(number) for number in range(5)] == [True] * 5
    await stage.settle()
    assert seen == [3, 4]
    assert stage.lost(Loss.DROPPED) == 3


@on_stage
async def test_drop_newest_keeps_the_oldest_messages_and_says_so(stage: Stage) -> None:
    seen: list[Any] = []
    mailbox = MailboxSpec(messages_max=2, when_full=WhenFull.DROP_NEWEST)
    ref = stage.spawn(Recorder, seen, mailbox=mailbox)
    assert [ref.offer(number) for number in range(4)] == [True, True, False, False]
    await stage.settle()
    assert seen == [0, 1]
    assert stage.lost(Loss.DROPPED) == 2


@on_stage
async def test_the_bound_in_bytes_refuses_what_is_too_heavy(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [], mailbox=MailboxSpec(bytes_max=100))
    assert ref.offer(Parcel(1, size_bytes=60))
    assert not ref.offer(Parcel(2, size_bytes=60))
    assert ref.offer(Parcel(3, size_bytes=40))
    assert ref.cell.queued_bytes == 100
    await stage.settle()
    assert ref.cell.queued_bytes == 0


@on_stage
async def test_one_message_over_the_bound_in_bytes_is_taken_by_an_empty_mailbox(
    stage: Stage,
) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen, mailbox=MailboxSpec(bytes_max=10))
    assert ref.offer(Parcel(1, size_bytes=1000))
    assert not ref.offer(Parcel(2, size_bytes=1))
    await stage.settle()
    assert seen == [Parcel(1, size_bytes=1000)]


@on_stage
async def test_drop_oldest_drops_as_many_as_the_newcomer_needs_bytes(stage: Stage) -> None:
    seen: list[Any] = []
    mailbox = MailboxSpec(bytes_max=100, when_full=WhenFull.DROP_OLDEST)
    ref = stage.spawn(Recorder, seen, mailbox=mailbox)
    for number in range(4):
        ref.tell(Parcel(number, size_bytes=25))
    ref.tell(Parcel(9, size_bytes=70))
    assert ref.cell.queued_bytes <= 100
    await stage.settle()
    assert [parcel.number for parcel in seen] == [3, 9]


@on_stage
async def test_coalesce_lets_the_newer_take_the_place_of_the_older(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Recorder, seen, mailbox=MailboxSpec(coalesce=key_of))
    first = ref.ask(Parcel(1, key="a"), block=False)
    ref.tell(Parcel(2))
    second = ref.ask(Parcel(3, key="a"), block=False, timeout=5)
    with pytest.raises(MailboxFull):
        await first
    assert await second == Parcel(3, key="a")
    assert [parcel.number for parcel in seen] == [3, 2]
    assert stage.lost(Loss.DROPPED) == 1


@on_stage
async def test_coalesce_keeps_to_the_bound_in_bytes(stage: Stage) -> None:
    ref = stage.spawn(Recorder, [], mailbox=MailboxSpec(bytes_max=100, coalesce=key_of))
    ref.tell(Parcel(1, size_bytes=50))
    ref.tell(Parcel(2, size_bytes=10, key="a"))
    assert ref.offer(Parcel(3, size_bytes=50, key="a"))
    assert ref.cell.queued_bytes == 100
    assert not ref.offer(Parcel(4, size_bytes=51, key="a"))
    assert ref.cell.queued_bytes == 100


@on_stage
async def test_an_awaited_offer_waits_for_room(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(Gated, seen, gate, mailbox=MailboxSpec(messages_max=1))
    ref.tell(1)
    await stage.settle()
    ref.tell(2)
    offers = [stage.begin(ref.offer(number, timeout_s=5)) for number in (3, 4)]
    await stage.settle()
    assert not any(offer.done() for offer in offers)
    gate.set()
    assert await asyncio.gather(*offers) == [True, True]
    await stage.settle()
    assert seen == [1, 2, 3, 4]


@on_stage
async def test_an_awaited_offer_gives_up_after_its_timeout(stage: Stage) -> None:
    gate = asyncio.Event()
    ref = stage.spawn(Gated, [], gate, mailbox=MailboxSpec(messages_max=1))
    ref.tell(1)
    await stage.settle()
    ref.tell(2)
    offer = stage.begin(ref.offer(3, timeout_s=5))
    await stage.settle()
    await stage.advance(5)
    assert await offer is False
    assert stage.lost(Loss.FULL) == 1
    gate.set()


@on_stage
async def test_an_offer_that_gave_up_does_not_use_up_the_room_of_the_next(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(Gated, seen, gate, mailbox=MailboxSpec(messages_max=1))
    ref.tell(1)
    await stage.settle()
    ref.tell(2)
    impatient = stage.begin(ref.offer(3, timeout_s=1))
    patient = stage.begin(ref.offer(4, timeout_s=60))
    await stage.settle()
    await stage.advance(2)
    assert await impatient is False
    gate.set()
    await stage.settle()
    assert patient.done()
    assert seen == [1, 2, 4]


@on_stage
async def test_room_that_a_cancelled_offer_was_called_for_goes_to_the_next(stage: Stage) -> None:
    seen: list[Any] = []
    gate = asyncio.Event()
    ref = stage.spawn(Gated, seen, gate, mailbox=MailboxSpec(messages_max=1))
    ref.tell(1)
    await stage.settle()
    ref.tell(2)
    cancelled = stage.begin(ref.offer(3, timeout_s=60))
    patient = stage.begin(ref.offer(4, timeout_s=60))
    await stage.settle()
    gate.set()
    await until(lambda: seen[1:])
    cancelled.cancel()
    await stage.settle()
    assert patient.done()
    assert seen == [1, 2, 4]


@on_stage
async def test_offers_to_an_actor_that_ends_are_refused_at_once(stage: Stage) -> None:
    gate = asyncio.Event()
    ref = stage.spawn(Gated, [], gate, mailbox=MailboxSpec(messages_max=1))
    ref.tell(1)
    await stage.settle()
    ref.tell(2)
    offer = stage.begin(ref.offer(3, timeout_s=60))
    await stage.settle()
    ref.kill()
    await stage.settle()
    assert await offer is False
    assert ref.offer(4) is False


@pytest.mark.parametrize("bounds", [{"messages_max": 0}, {"bytes_max": 0}])
def test_a_mailbox_without_room_for_one_message_is_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MailboxSpec(**bounds)  # type: ignore[arg-type]  # the names are those of the fields
