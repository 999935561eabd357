"""The stored API key, opened, and whether it can be one. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Final

from actors.ports import Secret
from bridge.crypto.secret_box import Undecryptable, decrypt_valve, is_encrypted

KEY_PREFIX: Final = "sk-"


class KeyProblem(Enum):
    """Why nothing can be sent upstream."""

    MISSING = "missing"
    # There is a key, but it does not open, or what comes out cannot be a key (SPEC 15).
    UNDECRYPTABLE = "undecryptable"


def open_api_key(stored: str, secret_key: str) -> tuple[Secret, KeyProblem | None]:
    """Open the key and judge whether it can be one."""
    opened = decrypt_valve(stored.strip(), secret_key)
    if isinstance(opened, Undecryptable):
        return Secret(""), KeyProblem.UNDECRYPTABLE
    key = opened.secret.reveal().strip()
    if not key:
        return Secret(""), KeyProblem.MISSING
    # Another secret key can open an old token to nonsense. A key that was stored plain may
    # belong to any gateway; both have to fit into a header.
    is_plausible = key.startswith(KEY_PREFIX) or not is_encrypted(stored)
    if not is_plausible or not _fits_header(key):
        return Secret(""), KeyProblem.UNDECRYPTABLE
    return Secret(key), None


def _fits_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key
