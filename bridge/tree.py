"""What a tree is made of: its ports, its actors, and the specs of the root and of a chat.

The root is drawn in `app.py`, and what is below `storage` in `storage_tree.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from actors.catalog import CatalogActor
from actors.chat_memory import MemorySetup
from actors.chat_setup import ChatSetup
from actors.costs import SNAPSHOTS_MAX, CostLedger, CostsActor
from actors.db_commit import DbCommitActor
from actors.db_drain import DbDrainActor
from actors.db_line import DEFAULT_BOUNDS, LineBounds
from actors.db_writer import DbWriterActor
from actors.kernel.child_spec import ChildSpec, Intensity, Restart
from actors.kernel.mailbox import MailboxSpec
from actors.kernel.system import ActorSystem
from actors.pending import PendingRows
from actors.ports import (
    ArtifactStore,
    CatalogSource,
    Codec,
    EventSink,
    Lease,
    Provider,
)
from actors.recall_reader import RecallActor
from actors.request import RequestActor
from actors.sse import SseActor
from actors.tool import ToolActor
from actors.tool_round import ToolRoundActor, ToolSetup
from actors.values import ChatRequest, WireFormat
from bridge.config.settings import Settings
from bridge.policies import (
    PLUMBING,
    STORE,
)
from bridge.sharing_tree import Sharing, gate_options, sharing_specs
from bridge.storage_tree import Kept, storage_spec
from supervisor.dynamic import DynamicSupervisor
from supervisor.gate import GateActor
from supervisor.static import Supervisor
from supervisor.strategy import AutoShutdown

# The gate keeps to MAX_CONCURRENT_REQUESTS; this is the wall behind it (twice its upper end).
CHATS_MAX: Final = 4000

# Requests that may wait for admission, and for how long (SPEC 17, 23).
WAITING_MAX: Final = 1000
ADMISSION_WAIT_MAX_S: Final = 600.0

COSTS: Final = "root/costs"


class Annex(Protocol):
    """A part of the tree that an adapter brings along; it starts last, and ends first."""

    def children(self) -> tuple[ChildSpec[Any], ...]:
        """Describe the actors, as children of the root."""

    def connect(self, system: ActorSystem) -> None:
        """Take the tree they live in, which has started."""

    def close(self) -> None:
        """Hand over what is to be handed over, while they live. Blocks: run it on a thread."""

    def exit(self) -> None:
        """The program ends, and the loop has ended before: do what can be done without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The world, as the actors see it; and how to let go of it.

    Attributes:
        store: where artifacts are kept; None: nowhere.
        obey: told the settings of each chat before it begins, for adapters that follow them;
            answers whether there is a place to keep anything.
        annex: more actors, if there are any.
        lease: which process does a job that one of several is to do; None: this one.
        costs: where figures of each call go; None: nowhere.
        pending: what `store` acknowledges before the database has it; None: nothing.
        sharing: what is shared with other workers, and through what; None: nothing is.
        close: lets go of everything.
    """

    provider: Provider
    codecs: Mapping[WireFormat, Codec]
    catalog_source: CatalogSource
    close: Callable[[], Any]
    store: ArtifactStore | None = None
    obey: Callable[[Settings], bool] | None = None
    annex: Annex | None = None
    lease: Lease | None = None
    pending: PendingRows | None = None
    costs: CostLedger | None = None
    sharing: Sharing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the tree is made of. The defaults are the product.

    A simulation brings small bounds, and broken parts to see whether it would notice them.

    Attributes:
        root, chats, chat: the supervisors, from the top down; `chat` keeps one chat.
        gate, catalog, request, attempt, tool_round, tool: the actors.
        committer, reader, writer, drain: those of storage.
        chats_max: chats that live at once, whatever the valves say.
        waiting_max: requests that wait for admission at once.
        admission_wait_max_s: how long one of them waits.
        line: how much waits to be committed.
    """

    root: type[Supervisor] = Supervisor
    chats: type[DynamicSupervisor] = DynamicSupervisor
    chat: type[Supervisor] = Supervisor
    gate: type[GateActor] = GateActor
    catalog: type[CatalogActor] = CatalogActor
    request: type[RequestActor] = RequestActor
    attempt: type[SseActor] = SseActor
    tool_round: type[ToolRoundActor] = ToolRoundActor
    tool: type[ToolActor] = ToolActor
    committer: type[DbCommitActor] = DbCommitActor
    reader: type[RecallActor] = RecallActor
    writer: type[DbWriterActor] = DbWriterActor
    drain: type[DbDrainActor] = DbDrainActor
    chats_max: int = CHATS_MAX
    waiting_max: int = WAITING_MAX
    admission_wait_max_s: float = ADMISSION_WAIT_MAX_S
    line: LineBounds = DEFAULT_BOUNDS


