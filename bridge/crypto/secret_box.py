"""Secrets of valves as they stand in Open WebUI's database. Pure: no environment, no log.

The stored form is `encrypted:` and a Fernet token. Its key is derived from Open WebUI's own
`WEBUI_SECRET_KEY`, so a copied database alone gives nothing away. The form is the one of the
earlier pipe: what people stored with it opens here, and the other way round (SPEC 13).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias

from cryptography.fernet import Fernet, InvalidToken

from actors.ports import Secret
from bridge.crypto.fernet_key import fernet_of, utf8

PREFIX: Final = "encrypted:"

# Open WebUI builds the valves anew before every call. Few secrets exist, so a small memory of
# pure results spares each request a key derivation and a decryption.
_REMEMBERED_MAX: Final = 16


class WhyClosed(Enum):
    """Why a stored secret did not open: no `WEBUI_SECRET_KEY` at hand, or another one."""

    NO_KEY = "no_key"
    WRONG_KEY = "wrong_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The text as the admin typed it."""

    secret: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecryptable:
    """The stored text stays as it is: nobody can read it with the key at hand (SPEC 14)."""

    why: WhyClosed


Decrypted: TypeAlias = Opened | Undecryptable


def is_encrypted(text: str) -> bool:
    """Say whether the text is in the stored form, whatever key it was made with."""
    return text.startswith(PREFIX)


def encrypt_valve(text: str, secret_key: str) -> str:
    """Turn a typed secret into its stored form.

    Args:
        text: what was typed or stored; a stored form comes back unchanged.
        secret_key: `WEBUI_SECRET_KEY`, or "" when there is none: then the text stays plain.
    """
    if not text or not secret_key or is_encrypted(text):
        return text
    return _sealed(text, secret_key)


def decrypt_valve(stored: str, secret_key: str) -> Decrypted:
    """Open a stored secret; text without the prefix was never closed and comes back as it is.

    Args:
        stored: the valve's value.
        secret_key: `WEBUI_SECRET_KEY`, or "" when there is none.
    """
    if not is_encrypted(stored):
        return Opened(secret=Secret(stored))
    if not secret_key:
        return Undecryptable(why=WhyClosed.NO_KEY)
    return _opened(stored, secret_key)


@lru_cache(maxsize=_REMEMBERED_MAX)
def _sealed(text: str, secret_key: str) -> str:
    return PREFIX + _fernet(secret_key).encrypt(utf8(text)).decode("ascii")


@lru_cache(maxsize=_REMEMBERED_MAX)
def _opened(stored: str, secret_key: str) -> Decrypted:
    try:
        opened = _fernet(secret_key).decrypt(utf8(stored[len(PREFIX) :]))
        return Opened(secret=Secret(opened.decode("utf-8", "surrogatepass")))
    except (InvalidToken, UnicodeDecodeError):
        # Another key, or a token that was cut or edited: nobody can tell which.
        return Undecryptable(why=WhyClosed.WRONG_KEY)


@lru_cache(maxsize=2)
def _fernet(secret_key: str) -> Fernet:
    return fernet_of(secret_key)
