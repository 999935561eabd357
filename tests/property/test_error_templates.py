"""Whatever an admin writes and a provider says, a text comes out or the template is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.owui.error_markup import harmless, harmless_block, shortened
from bridge.owui.error_templates import RENDERED_CHARS_MAX, TemplateBroken, check, render

BLOCKS = ["{{#if a}}", "{{#if none}}", "{{/if}}", "{{else}}"]
PIECES = st.sampled_from(["{a}", "{none}", "{x}", *BLOCKS, "\n", " ", "y", "{"])
TEMPLATES = st.lists(PIECES, max_size=30).map("".join)
SAID = st.text(st.sampled_from("<`~!]([):*_$|\\ x\n{}#/\r\u2028"), max_size=40)


@given(template=TEMPLATES, value=SAID)
def test_a_template_is_filled_or_refused_and_a_check_knows_which(template: str, value: str) -> None:
    if why := check(template, ("a", "none", "x")):
        with pytest.raises(TemplateBroken, match=re.escape(why)):
            render(template, {"a": value, "none": ""})
    else:
        text = render(template, {"a": value, "none": ""})
        assert len(text) <= RENDERED_CHARS_MAX
        assert text.count("y") <= template.count("y")


@given(template=TEMPLATES)
def test_filling_only_leaves_lines_out(template: str) -> None:
    try:
        text = render(template, {"a": "A", "none": ""})
    except TemplateBroken:
        return
    assert "\n\n\n" not in text
    assert text == text.strip("\n")


@given(value=SAID)
def test_what_is_put_in_can_open_nothing(value: str) -> None:
    line = harmless(shortened(value, 100))
    block = harmless_block(value, 100)
    for text in (line, block):
        assert "<" not in text
    assert "\n" not in line
    assert "`" not in block
    assert "~~~" not in block
    assert not {"![", "](", "]:", "]["} & {block[at : at + 2] for at in range(len(block))}
