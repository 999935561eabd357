"""Prints docs/valves.md: `python docs/valves_page.py > docs/valves.md`.

A test compares the two, so the page is what the valves are.
"""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves

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
    return "\n".join(lines)


if __name__ == "__main__":
    print(page())
