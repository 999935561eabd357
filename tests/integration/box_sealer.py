"""A sealer for tests: it hides the payload, binds it to its row, and is no cipher."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from itertools import cycle

from bridge.storage.sealing import RowIdentity, SealBroken


class BoxSealer:
    """Implements `Sealer`; two with the same key open each other's boxes."""

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(key.encode()).digest()

    def seal(self, payload: bytes, identity: RowIdentity) -> Mapping[str, object]:
        return {"box": self._mixed(payload), "tag": self._tag(payload, identity)}

    def open(self, wrapper: Mapping[str, object], identity: RowIdentity) -> bytes:
        box = wrapper.get("box")
        if not isinstance(box, str):
            raise SealBroken
        payload = base64.b64decode(self._mixed(base64.b64decode(box)))
        if self._tag(payload, identity) != wrapper.get("tag"):
            raise SealBroken
        return payload

    def _mixed(self, data: bytes) -> str:
        return base64.b64encode(
            bytes(byte ^ key for byte, key in zip(data, cycle(self._key), strict=False))
        ).decode()

    def _tag(self, payload: bytes, identity: RowIdentity) -> str:
        return hashlib.sha256(self._key + repr(identity).encode() + payload).hexdigest()
