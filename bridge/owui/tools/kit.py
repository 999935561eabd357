"""Gathers the tools of one request from wherever Open WebUI and its filters put them (SPEC 63)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import chain
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.kernel.entropy import Entropy, SystemEntropy
from actors.ports import ToolBox
from actors.values import OpaqueTool, Tool
from bridge.openrouter.loose_json import decode, member, text
from bridge.owui.tools.box import EventEmitter, OwuiToolBox, Runnable, Surroundings
from bridge.owui.tools.direct import EventCall
from bridge.owui.tools.names import distinct, names_for
from bridge.owui.tools.offers import (
    Found,
    Offer,
    Origin,
    listed_offers,
    registry_offers,
    server_offers,
)
from bridge.owui.tools.running import Rebind, rebind_here
from bridge.transforms.strict_schema import Advertised, advertised

TOOLS_MAX: Final = 512
REGISTRY_WAIT_MAX_S: Final = 15.0

# These run at the provider, for models that know no tools as well.
_FOR_ANY_MODEL: Final = ("openrouter:", "web_search")


class KitProblem(Enum):
    """What went wrong with a request's tools; the chat goes on."""

    REGISTRY_FAILED = "registry_failed"
    UNREADABLE = "unreadable"
    TOO_MANY = "too_many"


class KitWarning(Struct, frozen=True, kw_only=True, gc=False):
    """One problem. `amount` tools are concerned; `about` names the kind of error."""

    problem: KitProblem
    amount: int = 0
    about: str = ""

    def sentence(self) -> str:
        """Say it to the user who asked."""
        match self.problem:
            case KitProblem.REGISTRY_FAILED:
                return f"Open WebUI's tools could not be loaded ({self.about}). Going on without."
            case KitProblem.UNREADABLE:
                return f"{self.amount} tools could not be understood and were left out."
            case KitProblem.TOO_MANY:
                return f"{self.amount} tools are more than a request may have; they were left out."


class ToolKit(Struct, frozen=True, kw_only=True):
    """The tools of one request.

    Attributes:
        tools: what the model is told of.
        box: runs them.
        names: what people call a tool, by the name the model knows.
        servers: the id of the tool or tool server that a tool belongs to, by the same name.
        warnings: what the user should hear.
    """

    tools: tuple[Tool | OpaqueTool, ...]
    box: ToolBox
    names: Mapping[str, str]
    servers: Mapping[str, str]
    warnings: tuple[KitWarning, ...] = ()

    def __repr__(self) -> str:
        return f"ToolKit({len(self.tools)} tools, {self.warnings!r})"

    def shown_name(self, name: str) -> str:
        """Return what people, and Open WebUI, call a tool (SPEC 65)."""
        return self.names.get(name, name)

    def server(self, name: str) -> str:
        """Return the id of the server a tool runs on, "" for a tool of this process (SPEC 75)."""
        return self.servers.get(name, "")


class Handed(Struct, frozen=True, kw_only=True):
    """What Open WebUI handed over with a request, as it came.

    Attributes:
        tools: `__tools__`: a dict, a list, or something to be awaited.
        metadata: `__metadata__`.
        body: the request.
        event_call, event_emitter: `__event_call__`, `__event_emitter__`.
    """

    tools: object = None
    metadata: object = None
    body: object = None
    event_call: EventCall | None = None
    event_emitter: EventEmitter | None = None

    def __repr__(self) -> str:
        return "Handed()"


async def tool_kit(
    handed: Handed,
    *,
    model_takes_tools: bool,
    is_pass_through: bool = False,
    is_strict: bool = True,
    entropy: Entropy | None = None,
    rebind: Rebind | None = None,
) -> ToolKit:
    """Gather the tools of one request.

    Args:
        handed: what Open WebUI handed over.
        model_takes_tools: whether the catalog says so; if not, none are told of (SPEC 64).
        is_pass_through: Open WebUI runs the tools: all are told of, as they are (SPEC 64, 78).
        is_strict: schemas are told in strict form where possible (SPEC 67).
        entropy: names the runs in a browser; the system's by default.
        rebind: binds a tool anew; what the Open WebUI around us offers by default.
    """
    warnings: list[KitWarning] = []
    found = await _found(handed, warnings)
    opaque = [tool for tool in found if isinstance(tool, OpaqueTool)]
    offers = [offer for offer in found if isinstance(offer, Offer)]
    if unreadable := found.count(None):
        warnings.append(KitWarning(problem=KitProblem.UNREADABLE, amount=unreadable))
    if not is_pass_through and not model_takes_tools:
        offers = []
        opaque = [tool for tool in opaque if _is_for_any_model(tool)]
    around = _surroundings(handed, entropy or SystemEntropy(), rebind or rebind_here())
    kept = distinct(_usable(offers, around, is_pass_through=is_pass_through))
    if len(kept) > TOOLS_MAX:
        warnings.append(KitWarning(problem=KitProblem.TOO_MANY, amount=len(kept) - TOOLS_MAX))
        kept = kept[:TOOLS_MAX]
    return _kit(kept, opaque, around, warnings, is_strict=is_strict and not is_pass_through)


