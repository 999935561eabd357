"""Answers that were recorded elsewhere, served from a folder byte for byte."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bridge.standin.frames import Frame, FrameKind

INDEX_FILE = "index.jsonl"
RECORDING_BYTES_MAX = 64 * 1024 * 1024

_BLOCK_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_VISIBLE = re.compile(rb'output_text\.delta|refusal\.delta|"content":\s?"[^"]')
_THOUGHT = re.compile(rb'\.reasoning_[a-z_]+\.delta|"reasoning":\s?"[^"]')
_ENDED = re.compile(
    rb'"response\.(completed|incomplete|failed)"|"finish_reason":\s?"|"type":\s?"error"'
)


class RecordingsMissing(ValueError):
    """The folder has no usable index; the text names the file."""


class IndexEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the index. Fields that are not needed here are passed over."""

    file: str
    endpoint: str
    transport: str = "sse"
    http_status: int = 200
    headers: dict[str, str] = {}
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded answer."""

    path: Path
    entry: IndexEntry

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream."""
        return self.entry.transport == "sse"

    @property
    def content_type(self) -> str:
        """As recorded, or what belongs to its kind."""
        fallback = "text/event-stream" if self.is_stream else "application/json"
        return self.entry.headers.get("content-type", fallback)

    def read(self) -> bytes:
        """Return the body."""
        return self.path.read_bytes()


class Recordings:
    """The recordings of one folder, by the stem of their file names."""

    def __init__(self, folder: Path | None = None) -> None:
        self._by_name = {} if folder is None else _load(folder)

    def names(self) -> tuple[str, ...]:
        """Return what there is, in alphabetical order."""
        return tuple(sorted(self._by_name))

    def get(self, name: str) -> Recording | None:
        """Return the recording of that name, or None."""
        return self._by_name.get(name)


def _load(folder: Path) -> dict[str, Recording]:
    index = folder / INDEX_FILE
    try:
        lines = index.read_bytes().splitlines()
        entries = [msgspec.json.decode(line, type=IndexEntry) for line in lines if line.strip()]
    except (OSError, msgspec.DecodeError) as error:
        raise RecordingsMissing(f"{index} cannot be used as an index: {error}") from error
    return {
        path.stem: Recording(path=path, entry=entry)
        for entry in entries
        if _is_inside(path := folder / entry.file, folder)
    }


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether the index names a file of the folder itself, of a size that can be served."""
    resolved = path.resolve()
    return (
        resolved.is_relative_to(folder.resolve())
        and resolved.is_file()
        and resolved.stat().st_size <= RECORDING_BYTES_MAX
    )


def recorded_frames(body: bytes) -> tuple[Frame, ...]:
    """Cut a recorded stream at its blank lines; the pieces add up to the same bytes."""
    frames: list[Frame] = []
    start = 0
    for match in _BLOCK_END.finditer(body):
        frames.append(_frame(body[start : match.end()]))
        start = match.end()
    if start < len(body):
        frames.append(_frame(body[start:]))
    return tuple(frames)


def _frame(block: bytes) -> Frame:
    return Frame(kind=_kind(block), data=block)


def _kind(block: bytes) -> FrameKind:
    if block.startswith(b":"):
        return FrameKind.COMMENT
    if b"[DONE]" in block:
        return FrameKind.DONE
    if _ENDED.search(block):
        return FrameKind.END
    if _VISIBLE.search(block):
        return FrameKind.OUTPUT
    return FrameKind.REASONING if _THOUGHT.search(block) else FrameKind.HEAD
