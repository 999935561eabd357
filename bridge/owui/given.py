"""What Open WebUI hands over with one call. Types are checked here, once (SPEC 26)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

EventEmitter = Callable[[Mapping[str, Any]], Awaitable[Any]]

_NOTHING: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What Open WebUI hands over with one call, as it came."""

    body: Mapping[str, object] = field(repr=False)
    user: Mapping[str, object] = field(repr=False)
    metadata: Mapping[str, object] = field(repr=False)
    request: object = field(default=None, repr=False)
    tools: object = field(default=None, repr=False)
    event_emitter: EventEmitter | None = field(default=None, repr=False)
    event_call: EventEmitter | None = field(default=None, repr=False)
    task: object = None

    @property
    def asked_model(self) -> str:
        """The model as the caller spelt it."""
        return str(self.body.get("model") or "")

    @property
    def is_streaming(self) -> bool:
        """Whether the caller wants the answer as it comes."""
        return bool(self.body.get("stream")) and not self.task

    @property
    def is_in_browser(self) -> bool:
        """Whether somebody looks at the answer in Open WebUI, in a chat of theirs."""
        said = self.metadata
        return not self.task and bool(
            said.get("session_id") and said.get("chat_id") and said.get("message_id")
        )


def given(
    body: object,
    user: object,
    metadata: object,
    *,
    request: object = None,
    tools: object = None,
    event_emitter: object = None,
    event_call: object = None,
    task: object = None,
) -> Given:
    """Take what Open WebUI hands over; what has not the right type counts as not there."""
    return Given(
        body=mapping_of(body),
        user=mapping_of(user),
        metadata=mapping_of(metadata),
        request=request,
        tools=tools,
        event_emitter=event_emitter if callable(event_emitter) else None,
        event_call=event_call if callable(event_call) else None,
        task=task,
    )


def mapping_of(value: object) -> Mapping[str, object]:
    """Return a mapping as it is, and nothing of whatever else it is."""
    # `dict` first: to ask for the abstract class costs a multiple.
    return value if isinstance(value, (dict, Mapping)) else _NOTHING
