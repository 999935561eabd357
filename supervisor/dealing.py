"""How permits are dealt to workers. Pure.

Permits go to those who can use them, evenly: nobody who needs more than its even part gets less
of it than another. What is left over is dealt evenly on top, so that a worker that is idle can
begin at once. The same rules run inside the server of a ledger; this is the form to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from supervisor.cluster import LEASE_S, SETTLE_S, TURN_S, Standing


class Lease(Struct, frozen=True, kw_only=True):
    """What is promised to one worker, until when, and how many it could use."""

    until_s: float
    held: int
    needed: int


class Book(Struct, frozen=True, kw_only=True):
    """A ledger at one moment.

    Attributes:
        leases: of the workers, by their names.
        total: what there is; 0: nobody has said.
        begun_s: since when it is known what there is.
    """

    leases: Mapping[str, Lease] = MappingProxyType({})
    total: int = 0
    begun_s: float = 0.0


def renewed(
    book: Book | None,
    worker: str,
    standing: Standing,
    *,
    now_s: float,
    lease_s: float = LEASE_S,
    settle_s: float = SETTLE_S,
    turn_s: float = TURN_S,
) -> tuple[Book, int | None]:
    """Return the ledger after a renewal, and the worker's share: see `PermitLedger.renew`.

    Args:
        book: before it; None: there is none.
        worker: who renews.
        standing: what it says.
        now_s: when, on the ledger's clock.
        lease_s: see `LEASE_S`.
        settle_s: see `SETTLE_S`.
        turn_s: see `TURN_S`.
    """
    if book is None:
        book = Book()
    # A lease that ends later than any can was written by a clock that has been set back since.
    leases = {
        name: lease
        for name, lease in book.leases.items()
        if now_s < lease.until_s <= now_s + lease_s and name != worker
    }
    total, begun_s = book.total, book.begun_s if book.total else now_s
    if standing.total > 0 and (standing.is_total_new or total == 0):
        total = standing.total
    others_held = sum(lease.held for lease in leases.values())
    used = max(standing.held or 0, standing.running)
    needed = standing.running + standing.waiting
    names = sorted((*leases, worker))
    turn = int(now_s // turn_s) % len(names)
    needs = [needed if name == worker else leases[name].needed for name in names]
    ideal = dealt(total, needs, turn)[names.index(worker)]
    room = max(0, total - others_held)
    if now_s < begun_s + settle_s:
        room = min(room, standing.held) if standing.held is not None else (room + 1) // 2
    share = _share(ideal, standing.held, room)
    leases[worker] = Lease(until_s=now_s + lease_s, held=max(used, share), needed=needed)
    book = Book(leases=leases, total=total, begun_s=begun_s)
    return book, share if total else None


def _share(ideal: int, held: int | None, room: int) -> int:
    """Go towards the ideal: down at once, up as far as there is room."""
    return min(ideal, max(held or 0, room))


def dealt(total: int, needs: Sequence[int], turn: int = 0) -> tuple[int, ...]:
    """Deal so many permits to workers that need so many each; their sum is the total.

    Args:
        total: what there is.
        needs: of each worker.
        turn: the index of the worker with whom one begins, where not all can have one more.
    """
    count = len(needs)
    order = [(turn + step) % count for step in range(count)]
    parts = [0] * count
    left = total
    hungry = [index for index in order if needs[index] > 0]
    while left and hungry:
        even, over = divmod(left, len(hungry))
        if even == 0:
            for index in hungry[:over]:
                parts[index] += 1
            return tuple(parts)
        for index in hungry:
            given = min(even, needs[index] - parts[index])
            parts[index] += given
            left -= given
        hungry = [index for index in hungry if parts[index] < needs[index]]
    even, over = divmod(left, count)
    for place, index in enumerate(order):
        parts[index] += even + (place < over)
    return tuple(parts)
