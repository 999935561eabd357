"""`Lease` by Redis: of several processes, one does the job (SPEC 159, 194)."""

from __future__ import annotations

from bridge.cluster.errors import LinkError
from bridge.cluster.keys import Keys
from bridge.cluster.link import RedisCalls
from bridge.cluster.scripts import GIVE_BACK_LEASE, TAKE_LEASE


class RedisLease:
    """See `Lease`. A lease has the name of who holds it, and only they prolong or end it.

    Args:
        link: the way to Redis.
        keys: the names of keys.
        holder: the name of this process; no other one has it.
    """

    def __init__(self, link: RedisCalls, keys: Keys, holder: str) -> None:
        self._link = link
        self._keys = keys
        self._holder = holder
        self._names: set[str] = set()

    def take(self, name: str, ttl_s: float) -> bool:
        """See `Lease`."""
        term_ms = max(1, round(1000 * ttl_s))
        try:
            said = self._link.script(TAKE_LEASE, (self._keys.lease(name),), (self._holder, term_ms))
        except LinkError:
            # Nobody can be asked: the job is done twice rather than never.
            return True
        if said == 1:
            self._names.add(name)
        return said == 1

    def give_back_all(self) -> None:
        """Let somebody else have all jobs that were ours. Never raises."""
        while self._names:
            self.give_back(self._names.pop())

    def give_back(self, name: str) -> None:
        """Let somebody else have the job at once, if it is ours. Never raises: it has a term."""
        try:
            self._link.script(GIVE_BACK_LEASE, (self._keys.lease(name),), (self._holder,))
        except LinkError:
            return
