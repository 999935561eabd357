"""How a provider answers requests whose tools, calls or outputs are not in order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bridge.standin.error_answers import PlainAnswer, upstream_refusal, validation_answer
from bridge.standin.frames import Endpoint, Json, JsonObject

NAME_CHARACTERS_MAX = 64

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_CHOICES = ("auto", "none", "required")


def tools_problem(endpoint: Endpoint, document: JsonObject) -> PlainAnswer | None:
    """Return the refusal of a request that breaks a rule about tools, or None."""
    is_chat = endpoint is Endpoint.CHAT
    tools = document.get("tools")
    if tools is not None and not isinstance(tools, list):
        return _issue("tools", "expected array")
    offered: set[str] = set()
    for tool in _items(tools):
        problem = _tool_problem(tool, is_chat=is_chat, offered=offered)
        if problem is not None:
            return _issue("tools", problem)
    problem = _choice_problem(document.get("tool_choice"), is_chat=is_chat)
    if problem is not None:
        return _issue("tool_choice", problem)
    trace = _chat_trace(document) if is_chat else _responses_trace(document)
    said = _trace_problem(tuple(trace), has_tools=bool(offered))
    return _upstream(said) if said is not None else None


# --- what is offered ------------------------------------------------------------------------------


def _tool_problem(tool: Json, *, is_chat: bool, offered: set[str]) -> str | None:
    if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
        return "expected an object with a type"
    if tool["type"] != "function":
        return None
    if is_chat is not ("function" in tool):
        return "function expected" if is_chat else "name expected beside type, not in function"
    function = tool["function"] if is_chat else tool
    if not isinstance(function, Mapping):
        return "function expected as an object"
    return _name_problem(function.get("name"), offered) or _schema_problem(function)


def _name_problem(name: Json, offered: set[str]) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > NAME_CHARACTERS_MAX:
        return f"name of at most {NAME_CHARACTERS_MAX} letters, digits, dots and dashes expected"
    if name in offered:
        return f"{name} is there twice"
    offered.add(name)
    return None


def _schema_problem(function: JsonObject) -> str | None:
    schema = function.get("parameters")
    if schema is None:
        return None
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        return f"{function['name']}: a schema of type object expected"
    return next(_strict_problems(schema), None) if function.get("strict") is True else None


def _strict_problems(schema: Json) -> Iterator[str]:
    """Find what strict mode does not take, at whatever depth."""
    if isinstance(schema, list):
        for inner in schema:
            yield from _strict_problems(inner)
    if not isinstance(schema, Mapping):
        return
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        if schema.get("additionalProperties") is not False:
            yield "strict: additionalProperties has to be false"
        required = {name for name in _items(schema.get("required")) if isinstance(name, str)}
        if required != set(properties):
            yield "strict: every property has to be required"
        for inner in properties.values():
            yield from _strict_problems(inner)
    for name in ("items", "anyOf", "oneOf", "allOf"):
        yield from _strict_problems(schema.get(name))


def _choice_problem(choice: Json, *, is_chat: bool) -> str | None:
    if choice is None or (isinstance(choice, str) and choice in _CHOICES):
        return None
    if not isinstance(choice, Mapping):
        return f"expected one of {', '.join(_CHOICES)}, or an object"
    if choice.get("type") == "function" and is_chat is not ("function" in choice):
        return "function expected" if is_chat else "name expected beside type, not in function"
    return None


# --- what was called ------------------------------------------------------------------------------
#
# A trace is the calls and outputs of a conversation in order: ("call", id), ("output", id), and
# ("message", role) for everything that lies between.

_Step = tuple[str, str]


def _responses_trace(document: JsonObject) -> Iterator[_Step]:
    for item in _items(document.get("input")):
        if not isinstance(item, Mapping):
            continue
        match item.get("type"):
            case "function_call":
                is_whole = all(isinstance(item.get(name), str) for name in ("name", "arguments"))
                yield ("call" if is_whole else "torn", _text(item.get("call_id")))
            case "function_call_output":
                is_whole = isinstance(item.get("output"), str | list)
                yield ("output" if is_whole else "torn", _text(item.get("call_id")))
            case _:
                yield ("message", _text(item.get("role")))


def _chat_trace(document: JsonObject) -> Iterator[_Step]:
    for message in _items(document.get("messages")):
        if not isinstance(message, Mapping):
            continue
        role = _text(message.get("role"))
        if role == "tool":
            yield ("output", _text(message.get("tool_call_id")))
            continue
        yield ("message", role)
        for call in _items(message.get("tool_calls")):
            function = call.get("function") if isinstance(call, Mapping) else None
            named = function if isinstance(function, Mapping) else {}
            is_whole = all(isinstance(named.get(name), str) for name in ("name", "arguments"))
            identity = call.get("id") if isinstance(call, Mapping) else None
            yield ("call" if is_whole else "torn", _text(identity))


def _trace_problem(trace: Sequence[_Step], *, has_tools: bool) -> str | None:
    waiting: set[str] = set()
    over: set[str] = set()
    for step, name in trace:
        match step:
            case "torn":
                return f"A call or an output is not whole: {name}."
            case "call":
                if not name or name in waiting | over:
                    return f"The id of a call is missing or there twice: {name}."
                waiting.add(name)
            case "output":
                if name not in waiting:
                    return f"No tool call found for function call output with call_id {name}."
                waiting.remove(name)
                over.add(name)
            case _:
                if waiting and name == "user":
                    break
    if waiting:
        return f"No tool output found for function call {min(waiting)}."
    if trace and trace[-1][0] == "output" and not has_tools:
        return "Requests which include calls and outputs must define tools."
    return None


def _upstream(message: str) -> PlainAnswer:
    return upstream_refusal({"error": {"message": message, "type": "invalid_request_error"}})


def _issue(name: str, expectation: str) -> PlainAnswer:
    issue: JsonObject = {"code": "invalid_type", "path": [name], "message": expectation}
    return validation_answer("Invalid Responses API request", issues=[issue])


def _items(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
