"""Addresses that an admin types: which of them can be used. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

from bridge.config.errors import ValveProblem, shown_value
from bridge.config.valves_connection import DEFAULT_BASE_URL

_PORT_MAX: Final = 65535


@lru_cache(maxsize=16)
def base_url(text: str) -> tuple[str, ValveProblem | None]:
    """Normalise BASE_URL (no trailing slash) and say what is wrong with it, if anything."""
    url = text.strip().rstrip("/") or DEFAULT_BASE_URL
    # The path of a call is appended, so nothing may follow ours.
    if _is_full_address(url) and not {"?", "#"} & set(url):
        return url, None
    return url, _problem("BASE_URL", url, f"an address like {DEFAULT_BASE_URL}")


@lru_cache(maxsize=16)
def referer(text: str) -> tuple[str, ValveProblem | None]:
    """Return HTTP_REFERER_OVERRIDE, or "" (the default rules) and what is wrong with it."""
    url = text.strip()
    if not url or (url.isascii() and _is_full_address(url)):
        return url, None
    return "", _problem("HTTP_REFERER_OVERRIDE", url, "a full address like https://example.com")


def _is_full_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return _is_usable(url, parts)
    except ValueError:  # urlsplit's word for a broken port or IPv6 bracket
        return False


def _is_usable(url: str, parts: SplitResult) -> bool:
    return (
        url.isprintable()
        and " " not in url
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and (parts.port is None or 0 < parts.port <= _PORT_MAX)
        # Credentials in the address would fight with the key's header.
        and "@" not in parts.netloc
    )


def _problem(valve: str, url: str, accepted: str) -> ValveProblem:
    return ValveProblem(valve=valve, value=shown_value(url), accepted=accepted)
