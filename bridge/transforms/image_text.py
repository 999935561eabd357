"""Images as Markdown that Open WebUI draws. Pure."""

from __future__ import annotations

import re
from typing import Final

# A `data:` URL goes into the chat and back to the server with every save: a small one may.
INLINE_CHARS_MAX: Final = 2 * 1024 * 1024

_DATA: Final = re.compile(r"data:image/[a-z0-9][a-z0-9.+-]*;base64,[A-Za-z0-9+/_-]+={0,2}")
_ADDRESSES: Final = ("https://", "http://", "/")
# What would end the destination of a Markdown link, or begin something else.
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f()<>\\\"]")


def is_image_data(url: str) -> bool:
    """Say whether this is an image in a `data:` URL, whole and in base64."""
    return _DATA.fullmatch(url) is not None


def is_address(url: str) -> bool:
    """Say whether this names a place from which a browser can load the image."""
    return url.startswith(_ADDRESSES)


def image_markdown(url: str) -> str:
    """Write an image that a browser can load."""
    return f"![Generated image]({_UNSAFE.sub(_escaped, url)})"


def inline_markdown(url: str) -> str:
    """Write an image for which no other place was found: in the text, or as a notice."""
    if not is_image_data(url):
        return "*An image came in a form that cannot be shown.*"
    if len(url) > INLINE_CHARS_MAX:
        return f"*An image of {len(url) / 2**20 * 0.75:.1f} MB could not be stored.*"
    return image_markdown(url)


def _escaped(unsafe: re.Match[str]) -> str:
    return f"%{ord(unsafe.group()):02X}"
