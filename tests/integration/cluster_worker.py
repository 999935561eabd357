"""A worker of a cluster in a process of its own, for tests that kill it.

    python -m tests.integration.cluster_worker PORT PREFIX NAME

It reads orders, one a line, and answers each with a line: `admit COUNT LIMIT` asks for so many to
be let in; `fail COUNT KEY` lets so many in for a key, and lets them fail; `look KEY` asks for
one of a key; `end COUNT` ends so many; `running` says how many run.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial

from redis import Redis

from actors import (
    ActorSystem,
    AskFuture,
    ChildSpec,
    Intensity,
    LoopActor,
    Restart,
    RestartPolicy,
    Then,
)
from actors.kernel.cell import Cell
from bridge.cluster.failure_board import RedisFailureBoard
from bridge.cluster.permit_ledger import RedisPermitLedger
from supervisor import (
    Admit,
    Admitted,
    DynamicSupervisor,
    FailureExchangeActor,
    GateActor,
    KeyPolicy,
    Refused,
    ShareActor,
    Supervisor,
)

HOST = "127.0.0.1"
POLICY = RestartPolicy(
    intensity=Intensity(restarts_max=4, window_s=60.0), then=Then.HOLD, hold_s=60.0
)


class Weather(Exception):
    """What work fails with."""


class Work(LoopActor[str]):
    """Runs until it is told how to end."""

    def receive(self, message: str) -> None:
        """End, or fail."""
        if message == "fail":
            raise Weather
        self.exit()


class Worker:
    """A tree with a gate, and the orders it obeys."""

    def __init__(self, port: int, prefix: str, name: str) -> None:
        client = Redis(
            host=HOST, port=port, socket_timeout=1.0, socket_connect_timeout=1.0, retry=None
        )
        self.system = ActorSystem(name)
        children = (
            ChildSpec(name="chats", start=partial(DynamicSupervisor, children_max=1000)),
            ChildSpec(
                name="gate",
                start=partial(
                    GateActor, "root/chats", sharer="root/sharer", exchange="root/exchange"
                ),
            ),
            ChildSpec(
                name="sharer",
                start=partial(ShareActor, RedisPermitLedger(client, prefix), name),
            ),
            ChildSpec(
                name="exchange",
                start=partial(FailureExchangeActor, RedisFailureBoard(client, prefix, name)),
            ),
        )
        self.system.spawn(ChildSpec(name="root", start=partial(Supervisor, children)))
        gate = self.system.find("root/gate")
        assert gate is not None
        self.gate = gate
        self.limit = 1

    async def obey(self, order: str) -> str:
        """Carry out an order and return what there is to say."""
        word, *rest = order.split()
        match word, rest:
            case "admit", [count, limit]:
                self.limit = int(limit)
                for _ in range(int(count)):
                    self.ask("user:many")
                await asyncio.sleep(0.1)
            case "fail", [count, key]:
                for _ in range(int(count)):
                    answer = await self.ask(key)
                    if isinstance(answer, Admitted):
                        answer.ref.tell("fail")
                        await asyncio.sleep(0.05)
            case "look", [key]:
                answer = await self.ask(key)
                if isinstance(answer, Refused):
                    return f"{answer.why.value} {answer.key}"
                answer.ref.tell("end")
                return "admitted"
            case "end", [count]:
                for cell in tuple(self.running().values())[: int(count)]:
                    cell.ref.tell("end")
                await asyncio.sleep(0.1)
            case _:
                pass
        return str(len(self.running()))

    def running(self) -> dict[object, Cell]:
        """What the gate has let in and has not ended."""
        chats = self.system.find("root/chats")
        assert chats is not None
        return dict(chats.cell.children or {})

    def ask(self, key: str) -> AskFuture:
        """Ask the gate to let one in."""
        admit = Admit(
            spec=ChildSpec(start=Work, restart=Restart.TEMPORARY),
            keys=(KeyPolicy(key=key, policy=POLICY),),
            running_max=self.limit,
        )
        return self.gate.ask(admit, block=False, timeout=600.0)


async def main(port: int, prefix: str, name: str) -> None:
    """Obey until there are no more orders, and stop in good order."""
    worker = Worker(port, prefix, name)
    loop = asyncio.get_running_loop()
    while order := await loop.run_in_executor(None, sys.stdin.readline):
        print(await worker.obey(order), flush=True)
    await worker.system.stop(5.0)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
