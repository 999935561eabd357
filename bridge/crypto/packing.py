"""What is inside a seal: one flag byte, then the payload as JSON text (SPEC 152). Pure.

The flag says how the text is written: as it is, or as one LZ4 frame. It is the form of the
earlier pipe, so rows of both are unpacked here. Nothing is unpacked without a flag that is known:
a payload that came without one was never ours (SPEC 153). The text itself is not looked at: what
a provider signed has to come back byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from bridge.crypto.lz4_frames import Lz4Frames
from bridge.crypto.seal_broken import SealBroken, WhyBroken

# JSON of one row, packed or unpacked. The longest output of a tool is a million characters, of at
# most six bytes each; the rest is room. A frame of a few kilobytes can claim gigabytes: this is
# where it ends.
PAYLOAD_BYTES_MAX: Final = 32 * 1024 * 1024


class Flag(IntEnum):
    """The first byte of what is sealed: how the rest is written."""

    RAW = 0
    LZ4 = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Packer:
    """How rows are packed.

    Attributes:
        lz4: the library for compressed rows, or None where there is none: then nothing is
            compressed, and what was compressed elsewhere can't be read.
        compress_min_bytes: JSON shorter than this is not worth the work; None: never compress.
    """

    lz4: Lz4Frames | None
    compress_min_bytes: int | None = None

    def pack(self, plain: bytes) -> bytes:
        """Put the flag before JSON text, compressed where that makes it smaller.

        Raises:
            SealBroken: it is larger than `PAYLOAD_BYTES_MAX`.
        """
        if len(plain) > PAYLOAD_BYTES_MAX:
            raise SealBroken(WhyBroken.TOO_LARGE)
        if (frame := self._frame(plain)) is not None:
            return bytes((Flag.LZ4,)) + frame
        return bytes((Flag.RAW,)) + plain

    def unpack(self, packed: bytes) -> bytes:
        """Return the text that `pack` was given, here or in the earlier pipe.

        Raises:
            SealBroken: it was packed by neither.
        """
        flag, written = packed[:1], packed[1:]
        if flag == bytes((Flag.LZ4,)):
            if self.lz4 is None:
                raise SealBroken(WhyBroken.LZ4_MISSING)
            return self.lz4.decompress(written, PAYLOAD_BYTES_MAX)
        if flag != bytes((Flag.RAW,)):
            raise SealBroken(WhyBroken.HEADERLESS)
        if len(written) > PAYLOAD_BYTES_MAX:
            raise SealBroken(WhyBroken.TOO_LARGE)
        return written

    def _frame(self, plain: bytes) -> bytes | None:
        if self.lz4 is None or self.compress_min_bytes is None:
            return None
        if len(plain) < self.compress_min_bytes:
            return None
        frame = self.lz4.compress(plain)
        return frame if len(frame) < len(plain) else None
