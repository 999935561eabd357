"""A gate and the supervisor of what it admits, under a root that restarts both."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from actors import (
    ActorRef,
    AskFuture,
    ChildSpec,
    Envelope,
    Intensity,
    Interceptor,
    MailboxSpec,
    Restart,
    RestartPolicy,
    Then,
)
from actors.kernel.cell import Cell
from bridge.chaos.memory_cluster import MemoryFailureBoard, MemoryPermitLedger, MemoryServer
from supervisor import (
    Admit,
    Admitted,
    DynamicSupervisor,
    FailureExchangeActor,
    GateActor,
    KeyPolicy,
    Refused,
    ShareActor,
)
from tests.unit.supervision_stage import SUP, Child, Fail, Finish, Oops, PlainChild, Stage

HOLD_S = 10.0
POLICY = RestartPolicy(
    counts=(Oops,),
    intensity=Intensity(restarts_max=2, window_s=60.0),
    then=Then.HOLD,
    hold_s=HOLD_S,
)
OFTEN = Intensity(restarts_max=1_000, window_s=60.0)


class CrashOn(Interceptor):
    """The fault: an actor crashes when it gets its next message of one class."""

    def __init__(self, name: str, message_class: type[object], times: int = 1) -> None:
        self.name, self.message_class, self.times = name, message_class, times

    def receiving(self, cell: Cell, envelope: Envelope) -> float:
        if cell.name == self.name and isinstance(envelope.message, self.message_class):
            self.times -= 1
            if self.times >= 0:
                raise Oops
        return 0.0


class Hall:
    """What a test of the gate needs: `admit` somebody, and end what was admitted."""

    def __init__(
        self,
        stage: Stage,
        *,
        running_max: int = 1,
        waiting_max: int = 1_000,
        children_max: int = 1_000,
        gate_mailbox: MailboxSpec | None = None,
        history_max: int = 0,
        gate: type[GateActor] = GateActor,
        server: MemoryServer | None = None,
        worker: str = "",
    ) -> None:
        self.stage, self.running_max, self.waiting_max = stage, running_max, waiting_max
        self.history_max = history_max
        chats = partial(DynamicSupervisor, children_max=children_max)
        shared: tuple[ChildSpec[Any], ...] = ()
        others: dict[str, str] = {}
        if server is not None:
            name = f"{SUP}/gate"
            ledger, board = MemoryPermitLedger(server), MemoryFailureBoard(server, worker)
            shared = (
                ChildSpec(name="sharer", start=partial(ShareActor, ledger, worker, gate=name)),
                ChildSpec(
                    name="exchange", start=partial(FailureExchangeActor, board, gates=(name,))
                ),
            )
            others = {"sharer": f"{SUP}/sharer", "exchange": f"{SUP}/exchange"}
        stage.supervise(
            ChildSpec(name="chats", start=chats, mailbox=MailboxSpec(messages_max=5_000)),
            ChildSpec(
                name="gate",
                start=partial(gate, f"{SUP}/chats", **others),
                mailbox=gate_mailbox or MailboxSpec(messages_max=5_000),
            ),
            *shared,
            intensity=OFTEN,
        )
        self.gate = stage.ref("gate")
        self.chats = stage.ref("chats")

    def admit(
        self,
        label: str,
        *keys: str,
        kind: type[Child] = PlainChild,
        policy: RestartPolicy = POLICY,
        policies: Mapping[str, RestartPolicy] | None = None,
        timeout_s: float = 600.0,
        user: str = "",
    ) -> AskFuture:
        """Ask for admission; the answer may take its time. `policies` gives each key its own."""
        asked = dict.fromkeys(keys, policy) if policies is None else policies
        admit = Admit(
            spec=self.stage.child(label, kind, restart=Restart.TEMPORARY),
            keys=tuple(
                KeyPolicy(key=key, policy=of_key, history_max=self.history_max)
                for key, of_key in asked.items()
            ),
            running_max=self.running_max,
            waiting_max=self.waiting_max,
            fair_key=user,
        )
        return self.gate.ask(admit, block=False, timeout=timeout_s)

    async def answer(self, label: str, *keys: str, **options: Any) -> Admitted | Refused | None:
        """Ask, and return what is answered before time passes; None is no answer yet."""
        return await self.soon(self.admit(label, *keys, **options))

    async def soon(self, asked: AskFuture) -> Admitted | Refused | None:
        """What is answered within a moment."""
        await self.stage.wait(0.05)
        return asked.get() if asked.is_done else None

    async def end(self, label: str, how: str = "normal", error: Exception | None = None) -> None:
        """End what was admitted under this label."""
        ref: ActorRef[Any] = self.stage.ref(f"chats/{label}")
        match how:
            case "normal":
                ref.tell(Finish())
            case "crashed":
                ref.tell(Fail(error or Oops()))
            case "killed":
                ref.kill()
            case _:
                ref.shut_down(1.0)
        await self.stage.wait(0.05)

    async def run(self, label: str, *keys: str, how: str = "normal", **options: Any) -> None:
        """Admit and end one piece of work."""
        assert isinstance(await self.answer(label, *keys, **options), Admitted)
        await self.end(label, how)

    async def fail(self, key: str, times: int = 3) -> None:
        """Let work of this key fail so many times; three open its breaker."""
        for _ in range(times):
            await self.run("failing", key, how="crashed")

    async def kill_all(self) -> None:
        """End whatever runs."""
        for cell in tuple((self.chats.cell.children or {}).values()):
            cell.kill()
        await self.stage.wait(0.05)

    def running(self) -> int:
        """How many children there are."""
        return len(self.chats.cell.children or ())
