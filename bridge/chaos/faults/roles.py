"""Which actor is which, as faults and reports call it, and for whom it works."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Any, Final

from actors.catalog import CatalogActor
from actors.cleaner import CleanerActor
from actors.db_commit import DbCommitActor
from actors.db_drain import DbDrainActor
from actors.db_writer import DbWriterActor
from actors.kernel.cell import Cell
from actors.kernel.child_spec import ChildSpec
from actors.log_assembler import AssemblerActor
from actors.log_cleaner import LogCleanerActor
from actors.recall_reader import RecallActor
from actors.request import RequestActor
from actors.session_log import SessionLogActor
from actors.sse import SseActor
from actors.storage_turn import StorageJob, StorageTurnActor
from actors.tool import ToolActor
from actors.tool_round import ToolRoundActor
from actors.values import ToolCall
from supervisor.dynamic import DynamicSupervisor
from supervisor.failure_exchange import FailureExchangeActor
from supervisor.gate import GateActor
from supervisor.share import ShareActor
from supervisor.static import Supervisor


class Role(Enum):
    """The part that an actor plays in the tree."""

    ROOT = "root"
    CATALOG = "catalog"
    TOOLS = "tools"
    CHATS = "chats"
    GATE = "gate"
    CHAT = "chat"
    REQUEST = "request"
    ATTEMPT = "attempt"
    ROUND = "round"
    TOOL = "tool"
    STORAGE = "storage"
    PERMITS = "permits"
    COMMITTER = "committer"
    READER = "reader"
    WRITER = "writer"
    CLEANER = "cleaner"
    DRAIN = "drain"
    SHARER = "sharer"
    EXCHANGE = "exchange"
    # What does one piece of storage for a chat.
    KEEPING = "keeping"
    STAGER = "stager"
    ASSEMBLER = "assembler"
    LOG_CLEANER = "log-cleaner"


# The first class that fits decides; a planted defect is a subclass of what it replaces.
_BY_CLASS: Final = (
    (SseActor, Role.ATTEMPT),
    (RequestActor, Role.REQUEST),
    (ToolActor, Role.TOOL),
    (ToolRoundActor, Role.ROUND),
    (GateActor, Role.GATE),
    (DynamicSupervisor, Role.CHATS),
    (CatalogActor, Role.CATALOG),
    (StorageTurnActor, Role.KEEPING),
    (DbWriterActor, Role.WRITER),
    (DbCommitActor, Role.COMMITTER),
    (RecallActor, Role.READER),
    (CleanerActor, Role.CLEANER),
    (DbDrainActor, Role.DRAIN),
    (ShareActor, Role.SHARER),
    (FailureExchangeActor, Role.EXCHANGE),
    (SessionLogActor, Role.STAGER),
    (AssemblerActor, Role.ASSEMBLER),
    (LogCleanerActor, Role.LOG_CLEANER),
)
_GATES: Final = {"tools": Role.TOOLS, "permits": Role.PERMITS}


def role_of(cell: Cell) -> Role:
    """Return the part that the actor in a cell plays."""
    actor_class: type = cell.actor_class
    for known, role in _BY_CLASS:
        if issubclass(actor_class, known):
            return _GATES.get(cell.spec.name, role) if role is Role.GATE else role
    assert issubclass(actor_class, Supervisor), "every other actor of the tree is a supervisor"
    if cell.spec.labels:
        return Role.CHAT
    return Role.ROOT if cell.parent is None else Role.STORAGE


def visit_of(cell: Cell) -> str:
    """Return the request that an actor of a chat works for; "" when it is none, or an orphan."""
    labels = cell.spec.labels or (cell.parent.spec.labels if cell.parent is not None else ())
    return labels[0] if labels else ""


def call_of(spec: ChildSpec[Any]) -> ToolCall | None:
    """Return the call that a child is made to run; None for any other child."""
    call: ToolCall | None = _first_argument(spec, ToolActor)
    return call


def job_of(spec: ChildSpec[Any]) -> StorageJob | None:
    """Return the piece of storage that a child is made to do; None for any other child."""
    job: StorageJob | None = _first_argument(spec, StorageTurnActor)
    return job


def _first_argument(spec: ChildSpec[Any], actor: type) -> Any:
    start = spec.start
    if (
        isinstance(start, partial)
        and isinstance(start.func, type)
        and issubclass(start.func, actor)
    ):
        return start.args[0]
    return None
