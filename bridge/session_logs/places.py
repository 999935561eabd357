"""Where an archive lies: names that stay inside their folder, whatever the ids are. Pure.

`<folder>/<user>/<chat>/<message>.zip`, or `<message>.<request>.zip` for one that could not be
staged. An id of lower-case letters, digits, `-` and `_` is its own name, and so are the ids of Open
WebUI. Any other id keeps what is harmless of it, and gets `.x` and a hash of all of it behind. So
two ids never share a name, not even where upper and lower case are the same, and no id can take
the form of another one's name: a name without a hash holds no dot and does not look like a hash.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from actors.log_values import LogOwner

COMPONENT_CHARS_MAX: Final = 112
"""Characters of one name; two of them and an ending fit into a file's name (SPEC 172 has 128)."""

_HASH_CHARS: Final = 32
_KEPT_CHARS: Final = 64

_ITS_OWN_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{COMPONENT_CHARS_MAX - 1}}}")
_LOOKS_LIKE_A_HASH: Final = re.compile(rf"x[0-9a-f]{{{_HASH_CHARS}}}")
_OTHER_CHARS: Final = re.compile(r"[^A-Za-z0-9_-]+")
# What some systems take for a device, whatever follows behind a dot.
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
)

ENDING: Final = ".zip"
_ASIDE: Final = ".zip.aside-"
_ARCHIVE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.zip(?:\.aside-[0-9]+)?")
_UNFINISHED: Final = re.compile(r"\.[A-Za-z0-9_-]+\.unfinished")


def component(text: str) -> str:
    """Return the name of an id: the same for the same id, and for no other."""
    if _ITS_OWN_NAME.fullmatch(text) and not _means_something(text):
        return text
    kept = _OTHER_CHARS.sub("_", text[:_KEPT_CHARS]).lstrip("-_")
    if not kept or _means_something(kept.lower()):
        kept = f"id_{kept}"
    # Half of a pair of code units is text to Python, and has a hash like any other.
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kept}.x{digest[:_HASH_CHARS]}"


def folder_of(owner: LogOwner) -> tuple[str, str]:
    """Return the folders of an owner's archives, the outer one first."""
    return component(owner.user_id), component(owner.chat_id)


def merged_name(owner: LogOwner) -> str:
    """Return the name of the archive of a message."""
    return component(owner.message_id) + ENDING


def direct_name(owner: LogOwner) -> str:
    """Return the name of the archive of one request alone."""
    return f"{component(owner.message_id)}.{component(owner.request_id)}{ENDING}"


def aside_name(name: str, number: int) -> str:
    """Return the name that an archive gets which cannot be read."""
    return f"{name.removesuffix(ENDING)}{_ASIDE}{number}"


def is_archive_name(name: str) -> bool:
    """Whether an archive of ours can have this name."""
    return _ARCHIVE.fullmatch(name) is not None


def is_aside_name(name: str) -> bool:
    """Whether this is the name of an archive that was put aside."""
    return is_archive_name(name) and not name.endswith(ENDING)


def is_unfinished_name(name: str) -> bool:
    """Whether this is the name of a file that was never finished."""
    return _UNFINISHED.fullmatch(name) is not None


def is_folder_name(name: str) -> bool:
    """Whether a folder of ours can have this name."""
    kept, dot, digest = name.partition(".")
    if dot:
        return bool(kept) and _LOOKS_LIKE_A_HASH.fullmatch(digest) is not None
    return component(name) == name


def base_of(folder: str) -> Path:
    """Return the folder that an admin named, with `~` spelt out.

    Raises:
        ValueError: there can be no such folder.
    """
    if not folder.strip() or "\0" in folder:
        raise ValueError("no folder is named")
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:
        raise ValueError("there is no such home") from error


def _means_something(text: str) -> bool:
    return text in _DEVICES or _LOOKS_LIKE_A_HASH.fullmatch(text) is not None
