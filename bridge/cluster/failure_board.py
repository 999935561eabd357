"""What breakers of all workers count, in one stream of a Redis or Valkey: see `FailureBoard`.

The stream is bounded, and its entries carry the server's time, so that no two clocks have to agree.
It is no log: who comes late reads what is left, and what is too old to matter is passed over.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from bridge.cluster.permit_ledger import answered
from supervisor.cluster import ClusterAway, KeyNews, Terms, Turn

if TYPE_CHECKING:
    from redis import Redis

# Entries of the stream; the oldest go first.
ENTRIES_MAX: Final = 10_000

# Entries that are read at once.
READ_MAX: Final = 500

# A stream that nobody has written to for so long is forgotten.
FORGOTTEN_AFTER_S: Final = 86_400

# Longer names of keys are not passed on.
KEY_CHARS_MAX: Final = 512

# Workers whose last news are remembered; the one heard longest ago goes first.
WORKERS_MAX: Final = 1_000

FIELD: Final = "n"

Seconds = Annotated[float, Meta(ge=0.0, le=1e9)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class WireTerms(Struct, frozen=True, kw_only=True, rename={"restarts_max": "max"}):
    """`Terms`, as they are written."""

    restarts_max: Count
    window_s: Annotated[float, Meta(gt=0.0, le=1e9)]
    hold_s: Annotated[float, Meta(gt=0.0, le=1e9)]
    floor_max_s: Seconds = 0.0
    history_max: Count = 0


class WireNews(Struct, frozen=True, kw_only=True):
    """`KeyNews`, as they are written, and by whom."""

    worker: str
    number: int
    gate: str
    key: Annotated[str, Meta(max_length=KEY_CHARS_MAX)]
    turn: Turn
    age_s: Seconds = 0.0
    floor_s: Seconds = 0.0
    terms: WireTerms | None = None


class RedisFailureBoard:
    """See `FailureBoard`. What cannot be read in an entry is passed over: others may be newer.

    Args:
        client: its timeouts bound every call; it is closed by whoever made it.
        prefix: of all keys, so that two pipes share nothing (SPEC 2, 162).
        worker: this process; no other one, nor a later one, has the same name.
    """

    def __init__(self, client: Redis, prefix: str, worker: str) -> None:
        self._client = client
        self._key = f"{prefix}:failures"
        self._worker = worker
        self._read_up_to = "0-0"
        # Worker -> the number of its last news.
        self._heard: OrderedDict[str, int] = OrderedDict()
        self._decoder = msgspec.json.Decoder(WireNews)

    def exchange(self, news: Sequence[KeyNews]) -> Sequence[KeyNews]:
        """See `FailureBoard`."""
        written = [each for each in news if len(each.key) <= KEY_CHARS_MAX]
        with answered():
            pipeline = self._client.pipeline(transaction=False)
            for each in written:
                entry = msgspec.json.encode(_wire(each, self._worker))
                pipeline.xadd(self._key, {FIELD: entry}, maxlen=ENTRIES_MAX, approximate=True)
            if written:
                pipeline.expire(self._key, FORGOTTEN_AFTER_S)
            pipeline.xread({self._key: self._read_up_to}, count=READ_MAX)
            pipeline.time()
            *_, read, time = pipeline.execute()
        entries = _entries(read)
        now_s = time[0] + time[1] / 1e6
        heard = [self._news(identity, fields, now_s) for identity, fields in entries]
        if entries:
            self._read_up_to = _text(entries[-1][0])
        return [each for each in heard if each is not None]

    def _news(
        self, identity: bytes | str, fields: Mapping[bytes | str, bytes | str], now_s: float
    ) -> KeyNews | None:
        """Return what an entry says, if it is news to us."""
        texts = {_text(name): value for name, value in fields.items()}
        try:
            wire = self._decoder.decode(texts.get(FIELD, ""))
        except (msgspec.DecodeError, UnicodeError):
            return None
        if wire.worker == self._worker or wire.number <= self._heard.get(wire.worker, 0):
            return None
        self._heard[wire.worker] = wire.number
        self._heard.move_to_end(wire.worker)
        if len(self._heard) > WORKERS_MAX:
            self._heard.popitem(last=False)
        written_s = int(_text(identity).partition("-")[0]) / 1000
        age_s = max(0.0, now_s - written_s) + wire.age_s
        terms = wire.terms
        if terms is not None and age_s > terms.window_s + terms.hold_s + terms.floor_max_s:
            return None
        return KeyNews(
            gate=wire.gate,
            key=wire.key,
            turn=wire.turn,
            age_s=age_s,
            terms=None if terms is None else Terms(**msgspec.structs.asdict(terms)),
            floor_s=wire.floor_s,
            number=wire.number,
        )


def _wire(news: KeyNews, worker: str) -> WireNews:
    terms = news.terms
    return WireNews(
        worker=worker,
        number=news.number,
        gate=news.gate,
        key=news.key,
        turn=news.turn,
        age_s=news.age_s,
        floor_s=news.floor_s,
        terms=None if terms is None else WireTerms(**msgspec.structs.asdict(terms)),
    )


Entry = tuple[bytes | str, Mapping[bytes | str, bytes | str]]


def _entries(read: object) -> Sequence[Entry]:
    """Return the entries of the one stream that was asked for; RESP2 and RESP3 differ.

    Raises:
        ClusterAway: it is not what a server answers.
    """
    if not read:
        return ()
    if isinstance(read, dict):
        blocks = next(iter(read.values()))
        return tuple(entry for block in blocks for entry in block)
    if isinstance(read, list):
        entries: Sequence[Entry] = read[0][1]
        return entries
    raise ClusterAway("the server's answer is not a list")


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
