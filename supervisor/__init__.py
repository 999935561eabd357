"""Who keeps it running. Generic: names no chat actor."""

from supervisor.breaker import Closed, HalfOpen, Open
from supervisor.dynamic import DynamicSupervisor
from supervisor.errors import ChildFailed, RestartLimitReached, SupervisionError
from supervisor.gate import Admit, Admitted, GateActor, KeyPolicy, Refusal, Refused
from supervisor.report import Branch, Report, report
from supervisor.static import Supervisor
from supervisor.strategy import AutoShutdown, Strategy

__all__ = [
    "Admit",
    "Admitted",
    "AutoShutdown",
    "Branch",
    "ChildFailed",
    "Closed",
    "DynamicSupervisor",
    "GateActor",
    "HalfOpen",
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
