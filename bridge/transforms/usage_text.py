"""What an answer took, as the last status line. Pure."""

from __future__ import annotations

from math import isfinite
from typing import Final

from msgspec import Struct

from actors.values import Usage

# Below this, "tokens per second" says how fast a buffer was emptied.
WINDOW_MIN_S: Final = 0.1
# The smallest sum that is written out, in dollars.
COST_MIN: Final = 0.000001


class Times(Struct, frozen=True, kw_only=True, gc=False):
    """How long an answer took, in seconds.

    Attributes:
        total_s: from the request to the end.
        waiting_s: while nothing of the model came: hidden thinking is in there.
        thinking_s: while thinking came.
        writing_s: while text came.
        tools_s: while tools ran.
    """

    total_s: float = 0.0
    waiting_s: float = 0.0
    thinking_s: float = 0.0
    writing_s: float = 0.0
    tools_s: float = 0.0

    @property
    def thought_s(self) -> float:
        """How long the model made up its mind."""
        return self.waiting_s + self.thinking_s


def usage_text(usage: Usage | None, times: Times) -> str:
    """Write `Time: 1.23s  45.6 tps | Cost $0.0012 | Total tokens: N (Input: …)` (SPEC 96).

    What is not known is left out, and so are cached and reasoning tokens when there were none.
    """
    head = f"Time: {times.total_s:.2f}s"
    if usage is None:
        return head
    if (speed := tokens_per_second(usage, times)) is not None:
        head = f"{head}  {speed:.1f} tps"
    parts = [head]
    if usage.cost_usd is not None and isfinite(usage.cost_usd):
        parts.append(f"Cost {cost_text(usage.cost_usd)}")
    total = usage.total_tokens or usage.input_tokens + usage.output_tokens
    if total:
        cached = f", Cached: {usage.cached_tokens}" if usage.cached_tokens else ""
        thought = f", Reasoning: {usage.reasoning_tokens}" if usage.reasoning_tokens else ""
        parts.append(
            f"Total tokens: {total} (Input: {usage.input_tokens}, Output: {usage.output_tokens}"
            f"{cached}{thought})"
        )
    return " | ".join(parts)


def tokens_per_second(usage: Usage, times: Times) -> float | None:
    """How fast the model wrote: tokens that came, over the time in which they came."""
    tokens, window_s = usage.output_tokens, times.thinking_s + times.writing_s
    if not times.thinking_s:
        # Thinking that nobody saw was over before the first word.
        tokens -= usage.reasoning_tokens
    if window_s < WINDOW_MIN_S or tokens <= 0:
        tokens, window_s = usage.output_tokens, times.total_s - times.tools_s
    if tokens <= 0 or window_s <= 0:
        return None
    return tokens / window_s


def cost_text(cost_usd: float) -> str:
    """Write dollars with as many digits as matter, and never fewer than cents."""
    if 0 < cost_usd < COST_MIN:
        return "< $0.000001"
    whole, _, cents = f"{cost_usd:.6f}".partition(".")
    return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"


def thought_text(seconds: float) -> str:
    """Say how long the model thought."""
    return f"Thought for {_seconds(seconds)}"


def worked_text(seconds: float) -> str:
    """Say how long an answer took that did more than write."""
    return f"Finished in {_seconds(seconds)}"


def _seconds(seconds: float) -> str:
    rounded = round(seconds)
    if rounded < 1:
        return "less than a second"
    return "1 second" if rounded == 1 else f"{rounded} seconds"
