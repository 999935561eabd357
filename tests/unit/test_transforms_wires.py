"""Which format a model is spoken to in (SPEC 100)."""

from __future__ import annotations

import pytest

from actors.values import WireFormat
from bridge.transforms.wires import wire_for

RESPONSES, CHAT = WireFormat.RESPONSES, WireFormat.CHAT


@pytest.mark.parametrize("default", list(WireFormat))
def test_a_model_that_no_list_names_takes_the_default(default: WireFormat) -> None:
    assert wire_for("a/b", default=default, force_chat=" ,, ", force_responses="c/*") is default


@pytest.mark.parametrize(
    "globs",
    [
        "openai/gpt-4o",
        "openai.gpt-4o",
        "openai/*",
        "openai.*",
        "x/y, openai/gpt-?o ,",
        "*gpt-4o:nitro",
        "openai/gpt-4o:*",
        "*",
    ],
)
def test_a_glob_matches_either_spelling(globs: str) -> None:
    assert wire_for("openai/gpt-4o:nitro", default=RESPONSES, force_chat=globs) is CHAT


@pytest.mark.parametrize("globs", ["openai", "gpt-4o", "OpenAI/*", "openai/gpt-4", "anthropic/*"])
def test_a_glob_has_to_match_all_of_it_and_case_counts(globs: str) -> None:
    assert wire_for("openai/gpt-4o", default=RESPONSES, force_chat=globs) is RESPONSES


@pytest.mark.parametrize("glob", ["openai/gpt-4o", "openai/gpt-4o-2024-05-13", "openai.gpt-4o-*"])
def test_a_date_may_be_left_out(glob: str) -> None:
    """SPEC 124."""
    assert wire_for("openai/gpt-4o-2024-05-13", default=RESPONSES, force_chat=glob) is CHAT


def test_a_glob_in_lower_case_matches_an_id_in_any() -> None:
    assert wire_for("Maker/Model", default=RESPONSES, force_chat="maker/model") is CHAT
    assert wire_for("Maker/Model", default=RESPONSES, force_chat="Maker/Model") is RESPONSES


def test_responses_wins_where_both_lists_name_a_model() -> None:
    forced = wire_for("a/b", default=CHAT, force_responses="a/*", force_chat="a/b")
    assert forced is RESPONSES
