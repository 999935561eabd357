"""From what a model wrote to what a tool's function is called with. Pure (SPEC 70)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from actors.tool_plan import arguments_of
from actors.values import ToolCall
from bridge.owui.tools import words
from bridge.owui.tools.offers import MCP, Offer
from bridge.transforms.json_schema import as_dict, decoded, is_object, names, root_of
from bridge.transforms.strict_schema import taken_back

# Open WebUI hands a tool its own things under such names; a model may not.
_RESERVED: Final = "__"
_DISPATCH: Final = {"tool_name", "params"}


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
    schema = decoded(offer.parameters_json) or {}
    root = root_of(schema)
    given = taken_back(written, schema) if is_strict else written
    known = as_dict(root.get("properties"))
    if offer.kind != MCP:
        is_open = bool(root.get("additionalProperties")) or not is_object(root)
        given = {
            name: value
            for name, value in given.items()
            if not name.startswith(_RESERVED) and (is_open or name in known)
        }
    missing = [name for name in names(root.get("required")) if name in known and name not in given]
    if missing:
        raise ArgumentsUnfit(words.lacking(call.name, missing))
    return given


def dispatched(arguments: Mapping[str, object] | None) -> tuple[str, str] | None:
    """Read a dispatcher's arguments: the name of a tool, and the JSON text of its arguments."""
    if arguments is None or set(arguments) != _DISPATCH:
        return None
    name, inner = arguments["tool_name"], arguments["params"]
    return (name, inner) if isinstance(name, str) and isinstance(inner, str) else None


def _problem(text: str) -> str:
    """Say why a text is no JSON object, without repeating any of it."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        return str(error)
    except RecursionError:
        return "it nests too deep"
    return f"it is a {type(value).__name__}"
