"""Removes archives that have expired, and folders that are empty (SPEC 175).

The folder may be shared with others, so only what is ours is touched: files two folders deep whose
names and first bytes are those of our archives, and folders with names that we give. Links are
neither followed nor removed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from actors.ports import Swept
from bridge.session_logs.contents import MEMBERS
from bridge.session_logs.places import (
    is_archive_name,
    is_aside_name,
    is_folder_name,
    is_unfinished_name,
)

UNFINISHED_S: Final = 3_600.0
"""Age at which a file that was never finished, or an empty folder, is nobody's any more."""

# The head of a member of a zip file: its mark, its method, the length of its name.
_HEAD: Final = struct.Struct("<4s4xH16xH2x")
_HEAD_MARK: Final = b"PK\x03\x04"
_METHOD_AES: Final = 99


def sweep_folder(base: Path, *, now_s: float, expired_before_s: float, files_max: int) -> Swept:
    """Remove what has expired below `base`, and `base` itself if nothing is left.

    Args:
        base: the folder for session logs; it may be missing.
        now_s: seconds since 1970, the clock of the file system.
        expired_before_s: archives last written before this are removed.
        files_max: how many files are removed at the most.

    Raises:
        OSError: `base` cannot be read.
    """
    files = folders = 0
    if not base.is_dir():
        return Swept()
    os.scandir(base).close()
    for user in _folders(base):
        for chat in _folders(user):
            for file in _expired(chat, now_s=now_s, expired_before_s=expired_before_s):
                if files >= files_max:
                    return Swept(files=files, folders=folders, is_done=False)
                files += _removed(file)
            folders += _removed_if_empty(chat, now_s)
        folders += _removed_if_empty(user, now_s)
    folders += _removed_if_empty(base, now_s)
    return Swept(files=files, folders=folders)


def is_ours(path: Path) -> bool:
    """Whether a file begins as our archives do; it need not be whole, and no password is needed."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return False
        mark, method, name_bytes = _HEAD.unpack(head)
        if (mark, method) != (_HEAD_MARK, _METHOD_AES):
            return False
        return file.read(name_bytes) in {name.encode() for name in MEMBERS}


def _folders(folder: Path) -> Iterator[Path]:
    """List the folders of ours in a folder; one that cannot be read has none."""
    with suppress(OSError), os.scandir(folder) as entries:
        found = sorted(
            entry.name
            for entry in entries
            if is_folder_name(entry.name) and entry.is_dir(follow_symlinks=False)
        )
        yield from (folder / name for name in found)


def _expired(folder: Path, *, now_s: float, expired_before_s: float) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            with suppress(OSError):
                if not entry.is_file(follow_symlinks=False):
                    continue
                path, written_s = folder / entry.name, entry.stat(follow_symlinks=False).st_mtime
                if is_unfinished_name(entry.name):
                    is_old = written_s < now_s - UNFINISHED_S
                else:
                    is_old = written_s < expired_before_s and _may_remove(path)
                if is_old:
                    yield path


def _may_remove(path: Path) -> bool:
    return is_archive_name(path.name) and (is_aside_name(path.name) or is_ours(path))


def _removed(path: Path) -> int:
    """Remove a file; another process may have been faster, or the right may be missing."""
    try:
        path.unlink()
    except OSError:
        return 0
    return 1


def _removed_if_empty(folder: Path, now_s: float) -> int:
    """Remove a folder that is empty, unless somebody may have made it just now to write into it.

    Removing what is in a folder counts as a change of it: it goes with a later sweep.
    """
    try:
        if folder.is_symlink() or folder.stat().st_mtime > now_s - UNFINISHED_S:
            return 0
        folder.rmdir()  # Refuses to remove a folder that holds anything.
    except OSError:
        return 0
    return 1
