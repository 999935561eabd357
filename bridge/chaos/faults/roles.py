"""Which actor is which, as faults and reports call it, and for whom it works."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Any, Final

from actors.catalog import CatalogActor
from actors.kernel.cell import Cell
from actors.kernel.child_spec import ChildSpec
from actors.request import RequestActor
from actors.sse import SseActor
from actors.tool import ToolActor
from actors.tool_round import ToolRoundActor
from actors.values import ToolCall
from supervisor.dynamic import DynamicSupervisor
from supervisor.gate import GateActor
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


# The first class that fits decides; a planted defect is a subclass of what it replaces.
_BY_CLASS: Final = (
    (SseActor, Role.ATTEMPT),
    (RequestActor, Role.REQUEST),
    (ToolActor, Role.TOOL),
    (ToolRoundActor, Role.ROUND),
    (GateActor, Role.GATE),
    (DynamicSupervisor, Role.CHATS),
    (CatalogActor, Role.CATALOG),
)


def role_of(cell: Cell) -> Role:
    """Return the part that the actor in a cell plays."""
    actor_class: type = cell.actor_class
    for known, role in _BY_CLASS:
        if issubclass(actor_class, known):
            return Role.TOOLS if role is Role.GATE and cell.spec.name == "tools" else role
    assert issubclass(actor_class, Supervisor), "every other actor of the tree is a supervisor"
    return Role.ROOT if cell.parent is None and not cell.spec.labels else Role.CHAT


def visit_of(cell: Cell) -> str:
    """Return the request that an actor of a chat works for; "" when it is none, or an orphan."""
    labels = cell.spec.labels or (cell.parent.spec.labels if cell.parent is not None else ())
    return labels[0] if labels else ""


def call_of(spec: ChildSpec[Any]) -> ToolCall | None:
    """Return the call that a child is made to run; None for any other child."""
    start = spec.start
    kind = start.func if isinstance(start, partial) else start
    if not (isinstance(start, partial) and isinstance(kind, type) and issubclass(kind, ToolActor)):
        return None
    call: ToolCall = start.args[0]
    return call
