"""The language of the texts for failed requests (SPEC 180, 185)."""

from __future__ import annotations

import pytest

from bridge.owui.error_templates import (
    NESTING_MAX,
    RENDERED_CHARS_MAX,
    TEMPLATE_CHARS_MAX,
    TemplateBroken,
    check,
    render,
)

VALUES = {"a": "one", "b": "two", "none": "", "many": "l1\nl2"}

RENDERED = [
    # Placeholders.
    ("Say {a} and {b}.", "Say one and two."),
    ("{a}{a}", "oneone"),
    ("{many}", "l1\nl2"),
    ("{unknown} {a}", ""),
    ("{unknown}\n{a}", "one"),
    ('{"json": {a}} {not a name} {} {1}', '{"json": {a}} {not a name} {} {1}'),
    ("{{a}}", "{{a}}"),
    # A line whose placeholder has no value is left out, and nothing else.
    ("x\n- A: {none}\n- B: {b}", "x\n- B: two"),
    ("{a} {none}", ""),
    ("x\n\n{none}\n\ny", "x\n\ny"),
    ("\n\nx\n\n\n\ny\n\n", "x\n\ny"),
    ("x\r\n{none}\r\ny\rz", "x\ny\nz"),
    # Blocks inside a line.
    ("x{{#if a}} yes{{/if}}.", "x yes."),
    ("x{{#if none}} yes{{/if}}.", "x."),
    ("x{{#if none}} {none}{{/if}}.", "x."),
    ("{{#if a}}[{{#if b}}{b}{{/if}}{{#if none}}!{{/if}}]{{/if}}", "[two]"),
    ("{{#if unknown}}x{{/if}}y", "y"),
    ("{{ #if a }}x{{ /if }}", "x"),
    # Blocks around lines; a line of marks alone leaves nothing behind.
    ("x\n{{#if a}}\ny\n{{/if}}\nz", "x\ny\nz"),
    ("x\n{{#if none}}\ny\n{{/if}}\nz", "x\nz"),
    ("x\n  {{#if a}} {{#if b}}\ny\n{{/if}}{{/if}}\nz", "x\ny\nz"),
    ("{{#if a}}\n{{#if none}}\nx\n{{/if}}\n{none}\ny\n{{/if}}", "y"),
    ("{{#if none}}\n{{#if a}}\nx\n{{/if}}\n{{/if}}\ny", "y"),
    ("x {{#if a}}\ny {{/if}}z", "x \ny z"),
    ("", ""),
]

BROKEN = [
    ("{{#if a}}x", "has no {{/if}}"),
    ("x{{/if}}", "no {{#if}} before it"),
    ("{{/if}}{{#if a}}", "no {{#if}} before it"),
    ("{{#if a}}x{{else}}y{{/if}}", "{{else}} is not understood"),
    ("{{#unless a}}x{{/unless}}", "{{#unless a}} is not understood"),
    ("{{#if}}x{{/if}}", "{{#if}} is not understood"),
    ("{{#if a b}}x{{/if}}", "{{#if a b}} is not understood"),
    ("{{#if a}}" * (NESTING_MAX + 1), "deep inside each other"),
    ("x" * (TEMPLATE_CHARS_MAX + 1), "longer than"),
]


@pytest.mark.parametrize(("template", "text"), RENDERED)
def test_a_template_is_filled(template: str, text: str) -> None:
    assert render(template, VALUES) == text


@pytest.mark.parametrize(("template", "why"), BROKEN)
def test_a_template_that_does_not_fit_together_is_refused(template: str, why: str) -> None:
    with pytest.raises(TemplateBroken) as refused:
        render(template, VALUES)
    assert why in refused.value.why
    assert why in check(template, VALUES)


def test_a_value_is_never_read_as_a_template() -> None:
    sly = "{b} {none} {{#if a}} {{/if}} {{else}}"
    assert render("{a}\n{b}", {"a": sly, "b": "two"}) == f"{sly}\ntwo"


def test_a_text_is_bounded() -> None:
    assert len(render("{a}" * 100, {"a": "x" * 10_000})) == RENDERED_CHARS_MAX


def test_a_placeholder_that_nobody_knows_is_named_and_hurts_nobody() -> None:
    template = "{a}\n{eror_id} {{#if reasn}}x{{/if}}"
    assert check(template, VALUES) == "there is no placeholder called reasn, eror_id"
    assert render(template, VALUES) == "one", "its line is left out, as one without a value"
    assert check("{a} {{#if b}}{none}{{/if}}", VALUES) == ""
