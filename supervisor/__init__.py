"""Who keeps it running. Generic: names no chat actor."""

from actors.kernel.permit import Claim, Granted, KeyPolicy, Refusal, Refused
from supervisor.admission import Admit, Admitted
from supervisor.breaker import Closed, HalfOpen, Open
from supervisor.dynamic import DynamicSupervisor
from supervisor.errors import ChildFailed, RestartLimitReached, SupervisionError
from supervisor.gate import GateActor, GateFigures
from supervisor.keys import KeyCounts
from supervisor.report import Branch, Report, report
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
    "DynamicSupervisor",
    "GateActor",
    "GateFigures",
    "Granted",
    "HalfOpen",
    "KeyCounts",
    "KeyPolicy",
    "Open",
    "Refusal",
    "Refused",
    "Report",
    "RestartLimitReached",
    "Strategy",
    "SupervisionError",
    "Supervisor",
    "report",
]
