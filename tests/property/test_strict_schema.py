from __future__ import annotations

import copy
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from bridge.transforms.json_schema import Fit, Schema, fit_of
from bridge.transforms.json_text import json_text
from bridge.transforms.strict_schema import advertised, strict_parameters, taken_back

NAMES = st.sampled_from(["a", "b", "c", "value", "default"])
WORDS = st.sampled_from(["x", "y", "z"])
Values = st.SearchStrategy[object]
Described = tuple[Schema, Values]

# What stands for "left out" until it is known for whom the instance is made.
OMITTED = object()


def either(described: tuple[Described, Described]) -> Described:
    (one, ones), (other, others) = described
    return {"anyOf": [one, other]}, ones | others


def array(described: Described) -> Described:
    schema, values = described
    return {"type": "array", "items": schema}, st.lists(values, max_size=2)


def an_object(named: dict[str, tuple[Described, bool]]) -> Described:
    schema: Schema = {
        "type": "object",
        "properties": {name: schema for name, ((schema, _), _) in named.items()},
        "required": [name for name, (_, is_required) in named.items() if is_required],
        "additionalProperties": False,
    }
    return schema, st.fixed_dictionaries(
        {
            name: values if is_required else st.just(OMITTED) | values
            for name, ((_, values), is_required) in named.items()
        }
    )


def objects(inner: st.SearchStrategy[Described]) -> st.SearchStrategy[Described]:
    named = st.dictionaries(NAMES, st.tuples(inner, st.booleans()), min_size=1, max_size=3)
    return named.map(an_object)


LEAVES: st.SearchStrategy[Described] = st.sampled_from(
    [
        ({"type": "string"}, WORDS),
        ({"type": "string", "default": "x"}, WORDS),
        ({"type": "integer"}, st.integers(0, 3)),
        ({"type": ["string", "null"]}, WORDS | st.none()),
        ({"type": "string", "enum": ["x", "y"]}, st.sampled_from(["x", "y"])),
        ({"const": "x"}, st.just("x")),
        ({"type": "boolean", "nullable": True}, st.booleans()),
    ]
)
INNER = st.recursive(
    LEAVES,
    lambda inner: objects(inner) | inner.map(array) | st.tuples(LEAVES, inner).map(either),
    max_leaves=6,
)
DESCRIBED = objects(INNER)

KEYWORDS = ["type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "$ref", "a"]
KEYWORDS += ["$defs", "enum", "const", "default", "nullable", "additionalProperties"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.sampled_from(["object", "a", 3]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYWORDS),
            inner
            | st.sampled_from(["object", "array", "string", "null", "#", "#/$defs/a", "#/items"]),
            max_size=4,
        )
    ),
    max_leaves=8,
)


def filled(value: object, *, is_strict: bool) -> object:
    """An instance as its own schema wants it, or with null for whatever was left out."""
    if isinstance(value, list):
        return [filled(each, is_strict=is_strict) for each in value]
    if not isinstance(value, dict):
        return None if value is OMITTED else value
    kept = {name: each for name, each in value.items() if is_strict or each is not OMITTED}
    return {name: filled(each, is_strict=is_strict) for name, each in kept.items()}


TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def validates(value: object, schema: object) -> bool:
    """What of JSON Schema these tests use."""
    assert isinstance(schema, dict)
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if value is None and schema.get("nullable"):
        return True
    if not any(isinstance(value, TYPES[kind]) for kind in kinds):
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    if "anyOf" in schema and not any(validates(value, each) for each in schema["anyOf"]):
        return False
    if isinstance(value, list):
        return all(validates(each, schema.get("items", {})) for each in value)
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return (
            set(schema.get("required", ())) <= set(value)
            and (schema.get("additionalProperties", True) or set(value) <= set(known))
            and all(validates(each, known[name]) for name, each in value.items())
        )
    return True


def schemas_in(node: object) -> Iterator[Schema]:
    """Every schema inside a schema, itself included; names of properties are no keywords."""
    if not isinstance(node, dict):
        return
    yield node
    for key in ("properties", "$defs"):
        named = node.get(key)
        for each in named.values() if isinstance(named, dict) else ():
            yield from schemas_in(each)
    for key in ("anyOf", "oneOf", "allOf", "items"):
        inner = node.get(key)
        for each in inner if isinstance(inner, list) else [inner]:
            yield from schemas_in(each)


@given(described=DESCRIBED)
def test_what_the_tests_describe_can_be_strict(described: Described) -> None:
    assert fit_of(described[0]) is Fit.STRICT


@given(described=DESCRIBED, data=st.data())
def test_an_instance_with_null_for_what_it_lacks_fits_the_strict_schema(
    described: Described, data: st.DataObject
) -> None:
    """SPEC 67."""
    schema, values = described
    instance = data.draw(values)
    assert validates(filled(instance, is_strict=False), schema)
    assert validates(filled(instance, is_strict=True), strict_parameters(schema))


@given(described=DESCRIBED, data=st.data())
def test_a_tool_gets_what_its_own_schema_allows(described: Described, data: st.DataObject) -> None:
    schema, values = described
    written = filled(data.draw(values), is_strict=True)
    assert isinstance(written, dict)
    assert validates(taken_back(written, schema), schema)


@given(schema=ANYTHING)
def test_strict_twice_is_strict_once(schema: object) -> None:
    """SPEC 67."""
    once = strict_parameters(schema)
    assert strict_parameters(once) == once


@given(schema=ANYTHING)
def test_every_object_is_closed_whatever_comes(schema: object) -> None:
    """SPEC 67."""
    for each in schemas_in(strict_parameters(schema)):
        kinds = each.get("type", ())
        if "properties" in each or kinds == "object" or "object" in list(kinds):  # type: ignore[call-overload]
            assert each["additionalProperties"] is False
            assert each["required"] == list(each["properties"])  # type: ignore[call-overload]


@given(schema=ANYTHING, is_strict=st.booleans())
def test_nothing_that_comes_is_changed_or_raises(schema: object, is_strict: bool) -> None:
    before = copy.deepcopy(schema)
    strict_parameters(schema)
    told = advertised(json_text(schema), is_strict=is_strict)
    assert schema == before
    assert told.is_strict in ((True, False) if is_strict else (None,))
