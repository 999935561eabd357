from __future__ import annotations

import copy
import json

import pytest

from bridge.transforms.json_schema import Fit, Schema, decoded, fit_of
from bridge.transforms.json_text import json_text
from bridge.transforms.strict_schema import EMPTY, advertised, strict_parameters, taken_back


def schema_of(required: tuple[str, ...] = (), **properties: object) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


CLOSED: Schema = {
    "type": "object",
    "properties": {},
    "required": [],
    "additionalProperties": False,
}
NODE: Schema = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}},
            "required": ["name"],
        }
    },
    "type": "object",
    "properties": {"head": {"$ref": "#/$defs/Node"}},
    "required": ["head"],
}


def test_every_object_is_closed_and_requires_all_it_has() -> None:
    """SPEC 67."""
    inner = schema_of(("x",), x={"type": "integer"})
    made = strict_parameters(
        schema_of(
            ("a", "b", "c"),
            a=inner,
            b={"type": "array", "items": inner},
            c={"anyOf": [inner, {"type": "string"}]},
        )
    )
    closed = {**inner, "additionalProperties": False}
    assert made == {
        "type": "object",
        "properties": {
            "a": closed,
            "b": {"type": "array", "items": closed},
            "c": {"anyOf": [closed, {"type": "string"}]},
        },
        "required": ["a", "b", "c"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("optional", "nullable"),
    [
        ({"type": "string"}, {"type": ["string", "null"]}),
        ({"type": ["string", "integer"]}, {"type": ["string", "integer", "null"]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        (
            {"type": "string", "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        ({"enum": ["a"]}, {"enum": ["a", None]}),
        ({"const": 3}, {"anyOf": [{"const": 3}, {"type": "null"}]}),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        (
            {"oneOf": [{"type": "string"}], "discriminator": {"propertyName": "x"}},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "default": "a"}, {"type": ["string", "null"]}),
    ],
)
def test_what_was_optional_allows_null(optional: object, nullable: object) -> None:
    """SPEC 67."""
    made = strict_parameters(schema_of(a=optional))
    assert made["properties"] == {"a": nullable}


def test_missing_types_are_inferred() -> None:
    """SPEC 67."""
    made = strict_parameters({"properties": {"a": {"items": {"type": "string"}}}})
    assert made["type"] == "object"
    assert made["properties"] == {"a": {"type": ["array", "null"], "items": {"type": "string"}}}


def test_a_root_that_is_no_object_is_wrapped() -> None:
    """SPEC 67."""
    assert strict_parameters({"type": "string"}) == {
        "properties": {"value": {"type": "string"}},
        "required": ["value"],
        "type": "object",
        "additionalProperties": False,
    }


def test_a_root_that_refers_to_an_object_is_that_object() -> None:
    made = strict_parameters({"$ref": "#/$defs/A", "$defs": {"A": schema_of(a={"type": "string"})}})
    assert made["properties"] == {"a": {"type": ["string", "null"]}}
    assert "$ref" not in made


def test_recursive_schemas_keep_their_references() -> None:
    made = strict_parameters(NODE)
    assert made["properties"] == {"head": {"$ref": "#/$defs/Node"}}
    assert made["$defs"] == {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
            },
            "required": ["name", "next"],
            "additionalProperties": False,
        }
    }


def test_a_described_reference_does_not_stand_beside_its_description() -> None:
    made = strict_parameters(
        {**NODE, "properties": {"head": {"$ref": "#/$defs/Node", "description": "first"}}}
    )
    assert made["properties"] == {
        "head": {"anyOf": [{"$ref": "#/$defs/Node"}], "description": "first"}
    }


def test_the_schema_that_came_is_not_changed() -> None:
    before = copy.deepcopy(NODE)
    strict_parameters(NODE)
    assert before == NODE


def test_a_schema_may_be_changed_by_whoever_got_it() -> None:
    strict_parameters(NODE).clear()
    assert strict_parameters(NODE)["$defs"]


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"type": "object", "title": "T"}])
def test_a_tool_without_parameters_takes_an_empty_object(schema: object) -> None:
    made = strict_parameters(schema)
    made.pop("title", None)
    assert made == CLOSED


