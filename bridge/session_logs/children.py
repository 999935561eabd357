"""The actors that look after session logs, as children of the tree."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from actors.kernel.child_spec import ChildSpec, RestartPolicy
from actors.log_assembler import AssemblerActor
from actors.log_cleaner import LogCleanerActor
from actors.ports import LogArchive, SegmentStore, SessionLogSettings
from actors.session_log import SESSION_LOG_MAILBOX, SessionLogActor

SESSION_LOG: Final = "session_log"
ASSEMBLER: Final = "log_assembler"
CLEANER: Final = "log_cleaner"

SHUTDOWN_S: Final = 5.0


def session_log_children(
    archive: LogArchive,
    store: SegmentStore | None,
    *,
    policy: RestartPolicy,
    settings: Callable[[], SessionLogSettings] = SessionLogSettings,
    stager: type[SessionLogActor] = SessionLogActor,
    assembler: type[AssemblerActor] = AssemblerActor,
) -> tuple[ChildSpec[Any], ...]:
    """Describe them, in the order of their start.

    They end in the reverse order: what waits is staged first, and what is staged is assembled then.

    Args:
        archive: where logs end up.
        store: where segments are staged; without one each gets an archive of its own.
        policy: of plumbing.
        settings: tells each life what it begins with; `UseLogSettings` brings others.
        stager: the actor that stages.
        assembler: the actor that assembles.
    """
    cleaner: ChildSpec[Any] = ChildSpec(
        name=CLEANER,
        start=partial(LogCleanerActor, archive, settings),
        policy=policy,
        shutdown_s=SHUTDOWN_S,
    )
    staging: ChildSpec[Any] = ChildSpec(
        name=SESSION_LOG,
        start=partial(stager, store, archive),
        policy=policy,
        mailbox=SESSION_LOG_MAILBOX,
        shutdown_s=SHUTDOWN_S,
    )
    if store is None:
        return cleaner, staging
    assembling: ChildSpec[Any] = ChildSpec(
        name=ASSEMBLER,
        start=partial(assembler, store, archive, settings),
        policy=policy,
        shutdown_s=SHUTDOWN_S,
    )
    return cleaner, assembling, staging
