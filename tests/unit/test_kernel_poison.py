from __future__ import annotations

from typing import Any

import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.dead_letter import Loss
from actors.kernel.errors import KernelError, MessagePoisoned
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Poisoned
from tests.unit.kernel_stage import Stage, on_stage


class Fragile(LoopActor[Any]):
    """Crashes on "poison", in every life; on "once" in its first."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def receive(self, message: Any) -> Any:
        self._seen.append((self.life, message))
        if message == "poison" or (message == "once" and self.life == 1):
            raise ValueError
        return message


class Deferring(Fragile):
    """The same; it takes the reply into its own hands before it crashes."""

    def receive(self, message: Any) -> Any:
        if self.life == 1:
            self.reply_later()
        return super().receive(message)


class Sender(LoopActor[Any]):
    """Sends to another actor, and remembers what it hears of it."""

    def __init__(self, target: ActorRef[Any], notices: list[Poisoned]) -> None:
        self._target = target
        self._notices = notices

    def receive(self, message: Any) -> None:
        self._target.tell(message)

    def on_poisoned(self, notice: Poisoned) -> None:
        self._notices.append(notice)


class Shelving(LoopActor[Any]):
    """Puts everything aside until it is opened."""

    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen
        self._is_open = False

    def receive(self, message: Any) -> Any:
        if message == "open":
            self._is_open = True
            self.unstash_all()
        elif message == "crash" and (self._is_open or self.life == 1):
            raise ValueError
        elif self._is_open:
            self._seen.append(message)
        else:
            self.stash()
        return message


@on_stage
async def test_a_message_that_crashed_its_receiver_is_not_handled_again(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.keep(Fragile, seen)
    for message in ("poison", "next"):
        ref.tell(message)
    await stage.settle()
    assert seen == [(1, "poison"), (2, "next")]
    assert stage.lost(Loss.POISON) == 1


@pytest.mark.parametrize(("allowed", "lives"), [(1, 2), (3, 4)])
@on_stage
async def test_a_message_is_redelivered_as_often_as_the_spec_says(
    stage: Stage, allowed: int, lives: int
) -> None:
    seen: list[Any] = []
    ref = stage.keep(Fragile, seen, redeliveries_max=allowed)
    answer = ref.ask("poison", block=False)
    ref.tell("next")
    await stage.settle()
    assert [life for life, message in seen if message == "poison"] == [*range(1, lives + 1)]
    assert seen[-1] == (lives + 1, "next")
    with pytest.raises(MessagePoisoned):
        await answer


@pytest.mark.parametrize("actor", [Fragile, Deferring])
@on_stage
async def test_a_redelivered_ask_is_answered_by_the_next_life(stage: Stage, actor: Any) -> None:
    ref = stage.keep(actor, [], redeliveries_max=1)
    assert await ref.ask("once", block=False) == "once"


@on_stage
async def test_the_sender_of_a_poisonous_message_is_told(stage: Stage) -> None:
    notices: list[Poisoned] = []
    target = stage.keep(Fragile, [])
    sender = stage.spawn(Sender, target, notices)
    sender.tell("poison")
    await stage.settle()
    assert notices == [Poisoned(target, "str")]


@on_stage
async def test_an_error_in_hearing_of_poison_crashes_the_sender_alone(stage: Stage) -> None:
    class Clumsy(Sender):
        def on_poisoned(self, notice: Poisoned) -> None:
            raise ValueError

    target = stage.keep(Fragile, [])
    sender = stage.keep(Clumsy, target, [])
    sender.tell("poison")
    await stage.settle()
    assert (target.cell.life, sender.cell.life) == (2, 2)
    sender.tell("fine")
    await stage.settle()
    assert stage.lost(Loss.POISON) == 1


@on_stage
async def test_stashed_messages_come_back_in_order_before_the_mail_that_waits(
    stage: Stage,
) -> None:
    seen: list[Any] = []
    ref = stage.spawn(Shelving, seen)
    answer = ref.ask(1, block=False)
    for message in (2, "open", 3):
        ref.tell(message)
    assert await answer == 1
    await stage.settle()
    assert seen == [1, 2, 3]


@on_stage
async def test_a_stash_is_bounded_like_the_mailbox(stage: Stage) -> None:
    ref = stage.keep(Shelving, [], mailbox=MailboxSpec(messages_max=2))
    ref.tell(1)
    await stage.settle()
    ref.tell(2)
    await stage.settle()
    with pytest.raises(KernelError, match="stash"):
        await ref.ask(3, block=False)


@on_stage
async def test_what_was_stashed_survives_a_crash(stage: Stage) -> None:
    seen: list[Any] = []
    ref = stage.keep(Shelving, seen)
    for message in (1, 2, "crash", "open"):
        ref.tell(message)
    await stage.settle()
    assert ref.cell.life == 2
    assert seen == [1, 2]


@on_stage
async def test_a_detour_through_the_stash_does_not_make_poison_wholesome(stage: Stage) -> None:
    ref = stage.keep(Shelving, [], redeliveries_max=2)
    ref.tell("crash")
    await stage.settle()
    for _ in range(10):
        ref.tell("open")
        await stage.settle()
    assert stage.lost(Loss.POISON) == 1
    assert ref.cell.life == 4
