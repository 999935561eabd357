"""Calls that whoever asked is to run, in Chat Completions words (SPEC 78). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.values import ToolCall
from bridge.transforms.json_text import JsonValue

NO_ARGUMENTS = "{}"


def call_dicts(
    calls: Sequence[ToolCall], shown_name: Callable[[str], str]
) -> list[dict[str, JsonValue]]:
    """Return the calls of a whole answer.

    Args:
        calls: in the order of the answer.
        shown_name: gives a tool the name by which the caller knows it.
    """
    return [
        {
            "id": call.call_id,
            "type": "function",
            "function": {
                "name": shown_name(call.name),
                # A reader that joins pieces can make nothing of an empty string.
                "arguments": call.arguments.strip() or NO_ARGUMENTS,
            },
        }
        for call in calls
    ]


def call_deltas(
    calls: Sequence[ToolCall], shown_name: Callable[[str], str], *, first_index: int = 0
) -> list[dict[str, JsonValue]]:
    """Return the calls for a stream: each whole, in one piece, under an index of its own."""
    numbered = enumerate(call_dicts(calls, shown_name), first_index)
    return [{"index": index, **call} for index, call in numbered]
