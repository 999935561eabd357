"""The pieces an event stream is made of, and how they look on the wire. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import msgspec

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = "Mapping[str, Json]"


class FrameKind(Enum):
    """What a frame means to the person waiting; faults are placed by it."""

    COMMENT = "comment"
    HEAD = "head"
    REASONING = "reasoning"
    OUTPUT = "output"
    TAIL = "tail"
    END = "end"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One block of an event stream with its closing blank line, lines ended by LF."""

    kind: FrameKind
    data: bytes


class Endpoint(Enum):
    """The two ways to ask for an answer; the value is the path below the base URL."""

    RESPONSES = "/responses"
    CHAT = "/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """What an answer is said to have cost."""

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    searches: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output; reasoning is part of the output."""
        return self.input_tokens + self.output_tokens

    @property
    def input_cost_usd(self) -> float:
        """A made-up price of half a dollar per million tokens."""
        return round(self.input_tokens * 0.5e-6, 9)

    @property
    def output_cost_usd(self) -> float:
        """A made-up price of two dollars per million tokens."""
        return round(self.output_tokens * 2e-6, 9)

    @property
    def token_cost_usd(self) -> float:
        """Both together."""
        return round(self.input_cost_usd + self.output_cost_usd, 9)

    @property
    def cost_usd(self) -> float:
        """All that is paid: a search at the provider costs half a cent on top."""
        return round(self.token_cost_usd + self.searches * 0.005, 9)

    @property
    def server_tool_use(self) -> JsonObject:
        """The part of a usage object that only an answer with a search has."""
        if not self.searches:
            return {}
        details: JsonObject = {
            "web_search_requests": self.searches,
            "tool_calls_requested": self.searches,
            "tool_calls_executed": self.searches,
        }
        return {"server_tool_use_details": details}


# A wall clock would make two runs differ and tell nobody anything.
CREATED_AT_EPOCH_S = 1_790_000_000

DONE_FRAME = Frame(kind=FrameKind.DONE, data=b"data: [DONE]\n\n")


def event_frame(kind: FrameKind, event: JsonObject) -> Frame:
    """Write one event as a data block."""
    return Frame(kind=kind, data=b"data: " + msgspec.json.encode(event) + b"\n\n")


def comment_frame(text: str = "") -> Frame:
    """Write a keep-alive comment as a block of its own."""
    line = f": {text}\n\n" if text else ":\n\n"
    return Frame(kind=FrameKind.COMMENT, data=line.encode())


def generation_id(serial: int) -> str:
    """Return the id of the answer with that serial number, in the provider's form."""
    return f"gen-{CREATED_AT_EPOCH_S}-{serial:020d}"
