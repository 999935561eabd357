"""The permits of all workers, in one hash of a Redis or Valkey: see `PermitLedger`.

A renewal is one script, so that whoever counts and promises is alone while it does. The rules are
those of `supervisor/dealing.py`; all times are the server's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from supervisor.cluster import LEASE_S, SETTLE_S, TURN_S, ClusterAway, Standing

if TYPE_CHECKING:
    from redis import Redis

# A ledger that nobody has renewed for so long is forgotten.
FORGOTTEN_AFTER_S: Final = 600.0

# Fields: "total", "begun", and "w:<worker>" = "<until_ms> <held> <needed>".
RENEW: Final = """
local key, worker = KEYS[1], 'w:' .. ARGV[1]
local running, waiting, held = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local said, is_new = tonumber(ARGV[5]), ARGV[6] == '1'
local lease, settle, turn = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', key)
local total, begun, others_held = 0, now, 0
local names, needs = {worker}, {[worker] = running + waiting}
for at = 1, #all, 2 do
  local field, value = all[at], all[at + 1]
  if field == 'total' then
    total = tonumber(value) or 0
  elseif field == 'begun' then
    begun = tonumber(value) or now
  elseif field ~= worker then
    local till, holds, needed = string.match(value, '^(%d+) (%d+) (%d+)$')
    till = tonumber(till)
    if till and now < till and till <= now + lease then
      names[#names + 1] = field
      needs[field] = tonumber(needed)
      others_held = others_held + tonumber(holds)
    else
      redis.call('HDEL', key, field)
    end
  end
end
if total == 0 then begun = now end
if said > 0 and (is_new or total == 0) then total = said end
table.sort(names)
local count = #names
local first = math.floor(now / turn) % count
local order, parts, hungry = {}, {}, {}
for step = 0, count - 1 do
  local name = names[(first + step) % count + 1]
  order[#order + 1] = name
  parts[name] = 0
  if needs[name] > 0 then hungry[#hungry + 1] = name end
end
local left = total
while left > 0 and #hungry > 0 do
  local even = math.floor(left / #hungry)
  if even == 0 then
    for at = 1, left do parts[hungry[at]] = parts[hungry[at]] + 1 end
    left = 0
  else
    local still = {}
    for _, name in ipairs(hungry) do
      local given = math.min(even, needs[name] - parts[name])
      parts[name] = parts[name] + given
      left = left - given
      if parts[name] < needs[name] then still[#still + 1] = name end
    end
    hungry = still
  end
end
local even, over = math.floor(left / count), left % count
for place, name in ipairs(order) do
  parts[name] = parts[name] + even + (place <= over and 1 or 0)
end
local room = math.max(0, total - others_held)
if now < begun + settle then
  if held >= 0 then room = math.min(room, held) else room = math.floor((room + 1) / 2) end
end
local share = math.min(parts[worker], math.max(held, 0, room))
local promised = math.max(held, running, share)
redis.call('HSET', key, worker, string.format('%.0f %.0f %.0f', now + lease, promised,
  running + waiting), 'total', string.format('%.0f', total), 'begun', string.format('%.0f', begun))
redis.call('PEXPIRE', key, ARGV[10])
if total == 0 then return -1 end
return share
"""


class RedisPermitLedger:
    """See `PermitLedger`.

    Args:
        client: its timeouts bound every call; it is closed by whoever made it.
        prefix: of all keys, so that two pipes share nothing (SPEC 2, 162).
        lease_s, settle_s, turn_s: see the constants they default to.
    """

    def __init__(
        self,
        client: Redis,
        prefix: str,
        *,
        lease_s: float = LEASE_S,
        settle_s: float = SETTLE_S,
        turn_s: float = TURN_S,
    ) -> None:
        self._client = client
        self._key = f"{prefix}:permits"
        self._times_ms = tuple(
            round(1000 * each) for each in (lease_s, settle_s, turn_s, FORGOTTEN_AFTER_S)
        )
        # Sent by its hash, and whole to a server that has forgotten it.
        self._script = client.register_script(RENEW)

    def renew(self, worker: str, standing: Standing) -> int | None:
        """See `PermitLedger`."""
        held = -1 if standing.held is None else standing.held
        said: tuple[str | int, ...] = (
            worker,
            standing.running,
            standing.waiting,
            held,
            standing.total,
            int(standing.is_total_new),
            *self._times_ms,
        )
        with answered():
            share = self._script(keys=[self._key], args=said)
        if not isinstance(share, int):
            raise ClusterAway("the server's answer is not a number")
        return share if share >= 0 else None

    def release(self, worker: str) -> None:
        """See `PermitLedger`."""
        with answered():
            self._client.hdel(self._key, f"w:{worker}")


@contextmanager
def answered() -> Iterator[None]:
    """Turn what a client raises into the word of the ports, without the server's address.

    Raises:
        ClusterAway: the server is away, too slow, or refuses.
    """
    # Whoever has a client has the library; others need not have it.
    kind: type[Exception] = import_module("redis.exceptions").RedisError
    try:
        yield
    except kind as error:
        raise ClusterAway(type(error).__name__) from error
