"""The language of the texts for failed requests (SPEC 180). Pure.

`{name}` stands for a value. A line with a placeholder that has no value is left out.
`{{#if name}} ... {{/if}}` keeps what is inside only if there is such a value; it may stand inside
a line or around several, and inside of another one. A name that nobody knows has no value. What
asks for a member or a format of a value, as Python's own templates can, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

TEMPLATE_CHARS_MAX: Final = 20_000
RENDERED_CHARS_MAX: Final = 20_000
NESTING_MAX: Final = 16

_MARK: Final = re.compile(r"\{\{\s*([#/][^{}]*?|else[^{}]*?)\s*\}\}")
_CONDITION: Final = re.compile(r"#if\s+([A-Za-z_][A-Za-z0-9_]*)")
_PLACEHOLDER: Final = re.compile(r"(?<!\{)\{([A-Za-z_][A-Za-z0-9_]*)\}(?!\})")


_EXPRESSION: Final = re.compile(r"(?<!\{)\{[A-Za-z_][A-Za-z0-9_]*[.\[!:][^{}\n]*\}(?!\})")


class TemplateBroken(Exception):
    """A template cannot be understood; `why` says so in a few words."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Begin:
    name: str


@dataclass(frozen=True, slots=True)
class _End:
    pass


_Token: TypeAlias = _Text | _Begin | _End


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill a template.

    Args:
        template: as an admin wrote it.
        values: all names that are known; "" means that there is no value. They are put in as they
            are and are never read as a template.

    Returns:
        The text, bounded, without blank lines at its ends or two of them in a row.

    Raises:
        TemplateBroken: its blocks do not fit together, or it is too long.
    """
    kept = _kept(_parsed(template), values)
    lines = (_filled(line, values) for line in kept.split("\n"))
    return "\n".join(_calm(line for line in lines if line is not None))[:RENDERED_CHARS_MAX]


def check(template: str, known: Iterable[str]) -> str:
    """Say in a few words what is wrong with a template, or "" when it is fine.

    Args:
        template: as an admin wrote it.
        known: the names that there are values for.
    """
    try:
        tokens = _parsed(template)
    except TemplateBroken as broken:
        return broken.why
    named = [token.name for token in tokens if isinstance(token, _Begin)]
    texts = (token.text for token in tokens if isinstance(token, _Text))
    named += [name for text in texts for name in _PLACEHOLDER.findall(text)]
    unknown = dict.fromkeys(name for name in named if name not in set(known))
    return f"there is no placeholder called {', '.join(unknown)}" if unknown else ""


@lru_cache(maxsize=64)
def _parsed(template: str) -> tuple[_Token, ...]:
    """Take a template apart; blocks that do not fit together are found here."""
    if len(template) > TEMPLATE_CHARS_MAX:
        raise TemplateBroken(f"it is longer than {TEMPLATE_CHARS_MAX} characters")
    if odd := _EXPRESSION.search(template):
        raise TemplateBroken(f"{odd[0][:40]} is no placeholder")
    tokens: list[_Token] = []
    open_blocks = 0
    for line in template.replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True):
        marks = list(_MARK.finditer(line))
        found = [_block(mark[1]) for mark in marks]
        for token in found:
            open_blocks += 1 if isinstance(token, _Begin) else -1
            if open_blocks < 0:
                raise TemplateBroken("a {{/if}} has no {{#if}} before it")
            if open_blocks > NESTING_MAX:
                raise TemplateBroken(f"blocks stand more than {NESTING_MAX} deep inside each other")
        if marks and not _MARK.sub("", line).strip():
            # A line of nothing but marks is no line of the text.
            tokens.extend(found)
            continue
        pieces = [_Text(piece) for piece in _MARK.split(line)[::2]]
        tokens.append(pieces[0])
        for token, piece in zip(found, pieces[1:], strict=True):
            tokens.extend((token, piece))
    if open_blocks:
        raise TemplateBroken("an {{#if}} has no {{/if}} after it")
    return tuple(tokens)


def _block(mark: str) -> _Begin | _End:
    if mark == "/if":
        return _End()
    condition = _CONDITION.fullmatch(mark)
    if condition is None:
        raise TemplateBroken(f"{{{{{mark[:40]}}}}} is not understood")
    return _Begin(condition[1])


def _kept(tokens: Iterable[_Token], values: Mapping[str, str]) -> str:
    """Drop the blocks whose condition does not hold."""
    pieces: list[str] = []
    holds = [True]
    for token in tokens:
        match token:
            case _Begin(name):
                holds.append(holds[-1] and bool(values.get(name)))
            case _End():
                holds.pop()
            case _Text(text):
                if holds[-1]:
                    pieces.append(text)
    return "".join(pieces)


def _filled(line: str, values: Mapping[str, str]) -> str | None:
    """Fill one line; None when one of its placeholders has no value."""
    named = _PLACEHOLDER.findall(line)
    if not all(values.get(name) for name in named):
        return None
    return _PLACEHOLDER.sub(lambda found: values[found[1]], line) if named else line


def _calm(lines: Iterable[str]) -> list[str]:
    """Drop blank lines at both ends and after another one."""
    calm: list[str] = []
    for line in lines:
        if line.strip() or (calm and calm[-1].strip()):
            calm.append(line)
    while calm and not calm[-1].strip():
        calm.pop()
    return calm
