"""What asks a gate to be let in: work that is to be started, or an actor that lives and claims."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from actors.kernel.child_spec import ChildSpec
from actors.kernel.future import Reply
from actors.kernel.permit import Claim, Granted, KeyPolicy, Refusal, Refused
from actors.kernel.ref import ActorRef


class Admitted(Struct, frozen=True, kw_only=True):
    """It runs. The asker may monitor `ref`."""

    ref: ActorRef[Any]


class Admit(Struct, frozen=True, kw_only=True):
    """Start this child as soon as fewer than `running_max` run.

    Limits travel with each request, so a changed limit counts from the next request on: raised,
    it lets those in who wait, before the one that brought it; lowered, it lets what runs finish.
    Who asks with a deadline is forgotten after it. Requests of one `fair_key` wait in line, and
    the keys take turns; in a full room, who takes up most places gives one to who has fewer.
    """

    spec: ChildSpec[Any]
    keys: tuple[KeyPolicy, ...]
    running_max: int
    waiting_max: int = 1000
    fair_key: str = ""


class Work(Struct, eq=False):
    """What was asked for, by whom, and how far it has come.

    Attributes:
        asked: the words.
        reply: the answer to an ask; None once it was given.
        listener: who gets the answer as a signal, if that was asked for.
        probes: the keys for which this is the probe.
    """

    asked: Admit | Claim
    reply: Reply | None
    listener: ActorRef[Granted | Refused] | None = None
    probes: tuple[str, ...] = ()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits for the answer."""
        reply = self.reply
        return reply is not None and (self.listener is not None or reply.is_wanted)

    def answer(self, answer: Admitted | Granted | Refused) -> None:
        """Answer, once."""
        reply, self.reply = self.reply, None
        if reply is None:
            return
        if self.listener is None:
            reply.set(answer)
            return
        assert not isinstance(answer, Admitted), "what is to be started has no listener"
        self.listener.cell.signal(answer)
        if reply.is_wanted:
            reply.set(answer)

    def refuse(self, why: Refusal, *, retry_after_s: float = 0.0, key: str = "") -> None:
        """Answer that it may not."""
        token = self.asked.token if isinstance(self.asked, Claim) else 0
        self.answer(Refused(why=why, retry_after_s=retry_after_s, key=key, token=token))
