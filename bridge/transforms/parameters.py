"""Looking into a request's parameters, and changing some of them. Pure.

A parameter's value is JSON text: most of them are only passed on, and are never decoded here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from actors.values import Parameter
from bridge.transforms.json_text import NULL, json_text, json_value


def names_of(parameters: Iterable[Parameter]) -> frozenset[str]:
    """Return the names that are set."""
    return frozenset(parameter.name for parameter in parameters)


def names_any(parameters: Iterable[Parameter], names: Collection[str]) -> bool:
    """Say whether any of these is set."""
    for parameter in parameters:  # noqa: SIM110 - most requests have few, and `any` costs more
        if parameter.name in names:
            return True
    return False


def value_of(parameters: Iterable[Parameter], name: str) -> object:
    """Return the decoded value of a parameter; None when it is not set."""
    for parameter in parameters:
        if parameter.name == name:
            return json_value(parameter.json)
    return None


def members_of(parameters: Iterable[Parameter], name: str) -> dict[str, object]:
    """Return the members of an object that are set; none for any other kind of value."""
    value = value_of(parameters, name)
    if not isinstance(value, dict):
        return {}
    return {str(key): member for key, member in value.items() if member is not None}


def entries_of(parameters: Iterable[Parameter], name: str) -> list[object]:
    """Return the entries of a list; none for any other kind of value."""
    value = value_of(parameters, name)
    return value if isinstance(value, list) else []


def word_of(value: object) -> str:
    """Return a word for comparison: trimmed, in lower case; "" for anything but a string."""
    return value.strip().lower() if isinstance(value, str) else ""


def changed(parameters: Iterable[Parameter], values: Mapping[str, object]) -> tuple[Parameter, ...]:
    """Set parameters, each at its old place or at the end; a value of None takes it away."""
    texts = {
        name: text
        for name, value in values.items()
        if value is not None and (text := json_text(value)) != NULL
    }
    kept: list[Parameter] = []
    for each in parameters:
        # Only what is named here: a null that somebody else set is not ours to take away.
        if each.name not in values:
            kept.append(each)
        elif (text := texts.pop(each.name, NULL)) != NULL:
            kept.append(Parameter(name=each.name, json=text))
    kept += [Parameter(name=name, json=text) for name, text in texts.items()]
    return tuple(kept)
