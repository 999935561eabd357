"""What Open WebUI hands over with one call. Types are checked here, once (SPEC 26)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from bridge.transforms.policy import Caller, caller_of

EventEmitter = Callable[[Mapping[str, Any]], Awaitable[Any]]

_NOTHING: Final[Mapping[str, object]] = {}


class Given(Struct, frozen=True, kw_only=True):
    """What Open WebUI hands over with one call, as it came.

    `caller`: who asks. `is_in_browser`: somebody looks at the answer in Open WebUI, in a chat of
    theirs.
    """

    body: Mapping[str, object]
    user: Mapping[str, object]
    metadata: Mapping[str, object]
    caller: Caller
    request: object = None
    tools: object = None
    event_emitter: EventEmitter | None = None
    event_call: EventEmitter | None = None
    task: object = None
    is_in_browser: bool = False

    def __repr__(self) -> str:
        # All of it is somebody's own business.
        return "Given(...)"

    @property
    def asked_model(self) -> str:
        """The model as the caller spelt it."""
        return str(self.body.get("model") or "")

    @property
    def is_streaming(self) -> bool:
        """Whether the caller wants the answer as it comes."""
        return bool(self.body.get("stream")) and not self.task


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
    about, said = mapping_of(user), mapping_of(metadata)
    caller = caller_of(about, said)
    is_placed = bool(caller.session_id and caller.chat_id and caller.message_id)
    return Given(
        body=mapping_of(body),
        user=about,
        metadata=said,
        caller=caller,
        is_in_browser=is_placed and not task,
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
