"""The table: restart kinds, ways to end, strategies, intensity, against a model of OTP's rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors import Intensity, Restart
from supervisor import Strategy
from tests.unit.supervision_stage import (
    SUP,
    AsyncChild,
    Child,
    Fail,
    Finish,
    PlainChild,
    Stage,
    ThreadChild,
    simulated,
)

LIMIT = Intensity(restarts_max=2, window_s=60.0)
ROUNDS = {"under": 1, "at": 2, "over": 3}

# The one that ends is `b`; around it is one sibling of each kind.
SIBLINGS = {"a": Restart.PERMANENT, "c": Restart.TEMPORARY, "d": Restart.TRANSIENT}
ORDER = ("a", "b", "c", "d")


def otp(strategy: Strategy, restart: Restart, reason: str, rounds: int) -> Iterator[str]:
    """What OTP's supervisor would do: its documentation, word for word."""
    kinds = {**SIBLINGS, "b": restart}
    alive = list(ORDER)
    yield from (f"start {name}" for name in alive)
    for restarts in range(1, rounds + 1):
        yield f"{reason} b"
        is_abnormal = reason in ("crashed", "killed")
        if restart is Restart.TEMPORARY or (restart is Restart.TRANSIENT and not is_abnormal):
            return
        if restarts > LIMIT.restarts_max:
            yield from (f"stopped {name}" for name in reversed(alive) if name != "b")
            yield f"crashed {SUP}"
            return
        group = {
            Strategy.ONE_FOR_ONE: ["b"],
            Strategy.ONE_FOR_ALL: list(alive),
            Strategy.REST_FOR_ONE: alive[alive.index("b") :],
        }[strategy]
        yield from (f"stopped {name}" for name in reversed(group) if name != "b")
        lost = [name for name in group if kinds[name] is Restart.TEMPORARY]
        alive = [name for name in alive if name not in lost]
        yield from (f"start {name}" for name in group if name not in lost)


def bring_to_its_end(stage: Stage, reason: str) -> None:
    subject = stage.ref("b")
    match reason:
        case "normal":
            subject.tell(Finish())
        case "stopped":
            subject.shut_down(5.0)
        case "crashed":
            subject.tell(Fail())
        case "killed":
            subject.kill()


@pytest.mark.parametrize("kind", [PlainChild, AsyncChild, ThreadChild])
@pytest.mark.parametrize("amount", ["under", "at", "over"])
@pytest.mark.parametrize("strategy", list(Strategy), ids=lambda each: each.value)
@pytest.mark.parametrize("reason", ["normal", "stopped", "crashed", "killed"])
@pytest.mark.parametrize("restart", list(Restart), ids=lambda each: each.value)
@simulated()
async def test_every_end_has_the_consequence_that_otp_gives_it(
    stage: Stage,
    restart: Restart,
    reason: str,
    strategy: Strategy,
    amount: str,
    kind: type[Child],
) -> None:
    kinds = {**SIBLINGS, "b": restart}
    children = [stage.child(name, kind, restart=kinds[name]) for name in ORDER]
    stage.supervise(*children, strategy=strategy, intensity=LIMIT)
    await stage.wait()
    for _ in range(ROUNDS[amount]):
        if stage.find("b") is not None:
            bring_to_its_end(stage, reason)
        await stage.wait()
    seen = [line for line in stage.log if not line.startswith("starting ")]
    assert seen == list(otp(strategy, restart, reason, ROUNDS[amount]))
