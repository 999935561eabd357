"""`CostLedger` in Redis: one key for each call of the provider, with a term (SPEC 178)."""

from __future__ import annotations

from msgspec import Raw

from actors.costs import RecordCost
from bridge.cluster.keys import Keys
from bridge.cluster.link import RedisCalls
from bridge.transforms.json_text import json_text, json_value


class RedisCosts:
    """See `CostLedger`."""

    def __init__(self, link: RedisCalls, keys: Keys) -> None:
        self._link = link
        self._keys = keys

    def record(self, cost: RecordCost, *, unique: str, at_s: float) -> None:
        """See `CostLedger`."""
        at = int(at_s)
        key = self._keys.costs(cost.user_id, unique, at)
        self._link.call("SET", key, snapshot_text(cost, at), "EX", cost.keep_s)


def snapshot_text(cost: RecordCost, at_s: int) -> str:
    """Write a snapshot, with the names of the earlier pipe. Usage that is no JSON becomes null."""
    usage: object = None
    if json_value(cost.usage) is not None:
        usage = Raw(cost.usage.encode())
    return json_text(
        {
            "guid": cost.user_id,
            "email": cost.email,
            "name": cost.name,
            "model": cost.model_id,
            "usage": usage,
            "ts": at_s,
        }
    )
