"""Places that an answer drew on, as Open WebUI shows sources. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from actors.values import Annotated, Source
from bridge.transforms.json_text import JsonValue
from bridge.transforms.side_event import SOURCE, SideEvent, side_event

# A source is stored with the message, and read when somebody clicks on it.
TEXT_CHARS_MAX: Final = 8_000

_MARK: Final = re.compile(r"([?&])utm_source=openai(?=&|#|$)(&)?")
_DATES: Final = ("date", "published_date", "publishedDate", "published_at", "publish_date")


def clean_url(url: str) -> str:
    """Take away the mark that a provider leaves on the pages it found (SPEC 92)."""
    return _MARK.sub(_joint, url) if "utm_source=openai" in url else url


def host_name(url: str) -> str:
    """Return the host as people say it, or "" where there is none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")


def source_of_citation(cited: Annotated) -> tuple[str, SideEvent] | None:
    """Return a cited page as a name that is shown once, and its event; None for what is no page."""
    url = clean_url(cited.url.strip())
    if not url:
        return None
    title = cited.title.strip()
    return url, _source(
        name=host_name(url) or title or url,
        url=url,
        title=title,
        text=cited.text or title or url,
        date=_date(cited.json),
    )


def source_of_tool(source: Source) -> tuple[str, SideEvent]:
    """Return what a tool drew on as a name that is shown once, and its event."""
    url = clean_url(source.url.strip())
    name = source.name.strip() or host_name(url) or url
    # Pieces of one document share its name: they are different things to read.
    key = url or f"{name}\n{source.text}"
    return key, _source(name=name, url=url, title=name, text=source.text or name, date="")


def _source(*, name: str, url: str, title: str, text: str, date: str) -> SideEvent:
    # Open WebUI groups by `metadata.source`, and makes a link of it where it is an address.
    told: dict[str, JsonValue] = {"source": url or name, "name": name}
    if title:
        told["title"] = title
    if date:
        told["date"] = date
    place: dict[str, JsonValue] = {"name": name}
    if url:
        place["url"] = url
    data: dict[str, JsonValue] = {
        "source": place,
        "document": [text[:TEXT_CHARS_MAX]],
        "metadata": [told],
    }
    return side_event(SOURCE, data)


def _joint(found: re.Match[str]) -> str:
    before, after = found.groups()
    return str(before) if after else ""


def _date(annotation_json: str) -> str:
    """Find the date of a page in the provider's own words, flat or nested."""
    try:
        said = msgspec.json.decode(annotation_json) if annotation_json else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return ""
    places = [said]
    if isinstance(said, Mapping):
        places.append(said.get("url_citation"))
    for place in places:
        if isinstance(place, Mapping):
            for key in _DATES:
                if isinstance(date := place.get(key), str) and date.strip():
                    return date.strip()[:64]
    return ""
