"""The Fernet key that the earlier pipe made of a passphrase, for valves and for rows. Pure."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet


def fernet_of(passphrase: str) -> Fernet:
    """Make the box for a passphrase: its key is the SHA-256 of the text (SPEC 13, 152)."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(utf8(passphrase)).digest()))


def utf8(text: str) -> bytes:
    """Encode any text. Lone surrogates can stand in JSON and in the environment; none raises."""
    return text.encode("utf-8", "surrogatepass")