def _kit(
    offers: Sequence[Offer],
    opaque: Sequence[OpaqueTool],
    around: Surroundings,
    warnings: Sequence[KitWarning],
    *,
    is_strict: bool,
) -> ToolKit:
    """Tell of tools by names of their own, and make them ready to run."""
    tools: list[Tool | OpaqueTool] = []
    runnable: dict[str, Runnable] = {}
    servers: dict[str, str] = {}
    for name, offer in zip(names_for(offers), offers, strict=True):
        told = advertised(offer.parameters_json, is_strict=is_strict)
        runnable[name] = Runnable(offer=offer, is_strict=told.is_strict is True)
        if not offer.is_deferred:
            tools.append(_tool(name, offer, told))
        if offer.home and (offer.is_direct or offer.is_on_server):
            servers[name] = offer.home
    return ToolKit(
        tools=(*tools, *opaque),
        box=OwuiToolBox(runnable, around),
        names={name: each.offer.name for name, each in runnable.items()},
        servers=servers,
        warnings=tuple(warnings),
    )


async def _found(handed: Handed, warnings: list[KitWarning]) -> list[Found]:
    """Read every source, earlier ones first: a later one wins where a tool is the same."""
    body, metadata = _fields(handed.body), _fields(handed.metadata)
    tools, resolved = await _awaited(handed.tools, warnings), metadata.get("tools")
    # In 0.12 the two are one object; in 0.6 only the second one has the browser's tools.
    registry = list(registry_offers(tools))
    registry += () if resolved is tools else registry_offers(resolved)
    known = [offer for offer in registry if isinstance(offer, Offer)]
    found = list(
        chain(
            listed_offers(Origin.REQUEST, body.get("tools")),
            registry,
            server_offers(metadata.get("tool_servers"), known),
            listed_offers(Origin.EXTRA, body.get("extra_tools")),
        )
    )
    deferred = metadata.get("deferred_tools")
    hidden = frozenset(map(str, deferred)) if isinstance(deferred, list | tuple) else frozenset()
    return [_deferred(offer, hidden) for offer in found] if hidden else found


async def _awaited(tools: object, warnings: list[KitWarning]) -> object:
    if not inspect.isawaitable(tools):
        return tools
    try:
        async with asyncio.timeout(REGISTRY_WAIT_MAX_S):
            return await tools
    except Exception as error:  # noqa: BLE001 - a door: a chat without tools is better than none
        about = type(error).__name__
        warnings.append(KitWarning(problem=KitProblem.REGISTRY_FAILED, about=about))
    return None


def _deferred(offer: Found, hidden: frozenset[str]) -> Found:
    is_hidden = isinstance(offer, Offer) and offer.name in hidden
    return replace(offer, is_deferred=True) if is_hidden and isinstance(offer, Offer) else offer


def _usable(offers: Iterable[Offer], around: Surroundings, *, is_pass_through: bool) -> list[Offer]:
    """Leave out what nobody here can run, and what needs a browser that cannot be asked."""
    has_browser = around.event_call is not None and bool(around.session_id)
    return [
        offer
        for offer in offers
        if (has_browser or not offer.is_direct) and (is_pass_through or offer.can_run)
    ]


def _surroundings(handed: Handed, entropy: Entropy, rebind: Rebind | None) -> Surroundings:
    metadata, body = _fields(handed.metadata), _fields(handed.body)
    return Surroundings(
        entropy=entropy,
        event_call=handed.event_call,
        event_emitter=handed.event_emitter,
        session_id=text(metadata.get("session_id")),
        messages=body.get("messages") or [],
        files=metadata.get("files") or [],
        asks_first=member(metadata, "params", "tool_approval_mode") == "ask",
        rebind=rebind,
    )


def _tool(name: str, offer: Offer, told: Advertised) -> Tool:
    is_unchanged = told.parameters_json == offer.parameters_json
    strict = offer.is_strict if told.is_strict is None and is_unchanged else told.is_strict
    return Tool(
        name=name,
        description=offer.description,
        parameters_json=told.parameters_json,
        strict=strict,
    )


def _is_for_any_model(tool: OpaqueTool) -> bool:
    return text(member(decode(tool.json), "type")).startswith(_FOR_ANY_MODEL)


def _fields(value: object) -> dict[str, object]:
    if type(value) is dict:
        return value
    return {str(key): each for key, each in value.items()} if isinstance(value, Mapping) else {}
