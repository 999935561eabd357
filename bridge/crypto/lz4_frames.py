"""LZ4 frames, by a library that Open WebUI does not bring along.

Without it nothing is compressed, and what was compressed elsewhere is refused with a reason of
its own. So whoever packs rows takes an `Lz4Frames` or None, and asks for the installed one once.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Protocol

from bridge.crypto.seal_broken import SealBroken, WhyBroken


class Lz4Frames(Protocol):
    """Compresses to one frame and back. Used from several threads at once."""

    def compress(self, plain: bytes) -> bytes:
        """Return one frame that states its content's size."""

    def decompress(self, frame: bytes, bytes_max: int) -> bytes:
        """Return what one whole frame holds, if that is `bytes_max` bytes or less.

        Raises:
            SealBroken: it is no frame, more or less than one, or holds too much.
        """


def installed_lz4(find: Callable[[str], ModuleType] = import_module) -> Lz4Frames | None:
    """Return frames by the installed library, or None when it is missing or does not load."""
    try:
        return LibraryFrames(find("lz4.frame"))
    except ImportError:
        return None


class LibraryFrames:
    """Frames by the library `lz4`; `library` is its module `lz4.frame`."""

    def __init__(self, library: ModuleType) -> None:
        self._library = library

    def compress(self, plain: bytes) -> bytes:
        """See `Lz4Frames.compress`."""
        frame: bytes = self._library.compress(plain)
        return frame

    def decompress(self, frame: bytes, bytes_max: int) -> bytes:
        """See `Lz4Frames.decompress`."""
        plain = self._content(frame, bytes_max)
        if plain is None:
            raise SealBroken(WhyBroken.COMPRESSED_BADLY)
        if len(plain) > bytes_max:
            raise SealBroken(WhyBroken.TOO_LARGE)
        return plain

    def _content(self, frame: bytes, bytes_max: int) -> bytes | None:
        """Unpack one frame; None if it is none. Longer than `bytes_max` says: there is more."""
        try:
            # A frame need not state its size (0). What it states may be a lie, so it only ever
            # lowers the room that is given.
            stated: int = self._library.get_frame_info(frame)["content_size"]
            room_bytes = min(stated or bytes_max, bytes_max) + 1
            unpacking = self._library.LZ4FrameDecompressor()
            plain: bytes = unpacking.decompress(frame, max_length=room_bytes)
        except RuntimeError:
            return None
        if len(plain) > bytes_max:
            return plain
        return plain if unpacking.eof and not unpacking.unused_data else None
