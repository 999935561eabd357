"""Text that survives the way to a wire. Pure."""

from __future__ import annotations


def whole(text: str) -> str:
    """Return the text without lone surrogates, so that it can always be encoded.

    Halves that stand next to each other become the character they spell, a half without its
    other half becomes U+FFFD (SPEC 91). Everything else is returned as it is.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
