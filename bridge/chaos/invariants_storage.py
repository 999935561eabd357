"""What must hold of what chats keep: it is there, once, and theirs; nobody waits for it long."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from bridge.chaos.trace import Trace

# Messages that a slow request still handles before the word of the store.
LATE_S: Final = 5.0


def marks_are_kept(trace: Trace) -> Sequence[str]:
    """Say which mark named a row that was not there yet, or is not there any more."""
    broken = [
        f"{visit.id} was marked with {visit.unkept[0]} before there was a row of it"
        for visit in trace.visits
        if visit.unkept
    ]
    book = trace.storage
    there = {row.id for row in book.rows} | {row.id for _, row in book.forgotten}
    there |= book.lost_twice.keys()
    broken += [
        f"{visit.id} was marked with {artifact_id}, which is lost"
        for visit in trace.visits
        for artifact_id in visit.marks
        if artifact_id not in there
    ]
    return broken


def rows_are_kept_once(trace: Trace) -> Sequence[str]:
    """Say of which answer something is there twice, or a part only."""
    book = trace.storage
    places: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for row in {row.id: row for row in (*book.rows, *(row for _, row in book.forgotten))}.values():
        places[row.message_id][row.place] += 1
    torn = frozenset(book.lost_twice.values())
    broken = []
    for message_id, counted in places.items():
        if max(counted.values()) > 1:
            broken.append(f"what {message_id} left is kept {max(counted.values())} times")
        elif message_id in torn:
            continue
        elif len(counted) != max(counted) + 1:
            broken.append(f"{message_id} left {len(counted)} of {max(counted) + 1} rows")
    return broken


def chats_are_apart(trace: Trace) -> Sequence[str]:
    """Say who was given what belongs to another chat, or had it deleted."""
    broken = [
        f"{visit.id} of {visit.chat} was given {artifact_id} of {chat}"
        for visit in trace.visits
        for chat, artifact_id in visit.recalled
        if chat != visit.chat
    ]
    broken += [
        f"{row.id} of {row.chat_id} was deleted for {chat}"
        for chat, row in trace.storage.forgotten
        if chat != row.chat_id
    ]
    return broken


def only_replayed_is_forgotten(trace: Trace) -> Sequence[str]:
    """Say what was deleted although no answer had been given with it."""
    replayed = {
        artifact_id
        for visit in trace.visits
        if visit.rounds_completed is not None
        for artifact_id in visit.brought
    }
    return [
        f"{row.id} of {row.chat_id} was deleted before any answer was given with it"
        for _, row in trace.storage.forgotten
        if row.id not in replayed
    ]


def storage_holds_nobody_up(trace: Trace) -> Sequence[str]:
    """Say which chat failed for want of storage, or waited for it for too long."""
    broken = [
        f"{visit.id} was failed by the store"
        for visit in trace.visits
        if visit.was_failed_by_storage
    ]
    for visit in trace.visits:
        # Who leaves before the gate has answered does not see the chat end.
        if visit.is_held_up or not visit.is_admitted:
            continue
        for wait in visit.storage_waits:
            latest_s = wait.asked_s + wait.wait_max_s + LATE_S
            ended_s = wait.ended_s if wait.ended_s is not None else visit.gone_s
            if ended_s is None or ended_s > latest_s:
                broken.append(f"{visit.id} waited for its {wait.what} for more than allowed")
    return broken


def logs_are_kept(trace: Trace) -> Sequence[str]:
    """Say which session log was staged, and is now neither there nor in an archive."""
    logs = trace.logs
    lost = logs.was_staged - logs.archived - logs.staged.keys()
    return [f"the log {each} was staged and is lost" for each in sorted(lost)]


def logs_are_apart(trace: Trace) -> Sequence[str]:
    """Say which archive got the logs of two users, chats or answers."""
    broken = []
    for bundle in trace.logs.bundles:
        owners = {
            (owner.user_id, owner.chat_id, owner.message_id)
            for owner in (segment.owner for segment in bundle.segments)
        }
        if len(owners) > 1:
            broken.append(f"one archive holds the logs of {sorted(owners)}")
    return broken
