"""The last status line (SPEC 96)."""

from __future__ import annotations

import pytest

from actors.values import Usage
from bridge.transforms.usage_text import (
    Times,
    cost_text,
    thought_text,
    tokens_per_second,
    usage_text,
    worked_text,
)

USAGE = Usage(
    input_tokens=10,
    output_tokens=50,
    total_tokens=60,
    reasoning_tokens=20,
    cached_tokens=4,
    cost_usd=0.0012,
)


def test_the_line_tells_time_speed_cost_and_tokens() -> None:
    times = Times(total_s=1.234, thinking_s=0.4, writing_s=0.6)
    assert usage_text(USAGE, times) == (
        "Time: 1.23s  50.0 tps | Cost $0.0012 | "
        "Total tokens: 60 (Input: 10, Output: 50, Cached: 4, Reasoning: 20)"
    )


def test_what_is_not_known_is_not_told() -> None:
    assert usage_text(None, Times(total_s=2)) == "Time: 2.00s"
    assert usage_text(Usage(), Times(total_s=2)) == "Time: 2.00s"
    few = Usage(input_tokens=1, output_tokens=2, cost_usd=float("nan"))
    assert usage_text(few, Times(total_s=2, writing_s=1)) == (
        "Time: 2.00s  2.0 tps | Total tokens: 3 (Input: 1, Output: 2)"
    )


@pytest.mark.parametrize(
    ("times", "speed"),
    [
        # What was thought unseen was over before the first word.
        (Times(total_s=9, waiting_s=6, writing_s=3), 10.0),
        (Times(total_s=9, thinking_s=2, writing_s=3, waiting_s=4), 10.0),
        # All at once: the time of the whole answer is the only honest one, without the tools.
        (Times(total_s=9, writing_s=0.01, tools_s=4), 10.0),
        (Times(), None),
    ],
)
def test_speed_is_tokens_over_the_time_in_which_they_came(
    times: Times, speed: float | None
) -> None:
    assert tokens_per_second(USAGE, times) == speed


@pytest.mark.parametrize(
    ("cost_usd", "text"),
    [
        (0.0, "$0.00"),
        (0.0012, "$0.0012"),
        (1.5, "$1.50"),
        (12.345678, "$12.345678"),
        (0.0000004, "< $0.000001"),
    ],
)
def test_a_cost_has_the_digits_that_matter(cost_usd: float, text: str) -> None:
    assert cost_text(cost_usd) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "less than a second"), (1.2, "1 second"), (75, "75 seconds")]
)
def test_seconds_are_told_as_people_do(seconds: float, text: str) -> None:
    assert thought_text(seconds) == f"Thought for {text}"
    assert worked_text(seconds) == f"Finished in {text}"
