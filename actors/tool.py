"""Runs one tool call of one chat and tells the request how it went.

Lifetime   transient, and started again once at the most, only where the tool cannot have run
           (`ToolUnreachable`): it may have side effects, and a silent second run would repeat
           them. Asked to shut down it lets a running tool finish if it may take its whole grace,
           and ends at once if somebody is in more of a hurry.
Parent     the chat's supervisor; beside it the request, whose child-to-be it was planned as.

Receives   Granted, Refused   from the tools' gate: may it run now?
           CallReturned, CallRaised   its own work has ended
           TimeSpent      the call has taken too long
           Shutdown       the request waits no longer, or the chat ends
Sends      Claim          to the tools' gate, at the start of each life
           ToolFinished   to the request: the output is final
           ToolFailed     to the request; the reason is for the model to read

Its end carries the outcome: normal, or crashed with the `ToolError`, which is how the policy of
this user's tool learns of failures (SPEC 75). A bug in the box is not caught: the actor dies and
the request is told by the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, assert_never

from actors.kernel.actor import LoopActor
from actors.kernel.child_spec import RestartPolicy
from actors.kernel.permit import Claim, Granted, KeyPolicy, Refused
from actors.kernel.ref import ActorRef
from actors.kernel.signals import Crashed, Poisoned, Shutdown
from actors.ports import ErrorFacts, ToolBox, ToolError, ToolTimedOut, ToolUnreachable
from actors.values import ToolCall, ToolResult

# One further try, and only for a tool that cannot have run (SPEC 72).
LIVES_MAX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReturned:
    """The box has a result."""

    result: ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRaised:
    """The box has none."""

    error: ToolError


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpent:
    """The time that one call may take is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFinished:
    """The tool returned."""

    call: ToolCall
    result: ToolResult
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFailed:
    """The tool refused, broke, took too long, or was not let in.

    `retry_after_s` is set where the policy of this user's tool holds it for so long.
    """

    call: ToolCall
    reason: str = field(repr=False)
    elapsed_s: float
    retry_after_s: float | None = None


ToolMessage: TypeAlias = Granted | Refused | CallReturned | CallRaised | TimeSpent | Shutdown


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPermits:
    """Who lets tools in, and how.

    Attributes:
        gate: grants permits to all tools of the process.
        running_max: how many may run at once.
        user: whose tools they are; takes turns with other users, and has policies of its own.
        policy: how many failures of one user's tool are borne, and what then.
        server_policy: the same for all tools of one server.
        servers: the ids of servers, by the names of the tools that run there.
        history_max: failures remembered for either.
    """

    gate: ActorRef[Any]
    running_max: int
    user: str
    policy: RestartPolicy
    server_policy: RestartPolicy | None = None
    servers: Mapping[str, str] = field(default_factory=dict)
    history_max: int = 0

    def claim(self, call: ToolCall, holder: ActorRef[Any], wait_max_s: float) -> Claim:
        """Word the claim of one call."""
        name, user, history_max = call.name, self.user, self.history_max
        keys = [KeyPolicy(key=f"tool:{user}:{name}", policy=self.policy, history_max=history_max)]
        server = self.servers.get(name, "")
        if server and self.server_policy is not None:
            key = f"server:{user}:{server}"
            keys.append(KeyPolicy(key=key, policy=self.server_policy, history_max=history_max))
        return Claim(
            holder=holder,
            keys=tuple(keys),
            running_max=self.running_max,
            fair_key=self.user,
            wait_max_s=wait_max_s,
            reply_to=holder,
        )


