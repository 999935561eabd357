"""What tests of sealing share: a row, keys, rings, and the rows of the earlier pipe."""

from __future__ import annotations

import json
from pathlib import Path

from actors.kernel.entropy import Entropy, SeededEntropy
from actors.ports import Secret
from bridge.crypto.key_ring import KeyRing
from bridge.crypto.lz4_frames import Lz4Frames, installed_lz4
from bridge.crypto.packing import Packer
from bridge.crypto.sealing import RowIdentity

VECTORS = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "earlier_pipe.json").read_text(encoding="utf-8")
)
EARLIER_KEY = "correct horse battery staple"
KEY = "schlüssel 🔑"

ROW = RowIdentity(
    id="0001HTMBY4XE60DACCVS",
    chat_id="chat-1",
    message_id="msg-1",
    model_id="openai/gpt-4o",
    item_type="reasoning",
)
THINKING = (
    '{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"2 + 3 — 🌞"}]}'
).encode()
LONG_OUTPUT = (
    f'{{"type":"function_call_output","call_id":"call_1","output":"{"sunny " * 100}"}}'
).encode()


def lz4() -> Lz4Frames:
    """The real library, which every development machine has."""
    frames = installed_lz4()
    assert frames is not None
    return frames


def ring(
    current: str = KEY,
    *previous: str,
    compress_min_bytes: int | None = None,
    has_lz4: bool = True,
    entropy: Entropy | None = None,
) -> KeyRing:
    return KeyRing(
        Secret(current),
        packer=Packer(lz4=lz4() if has_lz4 else None, compress_min_bytes=compress_min_bytes),
        entropy=entropy or SeededEntropy(7),
        previous=[Secret(key) for key in previous],
    )


class CountedNonces:
    """Chance that isn't: always the bytes 0, 1, 2 and so on."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2

    def token(self, size_bytes: int) -> str:
        return bytes(range(size_bytes)).hex()
