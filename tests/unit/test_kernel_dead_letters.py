from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from actors.kernel.dead_letter import LOG_EVERY_S, DeadLetter, DeadLetters, Loss
from actors.testing.manual_clock import ManualClock
from tests.unit.kernel_stage import Recorder, Stage, on_stage


@dataclass(frozen=True, slots=True)
class Secret:
    """A message whose content nobody may see."""

    text: str = "swordfish"


def test_letters_are_counted_by_reason_and_class_and_the_newest_are_kept() -> None:
    clock = ManualClock(start_s=5)
    letters = DeadLetters(clock, kept_max=2)
    letters.record(Loss.FULL, "root/a", Secret())
    letters.record(Loss.FULL, "root/a", "text")
    letters.record(Loss.EXPIRED, "root/b", Secret())
    assert letters.by_reason == {Loss.FULL: 2, Loss.EXPIRED: 1}
    assert letters.by_class[Loss.FULL, "Secret"] == 1
    assert [*letters.recent] == [
        DeadLetter(reason=Loss.FULL, target="root/a", message_class="str", at_s=5),
        DeadLetter(reason=Loss.EXPIRED, target="root/b", message_class="Secret", at_s=5),
    ]


def test_a_letter_keeps_nothing_of_what_the_message_said(caplog: pytest.LogCaptureFixture) -> None:
    letters = DeadLetters(ManualClock())
    with caplog.at_level(logging.DEBUG):
        for reason in Loss:
            letters.record(reason, "root/a", Secret())
    assert len(caplog.records) == len(Loss)
    assert "swordfish" not in caplog.text + repr(letters.recent)


def test_each_reason_is_logged_at_most_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    letters = DeadLetters(clock)
    with caplog.at_level(logging.DEBUG):
        for _ in range(100):
            letters.record(Loss.FULL, "root/a", Secret())
        assert len(caplog.records) == 1
        letters.record(Loss.EXPIRED, "root/a", Secret())
        assert len(caplog.records) == 2
        clock.advance(LOG_EVERY_S)
        letters.record(Loss.FULL, "root/a", Secret())
    assert caplog.records[-1].getMessage() == "dead letter full: Secret to root/a (101 so far)"


def test_a_listener_that_fails_is_named_and_does_not_disturb_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    letters = DeadLetters(ManualClock())
    heard: list[Any] = []

    def failing(_: DeadLetter, message: object) -> None:
        raise ValueError(message)

    letters.subscribe(failing)
    letters.subscribe(lambda letter, message: heard.append((letter.reason, message)))
    letters.record(Loss.FULL, "root/a", Secret())
    assert heard == [(Loss.FULL, Secret())]
    assert "ValueError" in caplog.text
    assert "swordfish" not in caplog.text


@on_stage
async def test_a_listener_may_send_messages_itself(stage: Stage) -> None:
    seen: list[Any] = []
    counting = stage.spawn(Recorder, seen)
    stage.system.dead_letters.subscribe(lambda letter, _: counting.tell(letter.message_class))
    dead = stage.spawn(Recorder, [])
    dead.kill()
    dead.offer(Secret())
    await stage.settle()
    assert seen == ["Secret"]


@on_stage
async def test_nothing_the_kernel_logs_says_what_an_error_or_a_message_said(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    class Indiscreet(Recorder):
        def receive(self, message: Any) -> Any:
            raise ValueError(message)

        def on_failure(self, *_: object) -> None:
            raise ValueError("swordfish")

        def release(self) -> None:
            raise ValueError("swordfish")

    with caplog.at_level(logging.DEBUG):
        stage.spawn(Indiscreet, []).tell(Secret())
        await stage.settle()
    assert "ValueError" in caplog.text
    assert "swordfish" not in caplog.text
