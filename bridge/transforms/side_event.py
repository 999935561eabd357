"""What goes beside an answer's text: status lines, sources and toasts, for Open WebUI. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from bridge.transforms.chat_chunks import event_line
from bridge.transforms.json_text import JsonValue

STATUS: Final = "status"
SOURCE: Final = "source"
NOTIFICATION: Final = "notification"


class SideEvent(Struct, frozen=True, kw_only=True):
    """One event, ready for both ways to the browser.

    Attributes:
        kind: Open WebUI's word for it.
        data: what it holds, for the event emitter.
        line: the same as a line of a stream.
        is_waiting: the browser animates it until another status comes.
    """

    kind: str
    data: Mapping[str, JsonValue]
    line: str
    is_waiting: bool = False

    def __repr__(self) -> str:
        return f"SideEvent({self.kind!r})"

    def emitted(self) -> dict[str, JsonValue]:
        """Return what an event emitter takes."""
        return {"type": self.kind, "data": dict(self.data)}


def side_event(kind: str, data: Mapping[str, JsonValue]) -> SideEvent:
    """Prepare an event."""
    return SideEvent(kind=kind, data=data, line=event_line(kind, data))


def status(description: str, *, done: bool, **more: JsonValue) -> SideEvent:
    """Prepare a status line. `more` is what one kind of line adds: `action`, `urls`, `hidden`.

    The browser animates the newest line of an answer for as long as its `done` is false, even
    after the answer has ended (CONTRACT 6). So the last one has to be done.
    """
    data: dict[str, JsonValue] = {"description": description, "done": done, **more}
    line = event_line(STATUS, data)
    return SideEvent(kind=STATUS, data=data, line=line, is_waiting=not done)


def toast(content: str, *, level: str = "warning") -> SideEvent:
    """Prepare a note that pops up and goes away: `info`, `success`, `warning` or `error`."""
    return side_event(NOTIFICATION, {"type": level, "content": content})
