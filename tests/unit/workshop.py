"""A gate that is only for claims, and actors that claim."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

from actors import ActorRef, AskFuture, ChildSpec, RestartPolicy
from supervisor import Claim, GateActor, Granted, KeyPolicy, Refused
from tests.unit.gate_hall import OFTEN, POLICY
from tests.unit.supervision_stage import Fail, Finish, PlainChild, Stage


class Holder(PlainChild):
    """Writes down what it is answered."""

    def __init__(self, shop: Workshop, stage: Stage, label: str) -> None:
        super().__init__(stage, label)
        self.shop = shop

    def receive(self, message: object) -> object:
        if isinstance(message, Granted | Refused):
            self.shop.answers[self.label].append(message)
            if isinstance(message, Granted):
                self.shop.granted.append(self.label)
            return None
        return super().receive(message)


class Workshop:
    """What a test of claims needs: somebody to claim, and to end."""

    def __init__(
        self,
        stage: Stage,
        *,
        running_max: int = 1,
        waiting_max: int = 1_000,
        gate: type[GateActor] = GateActor,
    ) -> None:
        self.stage, self.running_max, self.waiting_max = stage, running_max, waiting_max
        stage.supervise(ChildSpec(name="gate", start=partial(gate, None)), intensity=OFTEN)
        self.gate = stage.ref("gate")
        self.answers: dict[str, list[Granted | Refused]] = defaultdict(list)
        # Who was told of a permit, in order.
        self.granted: list[str] = []

    def holder(self, label: str) -> ActorRef[Any]:
        """The live actor of this name; made when there is none."""
        found = self.stage.system.find(label)
        kind: Any = partial(Holder, self)
        return found or self.stage.system.spawn(self.stage.child(label, kind))

    def claim_of(self, label: str, *keys: str, **options: Any) -> Claim:
        """What this actor says when it claims."""
        policy: RestartPolicy = options.pop("policy", POLICY)
        holder = self.holder(label)
        said: dict[str, Any] = {"reply_to": holder, "token": len(label), **options}
        return Claim(
            holder=holder,
            keys=tuple(KeyPolicy(key=key, policy=policy) for key in keys),
            running_max=self.running_max,
            waiting_max=self.waiting_max,
            **said,
        )

    async def claim(self, label: str, *keys: str, **options: Any) -> Granted | Refused | None:
        """Claim, and return what is answered before time passes; None is no answer yet."""
        seen = len(self.answers[label])
        self.gate.tell(self.claim_of(label, *keys, **options))
        await self.stage.wait(0.05)
        new = self.answers[label][seen:]
        assert len(new) <= 1, "one claim, one answer"
        return new[0] if new else None

    def ask(self, label: str, *keys: str, timeout_s: float = 600.0) -> AskFuture:
        """Claim by an ask."""
        claim = self.claim_of(label, *keys, reply_to=None)
        return self.gate.ask(claim, block=False, timeout=timeout_s)

    async def end(self, label: str, how: str = "normal", error: Exception | None = None) -> None:
        """End a holder."""
        ref = self.holder(label)
        match how:
            case "normal":
                ref.tell(Finish())
            case "crashed":
                ref.tell(Fail(error) if error is not None else Fail())
            case "killed":
                ref.kill()
            case _:
                ref.shut_down(1.0)
        await self.stage.wait(0.05)

    async def fail(self, *keys: str, times: int = 3) -> None:
        """Let work of these keys fail so many times; three open a breaker."""
        for number in range(times):
            assert isinstance(await self.claim(f"failing{number}", *keys), Granted)
            await self.end(f"failing{number}", "crashed")
