"""What a model reads where a tool gave no result, and how a foreign error text is made safe.

These sentences go to the model of the user who asked, and to nobody else. They say what was
wrong so that it can call again or carry on; none repeats arguments, and keys are masked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bridge.transforms.text import whole

ERROR_CHARS_MAX: Final = 600
NAME_CHARS_MAX: Final = 80
NAMES_MAX: Final = 30

_HIDDEN: Final = "***"
_SECRETS: Final = (
    # An address with a password in it, then tokens by their look, then by what they are called.
    (re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"), rf"\1{_HIDDEN}@"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"), _HIDDEN),
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|ghs|xox[abp]|glpat|AKIA)[-_]?[\w-]{12,}"), _HIDDEN),
    (re.compile(r"\b(Bearer|Basic|Token)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    (
        re.compile(
            r"""((?:api[_-]?key|access[_-]?key|token|secret|passw(?:or)?d|authorization)["']?"""
            r"""\s*[:=]\s*["']?)(?!Bearer|Basic)[^\s"'&,;)}\]]+""",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
)


def masked(text: str) -> str:
    """Return a text of somebody else's without what looks like a key, cut to a bound."""
    # Cut first, roughly: a search through megabytes of somebody's error page helps nobody.
    text = whole(text[: 4 * ERROR_CHARS_MAX])
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text if len(text) <= ERROR_CHARS_MAX else text[:ERROR_CHARS_MAX] + " [...]"


def nameless() -> str:
    """The call has no name."""
    return "Error: the call names no tool. Call a tool by its name."


def unknown(name: str, known: Sequence[str]) -> str:
    """There is no such tool."""
    some = ", ".join(f"`{each}`" for each in known[:NAMES_MAX])
    more = f" and {len(known) - NAMES_MAX} more" if len(known) > NAMES_MAX else ""
    there = f"There are: {some}{more}." if some else "There are no tools in this chat."
    return f"Error: there is no tool `{name[:NAME_CHARS_MAX]}`. {there}"


def not_found(name: str) -> str:
    """A tool that was to be looked for does not exist."""
    return f"Error: there is no tool `{name[:NAME_CHARS_MAX]}`. Search for an available tool."


def not_runnable(name: str) -> str:
    """Nobody here can run it."""
    return f"Error: the tool `{name}` cannot be run here."


def not_json(name: str, problem: str) -> str:
    """The arguments are no JSON object."""
    return (
        f"Error: the arguments of `{name}` are not a JSON object ({problem}). "
        "The tool was not run. Call it again with a complete JSON object."
    )


def lacking(name: str, missing: Sequence[str]) -> str:
    """Required arguments are missing."""
    them = ", ".join(f"`{each}`" for each in missing[:NAMES_MAX])
    return f"Error: the call of `{name}` lacks required arguments: {them}. The tool was not run."


def unfitting(name: str) -> str:
    """The arguments are not those the function takes."""
    return f"Error: the arguments do not fit the tool `{name}`. The tool was not run."


def not_approved(name: str) -> str:
    """The user was asked, and did not say yes."""
    return f"Error: the user did not approve the call of `{name}`. The tool was not run."


def unreachable(name: str, problem: str) -> str:
    """Nobody was there to run it."""
    return f"Error: the tool `{name}` could not be reached and was not run: {problem}"


def broke(name: str, problem: str) -> str:
    """It failed."""
    return f"Error: the tool `{name}` failed: {problem}"


def browser_silent(name: str) -> str:
    """The browser did not answer in time."""
    return (
        f"Error: the tool `{name}` runs in the user's browser, which did not answer in time. "
        "It may have run. The browser tab may be closed or asleep."
    )


def browser_odd(name: str) -> str:
    """The browser answered something that is no result."""
    return f"Error: the user's browser gave no result of the tool `{name}`."
