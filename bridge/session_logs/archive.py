"""Writes session logs into encrypted archives, each change whole or not at all (SPEC 171-174)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from actors.kernel.clock import Watch
from actors.log_values import LogBundle, LogSegment
from actors.ports import (
    ArchiveUnsupported,
    ArchiveUnwritable,
    ErrorFacts,
    Filed,
    SessionLogSettings,
    Swept,
)
from bridge.session_logs.aes_zip import (
    WhyUnreadable,
    ZipUnreadable,
    has_aes,
    holds_only,
    write_members,
)
from bridge.session_logs.contents import MEMBERS, Contents, members_with, read_contents
from bridge.session_logs.lines import lines_of, stamp
from bridge.session_logs.places import (
    aside_name,
    base_of,
    direct_name,
    folder_of,
    merged_name,
)
from bridge.session_logs.retention import sweep_folder

FILE_BYTES_MAX: Final = 268_435_456
"""An archive that is larger is not added to; it is kept, and a new one begun."""

ASIDE_MAX: Final = 1_000
"""How many archives of one name may be put aside."""

# A sweep may remove a folder between two steps, and another process change an archive.
_TRIES: Final = 5
_FOLDER_MODE: Final = 0o700
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What stands where an archive is to go. `is_odd`: a file that cannot be added to."""

    contents: Contents | None = None
    identity: tuple[int, int, int] | None = None
    is_odd: bool = False


class _Changed(Exception):
    """Somebody else changed the archive meanwhile."""


class ZipLogArchive:
    """Implements `LogArchive` with one zip file for each message. It keeps no state.

    An archive that cannot be read (another password, or damaged) is renamed, never overwritten.
    What is written becomes visible in one step, after it has reached the disk.

    Args:
        clock: for the times in archives and for their age.
    """

    def __init__(self, clock: Watch) -> None:
        self._clock = clock

    def merge(self, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        """See `LogArchive.merge`."""
        return self._file(merged_name(bundle.segments[0].owner), bundle, settings)

    def write_direct(self, segment: LogSegment, settings: SessionLogSettings) -> Filed:
        """See `LogArchive.write_direct`."""
        # Whether the answer is complete can only be told where all of its segments are.
        bundle = LogBundle(segments=(segment,), is_complete=True)
        return self._file(direct_name(segment.owner), bundle, settings)

    def sweep(self, settings: SessionLogSettings, *, files_max: int) -> Swept:
        """See `LogArchive.sweep`."""
        now_s = self._clock.wall_s()
        with _translated():
            return sweep_folder(
                base_of(settings.folder),
                now_s=now_s,
                expired_before_s=now_s - settings.retention_days * _DAY_S,
                files_max=files_max,
            )

    def _file(self, name: str, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        _check(settings)
        for _ in range(_TRIES):
            with suppress(_Changed, FileNotFoundError), _translated():
                folder = _made(base_of(settings.folder), folder_of(bundle.segments[0].owner))
                return self._replace(folder / name, bundle, settings)
        raise ArchiveUnwritable(ErrorFacts(detail="the log folder changes all the time"))

    def _replace(self, path: Path, bundle: LogBundle, settings: SessionLogSettings) -> Filed:
        before = _before(path, settings)
        packed = self._packed(bundle, settings, before.contents)
        unfinished = _written(path.parent, packed)
        try:
            if _identity(path) != before.identity:
                raise _Changed
            kept_aside = _put_aside(path) if before.is_odd else ""
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink()
            raise
        _sync_folder(path.parent)
        return Filed(path=str(path), kept_aside=kept_aside)

    def _packed(
        self, bundle: LogBundle, settings: SessionLogSettings, before: Contents | None
    ) -> bytes:
        """Make the archive in memory: a disk that fills up meets the file, not the packing."""
        members = members_with(
            lines_of(bundle),
            owner=bundle.segments[-1].owner,
            request_ids=[segment.owner.request_id for segment in bundle.segments],
            log_format=settings.log_format,
            is_complete=bundle.is_complete,
            now=stamp(self._clock.wall_s()),
            before=before,
        )
        packed = BytesIO()
        write_members(
            packed,
            members,
            settings.password,
            compression=settings.compression,
            level=settings.compress_level,
        )
        return packed.getvalue()


def _check(settings: SessionLogSettings) -> None:
    if not has_aes():
        raise ArchiveUnsupported(ErrorFacts(detail=WhyUnreadable.NO_PACKAGE.value))
    if not settings.password.reveal():
        raise ArchiveUnsupported(ErrorFacts(detail="there is no password"))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the file system says into an error of the port; a missing file is dealt with here.

    Paths are left out: they hold ids.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        detail = error.strerror or type(error).__name__
        raise ArchiveUnwritable(ErrorFacts(detail=detail)) from error
    except ValueError as error:  # what paths say to a null byte, and `base_of` to no folder
        raise ArchiveUnwritable(ErrorFacts(detail="there can be no such log folder")) from error


def _made(base: Path, names: tuple[str, str]) -> Path:
    """Make the folders of an archive.

    The base may be a link, as the admin likes; below it nothing is followed.
    """
    base.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    folder = base
    for name in names:
        folder /= name
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        if folder.is_symlink():
            raise ArchiveUnwritable(ErrorFacts(detail="a link stands in the log folder"))
    return folder


def _before(path: Path, settings: SessionLogSettings) -> _Before:
    identity = _identity(path)
    if identity is None:
        return _Before()
    if path.is_symlink() or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
        return _Before(identity=identity, is_odd=True)
    data = path.read_bytes()
    try:
        contents = read_contents(data, settings.password)
    except ZipUnreadable:
        return _Before(identity=identity, is_odd=True)
    # What somebody else put into it would not be carried over.
    return _Before(contents=contents, identity=identity, is_odd=not holds_only(data, MEMBERS))


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Tell one state of a file from the next; None: there is no file."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _written(folder: Path, data: bytes) -> Path:
    """Write a file that has no name yet, down to the disk."""
    handle, name = mkstemp(prefix=".", suffix=".unfinished", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return path


def _put_aside(path: Path) -> str:
    """Give an archive that cannot be added to another name; return that."""
    for number in range(1, ASIDE_MAX + 1):
        aside = path.with_name(aside_name(path.name, number))
        if _identity(aside) is None:
            path.rename(aside)
            return aside.name
    raise ArchiveUnwritable(ErrorFacts(detail="too many unreadable archives of one message"))


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk, where a folder can be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
