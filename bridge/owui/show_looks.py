"""How one reader wants an answer to look, as the door knows it. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.kernel.entropy import Entropy
from actors.values import Noticed, ToolEnded
from bridge.transforms.reasoning_status import ThinkingMode


def _as_it_is(name: str) -> str:
    return name


def _no_card(_: ToolEnded) -> str:
    return ""


def _no_words(_: Noticed) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What differs from answer to answer.

    Attributes:
        has_events: somebody looks at it in Open WebUI. Without it, there is text, thinking and
            calls, and nothing that a program could stumble over.
        is_streaming: False collects the side events for an emitter.
        thinking: where thinking is shown. Without events it is always beside the text.
        has_final_usage: the last status tells time, cost and tokens.
        shown_name: gives a tool the name by which people know it.
        card: Markdown for a call that is over, or "".
        rounds_text: what is appended when the tool rounds are spent, or "".
        entropy: for the jitter of the lines that reassure; None: none.
    """

    has_events: bool = False
    is_streaming: bool = True
    thinking: ThinkingMode = ThinkingMode.BOX
    has_final_usage: bool = True
    shown_name: Callable[[str], str] = _as_it_is
    card: Callable[[ToolEnded], str] = _no_card
    rounds_text: Callable[[Noticed], str] = _no_words
    entropy: Entropy | None = None


PLAIN = Looks()
