"""Prints docs/valves.md: `python docs/valves_page.py > docs/valves.md`.

A test compares the two, so the page is what the valves are.
"""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from bridge.owui.error_values import PLACEHOLDERS

# Defaults that come out of the environment of the server.
FROM_ENVIRONMENT = MappingProxyType(
    {
        "BASE_URL": "`OPENROUTER_API_BASE_URL`, else `https://openrouter.ai/api/v1`",
        "API_KEY": "`OPENROUTER_API_KEY`, else none",
        "LOG_LEVEL": "`GLOBAL_LOG_LEVEL`, else `INFO`",
    }
)
HEAD = """# Valves

The settings of the pipe, as an admin finds them in Open WebUI behind the gear of the function. Each
takes effect with the next request. A blank field means the default; a value that cannot be obeyed
stays in the form, and the default rules meanwhile. Names in the column of defaults are environment
variables of the server.

| Valve | Accepted | Default | What it does |
|---|---|---|---|"""
USER_HEAD = """
## What users set for themselves

Behind the controls of a chat. A field that stands at "Default", is left blank or says `inherit` is
the admin's; the column of defaults is what the form begins with when a user makes it "Custom".

| Valve | Accepted | Default | What it does |
|---|---|---|---|"""

TEXTS_HEAD = """
## Texts for failed requests

The valves that end in `_TEMPLATE` hold Markdown with placeholders. A line with a placeholder that
has no value is left out. `{{#if name}} ... {{/if}}` keeps what is inside only where there is such a
value; blocks may stand inside a line, around several lines, and inside of each other. A text whose
blocks do not fit together is not shown: people then read what happened and the error id, and the
log names the valve. What comes from outside is shortened and means nothing as Markdown or HTML.

| Placeholder | What stands there |
|---|---|"""
PLACEHOLDER_TEXTS = MappingProxyType(
    {
        "error_id": "16 hex digits that stand in the server's log as well",
        "timestamp": "when it failed, in UTC",
        "session_id": "Open WebUI's session",
        "user_id": "Open WebUI's id of the person who asked",
        "support_email": "the valve SUPPORT_EMAIL",
        "support_url": "the valve SUPPORT_URL",
        "heading": "what happened, in a sentence for exactly this failure",
        "advice": "what to do about it",
        "detail": "the provider's name and message",
        "sanitized_detail": "the same",
        "reason": "the cause in a few words: of the status, or of this function",
        "retry_after_seconds": "when a try makes sense again",
        "requested_model": "the model as it was asked for",
        "api_model_id": "the model as it was sent to OpenRouter",
        "normalized_model_id": "the same in small letters, with dots and without a date",
        "model_identifier": "the best of these that is known",
        "endpoint": "the address that was asked",
        "error_type": "the kind of error, in OpenRouter's word or in ours",
        "provider": "who ran the model",
        "raw_body": "the whole answer, shortened; best inside a code block",
        "status_code": "the HTTP status",
        "openrouter_code": "the status, or OpenRouter's word for the error",
        "openrouter_message": "OpenRouter's own sentence",
        "upstream_type": "the provider's word for the error",
        "upstream_message": "the provider's own sentence",
        "request_id": "the id of the request at OpenRouter",
        "request_id_reference": "a sentence with that id",
        "moderation_reasons": "why the request was flagged",
        "flagged_excerpt": "what was flagged",
        "context_limit_tokens": "what the model takes",
        "max_output_tokens": "what the model gives",
        "include_model_limits": "set when the conversation is longer than the model takes",
        "metadata_json": "what OpenRouter added to the error; best inside a code block",
        "provider_raw_json": "the provider's own error; best inside a code block",
        "native_finish_reason": "the model's own word for why it ended",
        "error_chunk_id": "the id of the event that told the error inside a stream",
        "error_chunk_created": "its time, in seconds since 1970",
        "streaming_provider": "the provider it names",
        "streaming_model": "the model it names",
        "rate_limit_type": "whose limit was reached",
        "required_cost": "what the request needs, in dollars",
        "account_balance": "what there is, in dollars",
        "diagnostics": "status, code, type, provider and request id as a list",
        "timeout_seconds": "how long this server waited",
        "restriction_reasons": "why a model is not on offer",
        "model_id_filter": "the valve MODEL_ID, if it keeps the model out",
        "free_model_filter": "the valve FREE_MODEL_FILTER, if it keeps the model out",
        "tool_calling_filter": "the valve TOOL_CALLING_FILTER, if it keeps the model out",
        "max_function_call_loops": "the valve MAX_FUNCTION_CALL_LOOPS",
        "required_endpoint": "the interface that an attachment needs",
        "enforced_endpoint": "the interface that the valves ask for",
    }
)


def accepted(schema: Mapping[str, object]) -> str:
    """Say which values fit, from a property of the form's schema."""
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        return ", or ".join(accepted(choice) for choice in choices)
    enum = schema.get("enum")
    if isinstance(enum, list):
        return ", ".join(f"`{value}`" for value in enum)
    kind = {"integer": "whole number", "number": "number", "string": "text"}
    kind |= {"boolean": "on, off", "null": "blank"}
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f", {low} to {high}" if high is not None else f", {low} or more"
    return kind[str(schema["type"])] + (bounds if low is not None else "")


def row(name: str, schema: Mapping[str, object]) -> str:
    """Write one valve."""
    value = schema.get("default")
    default = FROM_ENVIRONMENT.get(name) or ("blank" if value in (None, "") else f"`{value}`")
    if name.endswith("_TEMPLATE"):
        default = "the built-in text"
    return f"| `{name}` | {accepted(schema)} | {default} | {schema['description']} |"


def page() -> str:
    """Write the whole page."""
    lines = []
    for head, form in ((HEAD, Valves), (USER_HEAD, UserValves)):
        lines.append(head)
        properties = form.model_json_schema()["properties"]
        lines.extend(row(name, schema) for name, schema in properties.items())
    assert set(PLACEHOLDER_TEXTS) == set(PLACEHOLDERS), "every placeholder is explained"
    lines.append(TEXTS_HEAD)
    lines.extend(f"| `{{{name}}}` | {text} |" for name, text in PLACEHOLDER_TEXTS.items())
    return "\n".join(lines)


if __name__ == "__main__":
    print(page())