def circle() -> Schema:
    around: Schema = {"type": "object"}
    around["properties"] = {"a": around}
    return around


def tower(height: int) -> Schema:
    made: Schema = {"type": "string"}
    for _ in range(height):
        made = schema_of(("a",), a=made)
    return made


@pytest.mark.parametrize(
    "schema",
    [
        "no schema",
        [1],
        {"type": "str"},
        {"type": 3},
        schema_of(a={"type": "colour"}),
        schema_of(a=3),
        {"type": "object", "properties": ["a"]},
        schema_of(a={"$ref": "#/$defs/Gone"}),
        schema_of(a={"$ref": "https://example.com/a.json"}),
        schema_of(a={"$ref": 3}),
        schema_of(a={"enum": []}),
        schema_of(a={"anyOf": []}),
        {"type": "object", "required": "a"},
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"type": "string"}]},
        circle(),
        tower(60),
        tower(5000),
    ],
)
def test_what_no_provider_would_take_becomes_an_empty_object(schema: object) -> None:
    assert strict_parameters(schema) == CLOSED
    told = advertised(json_text(schema), is_strict=True)
    assert (told.parameters_json, told.is_strict) == (EMPTY, False)


@pytest.mark.parametrize(
    "schema",
    [
        schema_of(a={"type": "object"}),
        schema_of(a={"type": "object", "additionalProperties": {"type": "string"}}),
        {"type": "object", "properties": {}, "additionalProperties": True},
        schema_of(a={}),
        schema_of(a=True),
        schema_of(a={"type": "array"}),
        schema_of(a={"allOf": [{"type": "string"}]}),
        {**schema_of(a={"type": "string"}), "anyOf": [{"required": ["a"]}]},
        schema_of(a={"$ref": "#/components/A"}) | {"components": {"A": {"type": "string"}}},
    ],
)
def test_what_strictness_cannot_say_stays_as_it_is(schema: Schema) -> None:
    text = json.dumps(schema)
    told = advertised(text, is_strict=True)
    assert (told.parameters_json, told.is_strict) == (text, False)
    assert fit_of(schema) is Fit.LOOSE


def test_a_fitting_schema_is_told_strictly_where_that_is_wanted() -> None:
    text = json.dumps(schema_of(a={"type": "string"}))
    told = advertised(text, is_strict=True)
    assert told.is_strict
    assert decoded(told.parameters_json) == strict_parameters(decoded(text))
    told = advertised(text, is_strict=False)
    assert (told.parameters_json, told.is_strict) == (text, None)


def test_properties_keep_their_order() -> None:
    names = ["zebra", "apple", "mango"]
    made = strict_parameters(schema_of(**{name: {"type": "string"} for name in names}))
    assert made["required"] == names


def test_nulls_that_stand_for_nothing_are_taken_back_at_any_depth() -> None:
    inner = schema_of(("x",), x={"type": ["integer", "null"]}, y={"type": "string"})
    schema = schema_of(("a",), a=inner, b={"type": "array", "items": inner}, c={"type": "string"})
    written: Schema = {"a": {"x": None, "y": None}, "b": [{"x": 1, "y": None}], "c": None}
    assert taken_back(written, schema) == {"a": {"x": None}, "b": [{"x": 1}]}


def test_nulls_are_taken_back_through_references_and_branches() -> None:
    written = {"head": {"name": "a", "next": {"name": "b", "next": None}}}
    assert taken_back(written, NODE) == {"head": {"name": "a", "next": {"name": "b"}}}
    branches = schema_of(("a",), a={"anyOf": [{"type": "string"}, schema_of(x={"type": "string"})]})
    assert taken_back({"a": {"x": None}}, branches) == {"a": {}}


def test_a_null_that_nobody_describes_stays() -> None:
    assert taken_back({"x": None}, schema_of(a={"type": "string"})) == {"x": None}


def test_what_was_wrapped_comes_out() -> None:
    either: Schema = {"anyOf": [schema_of(a={"type": "string"}), {"type": "string"}]}
    assert taken_back({"value": {"a": None}}, either) == {}
    assert taken_back({"value": "x"}, either) == {"value": "x"}
