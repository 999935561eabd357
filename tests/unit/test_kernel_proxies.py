from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pykka
import pytest

from actors.kernel.actor import LoopActor
from actors.kernel.errors import ActorStopped, WouldBlock
from tests.unit.kernel_stage import Stage, on_stage


class Engine:
    """Part of an actor that its proxy may look into."""

    pykka_traversable = True

    def __init__(self) -> None:
        self.power = 90

    def double(self) -> int:
        self.power *= 2
        return self.power


class Counter(LoopActor[Any]):
    """Only used through its proxy."""

    def __init__(self) -> None:
        self.count = 1
        self.engine = Engine()

    def add(self, number: int, *, times: int = 1) -> int:
        self.count += number * times
        return self.count

    async def add_later(self, number: int) -> int:
        await asyncio.sleep(0)
        return self.add(number)

    def fail(self) -> None:
        raise ValueError("no")


class AsyncCounter(Counter):
    """The same, on an actor that may await."""

    async def receive(self, message: Any) -> None:
        assert message is None


BOTH = pytest.mark.parametrize("actor", [Counter, AsyncCounter])


@BOTH
@on_stage
async def test_a_proxy_calls_methods_and_reads_attributes(stage: Stage, actor: Any) -> None:
    proxy = stage.spawn(actor).proxy()
    assert await proxy.add(2, times=3) == 7
    assert await proxy.count == 7
    assert await proxy.engine.double() == 180
    assert await proxy.engine.power == 180
    proxy.add.defer(1)
    assert await proxy.count == 8
    with pytest.raises(AttributeError):
        proxy.unknown  # noqa: B018 - reading it is the test


@on_stage
async def test_a_proxy_awaits_async_methods_of_an_async_actor(stage: Stage) -> None:
    proxy = stage.spawn(AsyncCounter).proxy()
    assert await proxy.add_later(4) == 5


@on_stage
async def test_an_async_method_of_a_plain_actor_is_refused_in_words(stage: Stage) -> None:
    proxy = stage.spawn(Counter).proxy()
    with pytest.raises(TypeError, match="receive is async"):
        await proxy.add_later(4)


@BOTH
@on_stage
async def test_an_error_in_a_proxied_method_reaches_the_caller(stage: Stage, actor: Any) -> None:
    proxy = stage.keep(actor).proxy()
    with pytest.raises(ValueError, match="no"):
        await proxy.fail()
    # The proxy goes on with the actor's next life.
    assert await proxy.add(1) == 2


@on_stage
async def test_assigning_an_attribute_on_the_loop_is_refused_because_it_would_block(
    stage: Stage,
) -> None:
    ref = stage.spawn(Counter)
    proxy = ref.proxy()
    with pytest.raises(WouldBlock):
        proxy.count = 5
    await stage.settle()
    assert await proxy.count == 1


@on_stage
async def test_a_proxy_does_not_keep_the_state_of_a_dead_actor(stage: Stage) -> None:
    ref = stage.spawn(Counter)
    proxy = ref.proxy()
    engine = proxy.engine
    assert await engine.power == 90
    assert ref.cell.behaviour is not None
    state = weakref.ref(ref.cell.behaviour)
    await ref.stop(block=False)
    await stage.settle()
    gc.collect()
    assert state() is None
    with pytest.raises(ActorStopped):
        await proxy.add(1)
    with pytest.raises(pykka.ActorDeadError):
        ref.proxy()
