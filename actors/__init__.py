"""What runs: the actor kernel and every actor. No network, no database, no Open WebUI.

The names below are the kernel's; chat actors and ports are imported from their own modules.
"""

from actors.kernel.actor import Actor, LoopActor, ThreadActor
from actors.kernel.child_spec import (
    Backoff,
    Children,
    ChildSpec,
    Directive,
    Intensity,
    ListChildren,
    Restart,
    RestartPolicy,
    StartChild,
    StartedChild,
    StartRefused,
    StopChild,
    Then,
)
from actors.kernel.clock import Clock, LoopClock, Timer
from actors.kernel.dead_letter import DeadLetter, DeadLetters, Loss
from actors.kernel.entropy import Entropy, SeededEntropy, SystemEntropy
from actors.kernel.envelope import Envelope
from actors.kernel.errors import (
    ActorHeld,
    ActorStopped,
    AskTimedOut,
    KernelError,
    MailboxFull,
    MessagePoisoned,
    SpawnFailed,
    WouldBlock,
)
from actors.kernel.future import AskFuture, Reply
from actors.kernel.handover import HandOver
from actors.kernel.interceptor import Delay, Drop, Duplicate, Interceptor, Overtake
from actors.kernel.mailbox import MailboxSpec, WhenFull
from actors.kernel.parent import ParentActor
from actors.kernel.ref import ActorRef
from actors.kernel.signals import (
    Crashed,
    ExitReason,
    Killed,
    LinkBroken,
    NoProc,
    Normal,
    Poisoned,
    Shutdown,
    Signal,
    Stopped,
    Terminated,
)
from actors.kernel.system import ActorSystem, LifeEnded, StopReport, WorkerThread

__all__ = [
    "Actor",
    "ActorHeld",
    "ActorRef",
    "ActorStopped",
    "ActorSystem",
    "AskFuture",
    "AskTimedOut",
    "Backoff",
    "ChildSpec",
    "Children",
    "Clock",
    "Crashed",
    "DeadLetter",
    "DeadLetters",
    "Delay",
    "Directive",
    "Drop",
    "Duplicate",
    "Entropy",
    "Envelope",
    "ExitReason",
    "HandOver",
    "Intensity",
    "Interceptor",
    "KernelError",
    "Killed",
    "LifeEnded",
    "LinkBroken",
    "ListChildren",
    "LoopActor",
    "LoopClock",
    "Loss",
    "MailboxFull",
    "MailboxSpec",
    "MessagePoisoned",
    "NoProc",
    "Normal",
    "Overtake",
    "ParentActor",
    "Poisoned",
    "Reply",
    "Restart",
    "RestartPolicy",
    "SeededEntropy",
    "Shutdown",
    "Signal",
    "SpawnFailed",
    "StartChild",
    "StartRefused",
    "StartedChild",
    "StopChild",
    "StopReport",
    "Stopped",
    "SystemEntropy",
    "Terminated",
    "Then",
    "ThreadActor",
    "Timer",
    "WhenFull",
    "WorkerThread",
    "WouldBlock",
]
