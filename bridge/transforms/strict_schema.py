"""A tool's JSON schema in the form that makes a model keep to it (SPEC 67). Pure.

A strict schema says everything: each object names all its properties, and requires them. What
was optional becomes nullable instead, so a model writes `null` where it would have left
something out; `taken_back` undoes that before the tool sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bridge.transforms.json_schema import (
    ANNOTATIONS,
    DEFINITIONS,
    DEPTH_MAX,
    LISTS,
    NULL_TYPE,
    Fit,
    Schema,
    as_dict,
    as_list,
    decoded,
    fit_of,
    is_object,
    names,
    resolved,
    root_of,
    types,
)
from bridge.transforms.json_text import json_text

SCHEMAS_KEPT_MAX: Final = 128
WRAPPED: Final = "value"
EMPTY: Final = '{"type":"object","properties":{}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertised:
    """Parameters as a model is told them. `is_strict` None: nobody asked."""

    parameters_json: str
    is_strict: bool | None


@lru_cache(maxsize=SCHEMAS_KEPT_MAX)
def advertised(parameters_json: str, *, is_strict: bool) -> Advertised:
    """Decide how a tool's parameters are told to a model.

    Args:
        parameters_json: the schema as it came. Its order is kept, because a model writes its
            arguments in that order.
        is_strict: whether a strict schema is wanted.

    Returns:
        The strict form where nothing is lost by it. A schema that allows what strictness cannot
        say (free-form objects, `allOf`) stays as it is; one that no provider would take becomes
        an object without properties, because a request must not break over one tool.
    """
    schema = decoded(parameters_json)
    fit = fit_of(schema) if schema is not None else Fit.BROKEN
    if fit is Fit.BROKEN:
        return Advertised(parameters_json=EMPTY, is_strict=False if is_strict else None)
    if is_strict and fit is Fit.STRICT:
        return Advertised(parameters_json=_strict_text(parameters_json), is_strict=True)
    as_it_is = EMPTY if not schema else parameters_json
    return Advertised(parameters_json=as_it_is, is_strict=False if is_strict else None)


def strict_parameters(schema: object) -> Schema:
    """Make a schema strict.

    Args:
        schema: what a tool says about its parameters; it is not changed.

    Returns:
        A new schema. Every object in it is closed and requires all its properties; what was
        optional allows `null`. A root that is no object stands under `value`. Definitions and
        references stay, recursive ones too. What is no schema gives an object without properties.
    """
    return decoded(_strict_text(json_text(schema))) or {}


def taken_back(arguments: Mapping[str, object], schema: Schema) -> Schema:
    """Turn arguments that were written for the strict form into those of the tool's own schema.

    Nulls that stand for what could not be left out are left out, and what was put under `value`
    because the root is no object comes out of it where it is an object after all.
    """
    if is_object(root_of(schema)):
        return as_dict(_pruned(arguments, schema, schema))
    value = _pruned(arguments.get(WRAPPED), schema, schema)
    return value if isinstance(value, dict) else {WRAPPED: value}


# --- making it strict ----------------------------------------------------------------------------


@lru_cache(maxsize=SCHEMAS_KEPT_MAX)
def _strict_text(parameters_json: str) -> str:
    schema = decoded(parameters_json)
    if schema is None or fit_of(schema) is Fit.BROKEN:
        schema = {}
    root = root_of(schema)
    if not is_object(root):
        kept: Schema = {key: root.pop(key) for key in DEFINITIONS if key in root}
        root = kept | {"properties": {WRAPPED: root}, "required": [WRAPPED]}
    return json_text(_strict({**root, "type": "object"}))


def _strict(node: object) -> object:
    if not isinstance(node, dict):
        return node
    made = _plain(node)
    for key in (*LISTS, "items"):
        inner = made.get(key)
        if isinstance(inner, list):
            made[key] = [_strict(each) for each in inner]
        elif isinstance(inner, dict):
            made[key] = _strict(inner)
    for key in DEFINITIONS:
        if key in made:
            made[key] = {name: _strict(each) for name, each in as_dict(made[key]).items()}
    if "object" in types(made) or "properties" in made:
        made = _closed(made)
    return _nullable(made) if node.get("nullable") is True else made


def _plain(node: Schema) -> Schema:
    """Say the same without what strict modes refuse, and with the type that was left unsaid."""
    made = {key: value for key, value in node.items() if key not in ("default", "nullable")}
    if "oneOf" in made and "anyOf" not in made:
        # Whatever fits exactly one branch fits any.
        made = {("anyOf" if key == "oneOf" else key): value for key, value in made.items()}
        made.pop("discriminator", None)
    if "$ref" in made and len(made) > 1 and ANNOTATIONS.issuperset(made.keys() - {"$ref"}):
        made = {"anyOf": [{"$ref": made.pop("$ref")}], **made}
    if made.keys() & {"type", "enum", "const", "$ref", *LISTS}:
        return made
    if made.keys() & {"properties", "required", "additionalProperties"}:
        return {"type": "object", **made}
    return {"type": "array", **made} if "items" in made else made


def _closed(node: Schema) -> Schema:
    """Close an object: all its properties are named and required."""
    required = names(node.get("required"))
    strict = {
        name: _strict(each) if name in required else _nullable(_strict(each))
        for name, each in as_dict(node.get("properties")).items()
    }
    more = {"properties": strict, "required": list(strict), "additionalProperties": False}
    return node | more


def _nullable(node: object) -> object:
    """Allow null besides what a schema allows."""
    if not isinstance(node, dict) or not node or _admits_null(node):
        return node
    null: Schema = {"type": NULL_TYPE}
    kinds = types(node)
    enum = node.get("enum")
    if "const" in node or "$ref" in node or ("anyOf" in node and kinds):
        return {"anyOf": [node, null]}
    if isinstance(node.get("anyOf"), list):
        return node | {"anyOf": [*node["anyOf"], null]}
    made = dict(node)
    if kinds and NULL_TYPE not in kinds:
        made["type"] = [*kinds, NULL_TYPE]
    if isinstance(enum, list):
        made["enum"] = [*enum, None]
    return made if made != node else {"anyOf": [node, null]}


def _admits_null(node: Mapping[str, object]) -> bool:
    kinds, enum = types(node), node.get("enum")
    if kinds and NULL_TYPE not in kinds:
        return False
    if (isinstance(enum, list) and None not in enum) or node.get("const", None) is not None:
        return False
    branches = node.get("anyOf")
    if isinstance(branches, list):
        return any(_admits_null(each) for each in branches if isinstance(each, dict))
    return "$ref" not in node and ("allOf" not in node) and bool(kinds or enum or "const" in node)


# --- taking it back ------------------------------------------------------------------------------


def _pruned(value: object, schema: object, root: Mapping[str, object]) -> object:
    """Leave out nulls of optional properties, as deep as the value goes."""
    if isinstance(value, list):
        items = _named_by(schema, root, ()).get("items")
        return [_pruned(each, items, root) for each in value]
    if not isinstance(value, Mapping):
        return value
    described = _named_by(schema, root, value.keys())
    known, required = as_dict(described.get("properties")), names(described.get("required"))
    return {
        name: _pruned(each, known.get(name), root)
        for name, each in value.items()
        if each is not None or name not in known or name in required
    }


def _named_by(
    schema: object, root: Mapping[str, object], present: Iterable[str], depth: int = 0
) -> Mapping[str, object]:
    """Find the branch of a schema that describes a value, best the one with just its names."""
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return {}
    wanted = set(present)
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _named_by(resolved(reference, root), root, wanted, depth + 1)
    branches = [each for key in LISTS for each in as_list(schema.get(key))]
    found = [schema, *(_named_by(each, root, wanted, depth + 1) for each in branches)]
    if not wanted:
        return next((each for each in found if "items" in each), {})
    known = [(each, as_dict(each.get("properties")).keys()) for each in found]
    exact = (each for each, its_names in known if its_names == wanted)
    wider = (each for each, its_names in known if its_names > wanted)
    return next(exact, next(wider, {}))
