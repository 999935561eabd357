"""What each source of tools offers, in one shape. Pure: whatever comes, nothing here raises.

A source is read as Open WebUI writes it, in its old and its new versions: a registry by name
(`{"spec", "callable", "tool_id", "type", "direct", "server"}`), a list of OpenAI tools, nested
or flat, or the specs of a tool server that the browser talks to (SPEC 63).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from actors.values import OpaqueTool
from bridge.transforms.json_text import json_text
from bridge.transforms.text import whole

ToolFunction: TypeAlias = Callable[..., object]

# Open WebUI 0.12 can leave large tools out of a request. They are found with one tool and run
# through this one, which has no callable: whoever runs the calls takes them apart.
DISPATCHER_ID: Final = "builtin:call_tool"

MCP: Final = "mcp"
BUILTIN: Final = "builtin"

# One HTTP call each, made by Open WebUI, which turns an exception into `{"error": ...}`.
_SERVER_KINDS: Final = frozenset({"external", "action", "terminal"})
_SERVER_ID: Final = "server:"


class Origin(Enum):
    """Where an offer was found. The value is the prefix that tells clashing names apart."""

    REQUEST = "owui"
    REGISTRY = "tool"
    DIRECT = "direct"
    EXTRA = "extra"


# Bound once: in Python 3.11 a look at a member of an enum costs as much as a call.
_REGISTRY: Final = Origin.REGISTRY

# `dict` first: to ask for the abstract class costs a multiple.
_MAPPING: Final = (dict, Mapping)


class Offer(Struct, frozen=True, kw_only=True):
    """One tool as its source offers it.

    Attributes:
        name: what its source calls it; any text.
        home: the id of the tool or server it belongs to, "" where nobody said.
        kind: Open WebUI's word (`builtin`, `mcp`, `external`, `terminal`), or "".
        function: runs it, in this process.
        server: the browser's tool server that runs it.
        is_deferred: it runs, but models are not told of it.
    """

    origin: Origin
    name: str
    description: str = ""
    parameters_json: str = "{}"
    is_strict: bool | None = None
    home: str = ""
    kind: str = ""
    function: ToolFunction | None = None
    server: Mapping[str, object] | None = None
    is_deferred: bool = False

    def __repr__(self) -> str:
        return f"Offer({self.name!r}, {self.origin.value}, {self.kind or 'plain'})"

    @property
    def is_direct(self) -> bool:
        """Whether the user's browser runs it."""
        return self.server is not None

    @property
    def is_dispatcher(self) -> bool:
        """Whether it only runs other tools."""
        return self.home == DISPATCHER_ID and self.function is None

    @property
    def can_run(self) -> bool:
        """Whether anybody here can run it (SPEC 66)."""
        return self.function is not None or self.is_direct or self.is_dispatcher

    @property
    def is_on_server(self) -> bool:
        """Whether a run is one HTTP call to a tool server, made by Open WebUI."""
        return self.kind in _SERVER_KINDS or self.home.startswith(_SERVER_ID)


Found: TypeAlias = Offer | OpaqueTool | None


def listed_offers(origin: Origin, tools: object) -> Iterator[Found]:
    """Read a list of tools as OpenAI spells them; None for an entry that is none.

    What is no function, such as a server tool of the provider, is passed on unread.
    """
    for tool in tools if isinstance(tools, list | tuple) else ():
        yield _listed(origin, tool)


def registry_offers(tools: object) -> Iterator[Found]:
    """Read Open WebUI's registry: entries by name, or a list of them."""
    if isinstance(tools, _MAPPING):
        for name, entry in tools.items():
            yield _registered(str(name), entry)
        return
    for entry in tools if isinstance(tools, list | tuple) else ():
        yield _registered("", entry)


def server_offers(servers: object, known: Iterable[Offer]) -> Iterator[Found]:
    """Read the tool servers that the user's browser talks to.

    Args:
        servers: with their specs, as the browser sent them.
        known: what the registry offers. A server that has a tool in it was resolved by Open
            WebUI, which leaves out what is of no use in this chat.
    """
    if not isinstance(servers, list | tuple):
        return
    seen = {offer.home for offer in known if offer.is_direct}
    for server in servers:
        specs = server.get("specs") if isinstance(server, _MAPPING) else None
        if not isinstance(specs, list | tuple) or _address(server) in seen:
            continue
        plain = {str(key): value for key, value in server.items() if key != "specs"}
        for spec in specs:
            yield _described(Origin.DIRECT, spec, server=plain, home=_address(server))


def _listed(origin: Origin, tool: object) -> Found:
    if not isinstance(tool, _MAPPING):
        return None
    if "spec" in tool:
        found = _registered("", tool)
        return replace(found, origin=origin) if isinstance(found, Offer) else found
    kind = tool.get("type")
    if kind != "function" and isinstance(kind, str) and "function" not in tool:
        return OpaqueTool(json=json_text(tool))
    spec = tool.get("function")
    function = _function(tool.get("callable"))
    return _described(origin, spec if isinstance(spec, _MAPPING) else tool, function=function)


def _registered(name: str, entry: object) -> Found:
    if not isinstance(entry, _MAPPING):
        return None
    spec = entry.get("spec")
    if not isinstance(spec, _MAPPING):
        return _listed(_REGISTRY, entry) if "spec" not in entry else None
    if entry.get("direct") is True:
        server = entry.get("server")
        plain = server if isinstance(server, _MAPPING) else {}
        return _described(Origin.DIRECT, spec, name, server=plain, home=_address(plain))
    return _described(
        _REGISTRY,
        spec,
        name,
        function=_function(entry.get("callable")),
        home=_text(entry.get("tool_id")),
        kind=_text(entry.get("type")),
    )


def _described(
    origin: Origin,
    spec: object,
    name: str = "",
    *,
    function: ToolFunction | None = None,
    server: Mapping[str, object] | None = None,
    home: str = "",
    kind: str = "",
) -> Offer | None:
    """Read name, description and parameters; the name in a registry stands over its spec's."""
    if not isinstance(spec, _MAPPING):
        return None
    called = name or _text(spec.get("name"))
    if not called:
        return None
    strict, parameters = spec.get("strict"), spec.get("parameters")
    return Offer(
        origin=origin,
        name=called,
        description=_text(spec.get("description")),
        parameters_json=json_text({} if parameters is None else parameters),
        is_strict=strict if isinstance(strict, bool) else None,
        home=home,
        kind=kind,
        function=function,
        server=server,
    )


def _address(server: Mapping[object, object]) -> str:
    return _text(server.get("url")) or _text(server.get("id"))


def _function(value: object) -> ToolFunction | None:
    return value if callable(value) else None


def _text(value: object) -> str:
    return whole(value) if isinstance(value, str) else ""
