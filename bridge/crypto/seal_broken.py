"""Why a sealed row stays closed, as facts. Nothing of the row or of a key is in them."""

from __future__ import annotations

from enum import Enum


class WhyBroken(Enum):
    """What is wrong with a row that does not open.

    Nobody can tell a row that was edited from one that was moved under another identity, nor a
    ciphertext cut in its middle: all of these are `TAMPERED`. `TRUNCATED` is what is too short
    for any seal, or ends in half a character. A row of the earlier pipe names no key, so there
    `FOREIGN_KEY` stands for an edited row as well.
    """

    NOT_A_WRAPPER = "not a wrapper"
    UNKNOWN_VERSION = "unknown version"
    FOREIGN_KEY = "sealed with a key that is not at hand"
    TRUNCATED = "truncated"
    TAMPERED = "tampered with, or sealed for another row"
    HEADERLESS = "no header that is known"
    COMPRESSED_BADLY = "compressed badly"
    LZ4_MISSING = "compressed, and the lz4 library is missing"
    TOO_LARGE = "too large"


class SealBroken(Exception):
    """A row can't be opened, or (`TOO_LARGE` only) can't be sealed.

    Whoever raises it does so outside any `except`: the error it follows from may hold the
    payload, and would travel along as its context.
    """

    def __init__(self, why: WhyBroken) -> None:
        self.why = why
        super().__init__(why.value)
