"""Who keeps it running. Generic: names no chat actor."""

from actors.kernel.permit import Claim, Granted, KeyPolicy, Refusal, Refused
from supervisor.admission import Admit, Admitted
from supervisor.breaker import Closed, HalfOpen, Open
from supervisor.cluster import (
    ClusterAway,
    FailureBoard,
    KeyNews,
    PermitLedger,
    Standing,
    Terms,
    Turn,
)
from supervisor.dynamic import DynamicSupervisor
from supervisor.errors import ChildFailed, RestartLimitReached, SupervisionError
from supervisor.failure_exchange import FailureExchangeActor
from supervisor.gate import GateActor, GateFigures
from supervisor.keys import KeyCounts
from supervisor.report import Branch, Report, report
from supervisor.share import ShareActor
from supervisor.static import Supervisor
from supervisor.strategy import AutoShutdown, Strategy

__all__ = [
    "Admit",
    "Admitted",
    "AutoShutdown",
    "Branch",
    "ChildFailed",
    "Claim",
    "Closed",
    "ClusterAway",
    "DynamicSupervisor",
    "FailureBoard",
    "FailureExchangeActor",
    "GateActor",
    "GateFigures",
    "Granted",
    "HalfOpen",
    "KeyCounts",
    "KeyNews",
    "KeyPolicy",
    "Open",
    "PermitLedger",
    "Refusal",
    "Refused",
    "Report",
    "RestartLimitReached",
    "ShareActor",
    "Standing",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "Terms",
    "Turn",
    "report",
]
