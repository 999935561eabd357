"""From what a model wrote to what a tool's function is called with. Pure (SPEC 70)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from actors.tool_plan import arguments_of
from actors.values import ToolCall
from bridge.owui.tools import words
from bridge.owui.tools.offers import MCP, Offer
from bridge.transforms.json_schema import Schema, as_dict, decoded, is_object, names, root_of
from bridge.transforms.strict_schema import SCHEMAS_KEPT_MAX, taken_back

# Open WebUI hands a tool its own things under such names; a model may not.
_RESERVED: Final = "__"
_DISPATCH: Final = {"tool_name", "params"}

# Text that has this nowhere is JSON without a null.
_NULL: Final = "null"


class _Parameters(Struct, frozen=True, kw_only=True):
    """What a tool's schema says about its arguments.

    Attributes:
        schema: the schema itself; nobody changes it.
        known: the names of its properties.
        required: those of them that have to be there.
        is_object: whether the arguments are what it describes, and not wrapped.
        is_open: whether it takes other names, too.
    """

    schema: Schema
    known: frozenset[str]
    required: tuple[str, ...]
    is_object: bool
    is_open: bool


class ArgumentsUnfit(Exception):
    """The arguments are not those of the tool; `words` tells the model what is wrong."""

    def __init__(self, told: str) -> None:
        self.words = told
        super().__init__()


def arguments_for(offer: Offer, call: ToolCall, *, is_strict: bool) -> dict[str, object]:
    """Read the arguments of a call.

    Args:
        offer: the tool.
        call: what the model wrote.
        is_strict: whether it wrote them for the strict form of the tool's schema.

    Returns:
        Those that the tool takes; others are left out, as Open WebUI does it. An MCP server
        looks at its arguments itself and gets them all.

    Raises:
        ArgumentsUnfit: no JSON object, or something that is required is missing.
    """
    written = arguments_of(call)
    if written is None:
        raise ArgumentsUnfit(words.not_json(call.name, _problem(call.arguments)))
    parameters = _parameters(offer.parameters_json)
    given = written
    if is_strict and not (parameters.is_object and _NULL not in call.arguments):
        # Without a null there is nothing that stands for what could not be left out.
        given = taken_back(written, parameters.schema)
    if offer.kind != MCP:
        given = {
            name: value
            for name, value in given.items()
            if not name.startswith(_RESERVED) and (parameters.is_open or name in parameters.known)
        }
    missing = [name for name in parameters.required if name not in given]
    if missing:
        raise ArgumentsUnfit(words.lacking(call.name, missing))
    return given


def dispatched(arguments: Mapping[str, object] | None) -> tuple[str, str] | None:
    """Read a dispatcher's arguments: the name of a tool, and the JSON text of its arguments."""
    if arguments is None or set(arguments) != _DISPATCH:
        return None
    name, inner = arguments["tool_name"], arguments["params"]
    return (name, inner) if isinstance(name, str) and isinstance(inner, str) else None


@lru_cache(maxsize=SCHEMAS_KEPT_MAX)
def _parameters(parameters_json: str) -> _Parameters:
    """Read a schema; the same tools are called again and again."""
    schema = decoded(parameters_json) or {}
    root = root_of(schema)
    known = frozenset(as_dict(root.get("properties")))
    return _Parameters(
        schema=schema,
        known=known,
        required=tuple(name for name in names(root.get("required")) if name in known),
        is_object=is_object(root),
        is_open=bool(root.get("additionalProperties")) or not is_object(root),
    )


def _problem(text: str) -> str:
    """Say why a text is no JSON object, without repeating any of it."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        return str(error)
    except RecursionError:
        return "it nests too deep"
    return f"it is a {type(value).__name__}"