class ToolActor(LoopActor[ToolMessage]):
    """See the module docstring.

    Args:
        call: what to run; in every life the same.
        box: where tools are.
        listener: the request actor.
        timeout_s: how long the call may take, waiting for a permit not counted.
        wait_max_s: how long it may wait for one.
        drain_s: the grace that a tool gets which nobody waits for any more.
        permits: who lets it in; None: it begins at once.
    """

    handles_shutdown = True

    def __init__(
        self,
        call: ToolCall,
        box: ToolBox,
        listener: ActorRef[ToolFinished | ToolFailed],
        timeout_s: float,
        wait_max_s: float,
        drain_s: float,
        permits: ToolPermits | None,
    ) -> None:
        self._call = call
        self._box = box
        self._listener = listener
        self._timeout_s = timeout_s
        self._wait_max_s = wait_max_s
        self._drain_s = drain_s
        self._permits = permits
        self._began_s: float | None = None
        self._cannot_have_run = False

    def on_start(self) -> None:
        """Ask to be let in, or begin."""
        if self._permits is None:
            self._run()
            return
        claim = self._permits.claim(self._call, self.actor_ref, self._wait_max_s)
        if not self._permits.gate.offer(claim):
            self._fail(ToolUnreachable(ErrorFacts(detail=_NOT_LET_IN)))

    def receive(self, message: ToolMessage) -> None:
        """See the module docstring."""
        match message:
            case Granted():
                # A claim that came twice is answered twice.
                if self._began_s is None:
                    self._run()
            case Refused():
                self._on_refused(message)
            case CallReturned(result=result):
                finished = ToolFinished(call=self._call, result=result, elapsed_s=self._elapsed_s())
                self._listener.offer(finished)
                self.exit()
            case CallRaised(error=error):
                self._fail(error)
            case TimeSpent():
                slow = too_slow(self._call.name, self._timeout_s)
                self._fail(ToolTimedOut(ErrorFacts(detail=slow)))
            case Shutdown():
                self._on_shutdown(message.deadline_s)
            case _:
                assert_never(message)

    def on_poisoned(self, notice: Poisoned) -> None:
        """The gate crashed on the claim and has forgotten it; another life asks again."""
        if self._began_s is None:
            self._fail(ToolUnreachable(ErrorFacts(detail=_NOT_LET_IN)))

    def release(self) -> None:
        """Whatever its end was: what has begun is begun again only where it cannot have run."""
        if self._began_s is not None and not self._cannot_have_run:
            self.refuse_restarts()

    def _run(self) -> None:
        self._began_s = self.system.clock.now_s()
        self.start_timer("time", TimeSpent(), self._timeout_s)
        self.pipe_to_self(
            self._box.invoke(self._call),
            lambda result: CallReturned(result=result),
            lambda error: CallRaised(error=_weather(error)),
        )

    def _on_shutdown(self, deadline_s: float) -> None:
        """Drain, or end: a stop by the user leaves less than the grace, and means now."""
        left_s = deadline_s - self.system.clock.now_s()
        # Half of it is certain: a deadline is a little nearer by the time it is heard of.
        if self._began_s is None or left_s < self._drain_s / 2:
            self.exit()

    def _on_refused(self, refused: Refused) -> None:
        """No permit: the tool has not run. The policy hears of nothing that it did itself."""
        is_held = refused.retry_after_s > 0
        text = paused(self._call.name, refused.retry_after_s) if is_held else _NOT_LET_IN
        failed = ToolFailed(
            call=self._call,
            reason=text,
            elapsed_s=0.0,
            retry_after_s=refused.retry_after_s if is_held else None,
        )
        self._listener.offer(failed)
        self.exit()

    def _fail(self, error: ToolError) -> None:
        """End with the error. One that a next life may cure is not told: that one will be."""
        self._cannot_have_run = isinstance(error, ToolUnreachable)
        if self.life >= LIVES_MAX or not self._cannot_have_run:
            failed = ToolFailed(
                call=self._call, reason=reason_of(error), elapsed_s=self._elapsed_s()
            )
            self._listener.offer(failed)
            self.refuse_restarts()
        self.exit(Crashed(error))

    def _elapsed_s(self) -> float:
        return 0.0 if self._began_s is None else self.system.clock.now_s() - self._began_s


# --- what a model reads when a tool gave nothing ---------------------------------------------

_NOT_LET_IN = "The tool was not run: too many tools are running at the moment."
_NO_REASON = "The tool failed and gave no reason."


def reason_of(error: BaseException) -> str:
    """Say what went wrong, in words for the model; a bug of ours stays our own business."""
    detail = error.facts.detail if isinstance(error, ToolError) else ""
    return detail or _NO_REASON


def too_slow(name: str, limit_s: float) -> str:
    """Say that a call took too long. It may have had an effect, which the model should know."""
    return (
        f"The tool {name} did not finish within {limit_s:g} seconds and was stopped. "
        "It is not known whether it had an effect."
    )


def paused(name: str, retry_after_s: float) -> str:
    """Say that this user's tool has failed too often lately."""
    return (
        f"The tool {name} was not run: it failed several times and is paused for another "
        f"{max(1, round(retry_after_s))} seconds."
    )


def _weather(error: Exception) -> ToolError:
    """Let a bug of the box crash this actor; pass on what its port declares."""
    if isinstance(error, ToolError):
        return error
    raise error