PRODUCT: Final = Parts()


def root_spec(ports: Ports, parts: Parts, kept: Kept) -> ChildSpec[Any]:
    """Return the spec of the whole tree.

    Args:
        ports: the world, as its actors see it.
        parts: what it is made of.
        kept: what outlives the actors of storage.
    """
    chats_max, waiting_max = parts.chats_max, parts.waiting_max
    storage: tuple[ChildSpec[Any], ...] = ()
    if ports.store is not None:
        storage = (
            storage_spec(
                ports.store,
                kept,
                gate=parts.gate,
                committer=parts.committer,
                reader=parts.reader,
                writer=parts.writer,
                drain=parts.drain,
                claims_max=waiting_max + chats_max,
                lease=ports.lease,
                pending=ports.pending,
            ),
        )
    children: tuple[ChildSpec[Any], ...] = (
        ChildSpec(
            name="catalog", start=partial(parts.catalog, ports.catalog_source), policy=PLUMBING
        ),
        ChildSpec(
            name="tools",
            start=partial(parts.gate, None, **gate_options(ports.sharing, shares_permits=False)),
            policy=PLUMBING,
            mailbox=MailboxSpec(messages_max=waiting_max + chats_max),
        ),
        ChildSpec(
            name="chats",
            start=partial(parts.chats, children_max=chats_max),
            policy=PLUMBING,
            shutdown_s=20.0,
            mailbox=MailboxSpec(messages_max=2 * chats_max),
        ),
        ChildSpec(
            name="gate",
            start=partial(
                parts.gate, "root/chats", **gate_options(ports.sharing, shares_permits=True)
            ),
            policy=PLUMBING,
            mailbox=MailboxSpec(messages_max=waiting_max + chats_max),
        ),
        # These have threads, which take their time to start; what stands above is there at once.
        *storage,
        *sharing_specs(ports.sharing),
        *_costs_specs(ports.costs),
        *(() if ports.annex is None else ports.annex.children()),
    )
    return ChildSpec(
        name="root",
        start=partial(parts.root, children, intensity=Intensity(restarts_max=5, window_s=60.0)),
        shutdown_s=20.0,
    )


def _costs_specs(costs: CostLedger | None) -> tuple[ChildSpec[Any], ...]:
    if costs is None:
        return ()
    bounds = MailboxSpec(messages_max=SNAPSHOTS_MAX)
    return (
        ChildSpec(name="costs", start=partial(CostsActor, costs), policy=STORE, mailbox=bounds),
    )


def chat_spec(
    request: ChatRequest,
    settings: Settings,
    setup: ChatSetup,
    sink: EventSink,
    parts: Parts = PRODUCT,
    tools: ToolSetup | None = None,
    memory: MemorySetup | None = None,
) -> ChildSpec[Any]:
    """One chat: a small tree that ends with its request actor. Its label is the request's id."""
    lead: ChildSpec[Any] = ChildSpec(
        start=partial(parts.request, request, settings.endpoint, setup, sink, tools, memory),
        restart=Restart.TEMPORARY,
        is_significant=True,
        shutdown_s=1.0,
        mailbox=setup.mailbox(tools),
    )
    return ChildSpec(
        start=partial(parts.chat, (lead,), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
        restart=Restart.TEMPORARY,
        shutdown_s=2.0,
        labels=(request.request_id,),
    )
