"""What a JSON schema says, and whether a model's provider would take it. Pure.

Nobody promised the shape of a tool's schema; whatever comes, nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, TypeAlias

import msgspec

Schema: TypeAlias = dict[str, object]

DEPTH_MAX: Final = 48
NULL_TYPE: Final = "null"
LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
DEFINITIONS: Final = ("$defs", "definitions")

# Beside a reference these say something to a reader and nothing to a validator.
ANNOTATIONS: Final = frozenset(
    {"title", "description", "default", "example", "examples", "deprecated", "readOnly"}
    | {"writeOnly", "$comment", "nullable"}
)

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", NULL_TYPE})
_UNIONS: Final = frozenset({"anyOf", "oneOf"})

# Where a reference may lead, if what it leads to is made strict as well.
_WALKED: Final = ("#/$defs/", "#/definitions/", "#/properties/")

# What strict modes do not know: with one of these a tool keeps its schema and is not strict.
_LOOSE_KEYWORDS: Final = frozenset(
    {"allOf", "not", "if", "then", "else", "patternProperties", "propertyNames", "prefixItems"}
    | {"dependentRequired", "dependentSchemas", "dependencies", "contains", "$dynamicRef"}
    | {"unevaluatedProperties", "unevaluatedItems", "minProperties", "maxProperties"}
)


class Fit(IntEnum):
    """What can be made of a schema."""

    BROKEN = 0
    LOOSE = 1
    STRICT = 2


def fit_of(schema: Schema) -> Fit:
    """Say what can be made of a schema: nothing, only what it is, or a strict one."""
    try:
        root = root_of(schema)
        if not is_object(root) and _refers_to_places(root):
            # Wrapped into an object, these would point elsewhere.
            return Fit.BROKEN
        return _fit(root, schema, 0, is_root=True)
    except RecursionError:  # `_refers_to_places` goes as deep as the schema does.
        return Fit.BROKEN


def is_object(schema: Mapping[str, object]) -> bool:
    """Say whether a root describes an object, and so is not wrapped."""
    return not schema or "object" in types(schema) or "properties" in schema


def root_of(schema: Mapping[str, object]) -> Schema:
    """Return the root itself, or what it refers to, with what stands beside it."""
    root = dict(schema)
    for _ in range(DEPTH_MAX):
        reference = root.get("$ref")
        if not isinstance(reference, str):
            break
        target = resolved(reference, schema)
        if target is None or target is schema:
            break
        del root["$ref"]
        root = {**root, **target}
    return root


def decoded(text: str) -> Schema | None:
    """Read a schema from JSON text; None for what is no object."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def resolved(reference: str, root: Mapping[str, object]) -> Mapping[str, object] | None:
    """Follow a reference inside the document; None where it leads out of it or nowhere."""
    if reference == "#":
        return root
    if not reference.startswith("#/"):
        return None
    found: object = root
    for step in reference[2:].split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(step.replace("~1", "/").replace("~0", "~"))
    return found if isinstance(found, Mapping) else None


def types(node: Mapping[str, object]) -> tuple[str, ...]:
    """Return the types a schema names, none when it names none."""
    kind = node.get("type")
    return (kind,) if isinstance(kind, str) else names(kind)


def names(value: object) -> tuple[str, ...]:
    """Return the strings of a list; nothing for what is no list."""
    return tuple(each for each in as_list(value) if isinstance(each, str))


def as_list(value: object) -> list[object]:
    """Return the list itself, or an empty one."""
    return value if isinstance(value, list) else []


def as_dict(value: object) -> dict[str, object]:
    """Return the object itself, or an empty one."""
    return value if isinstance(value, dict) else {}


def _fit(node: object, root: Schema, depth: int, *, is_root: bool = False) -> Fit:
    if isinstance(node, bool):
        return Fit.LOOSE
    if not isinstance(node, dict) or depth > DEPTH_MAX or not _is_well_formed(node, root):
        return Fit.BROKEN
    fits = [_own_fit(node, is_root=is_root)]
    fits += [_fit(each, root, depth + 1) for each in _inside(node)]
    return min(fits)


def _own_fit(node: Schema, *, is_root: bool) -> Fit:
    """Judge one schema by itself: does strictness leave it what it allows?"""
    kinds = types(node)
    if node.keys() & _LOOSE_KEYWORDS or node.keys() >= _UNIONS:
        return Fit.LOOSE
    if "$ref" in node:
        # Anything else beside a reference would be lost.
        beside = node.keys() - {"$ref"} - ANNOTATIONS
        reference = str(node["$ref"])
        is_walked = reference == "#" or reference.startswith(_WALKED)
        return Fit.STRICT if is_walked and not beside else Fit.LOOSE
    if "object" in kinds or "properties" in node:
        # Branches beside properties (`anyOf: [{required: [...]}]`) would contradict them, closed.
        is_open = bool(node.get("additionalProperties", False) or node.keys() & _UNIONS)
        says_nothing = not node.get("properties") and "additionalProperties" not in node
        return Fit.LOOSE if is_open or (says_nothing and not is_root) else Fit.STRICT
    if "array" in kinds or "items" in node:
        return Fit.STRICT if isinstance(node.get("items"), dict) else Fit.LOOSE
    is_said = bool(kinds) or bool(node.keys() & {"enum", "const", *_UNIONS})
    return Fit.STRICT if is_said or is_root else Fit.LOOSE


def _is_well_formed(node: Schema, root: Schema) -> bool:
    kinds, reference = node.get("type", []), node.get("$ref", "#")
    lists = [node[key] for key in LISTS if key in node]
    tables = [node[key] for key in (*DEFINITIONS, "properties") if key in node]
    enum = node.get("enum", [None])
    return (
        _TYPES.issuperset(names(kinds) if not isinstance(kinds, str) else (kinds,))
        and isinstance(kinds, str | list)
        and all(isinstance(each, list) and each for each in lists)
        and all(isinstance(each, dict) for each in tables)
        and isinstance(node.get("required", []), list)
        and isinstance(node.get("items", {}), dict | list | bool)
        and isinstance(enum, list)
        and bool(enum)
        and isinstance(reference, str)
        and resolved(reference, root) is not None
    )


def _inside(node: Schema) -> Iterable[object]:
    """Give the schemas that stand directly in one."""
    for key in (*DEFINITIONS, "properties"):
        named = node.get(key)
        yield from named.values() if isinstance(named, dict) else ()
    for key in (*LISTS, "items"):
        value = node.get(key)
        if isinstance(value, list):
            yield from value
        elif isinstance(value, dict):
            yield value
    more = node.get("additionalProperties")
    if isinstance(more, dict):
        yield more


def _refers_to_places(node: object) -> bool:
    """Say whether a schema refers to anything but a definition."""
    if isinstance(node, list):
        return any(_refers_to_places(each) for each in node)
    if not isinstance(node, dict):
        return False
    reference = node.get("$ref")
    if isinstance(reference, str) and not reference.startswith(("#/$defs/", "#/definitions/")):
        return True
    return any(_refers_to_places(each) for each in node.values())
