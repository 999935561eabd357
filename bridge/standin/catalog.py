"""The models on offer: some fifty real ones by their facts, and one for all that is played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from bridge.standin.conversations import conversations
from bridge.standin.frames import CREATED_AT_EPOCH_S, Json, JsonObject
from bridge.standin.objections import Objection
from bridge.standin.scripts import library

STANDIN_AUTHOR = "standin"
RECORDED_AUTHOR = "recorded"
OBJECTION_MODEL_PREFIX = "objects-to-"
PAGE_DEFAULT, PAGE_MAX = 500, 1000

# Suffixes that work on any model although no row has them.
_SUFFIXES_EVERYWHERE = (":nitro", ":floor", ":exacto", ":online")
_FACTS_FILE = "catalog.json"
_OWN_PARAMETERS = (
    "include_reasoning",
    "max_tokens",
    "parallel_tool_calls",
    "reasoning",
    "response_format",
    "structured_outputs",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
)


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the catalog, in the provider's spelling."""

    id: str
    canonical_slug: str
    name: str
    created: int
    context_length: int | None
    architecture: dict[str, list[str]]
    pricing: dict[str, msgspec.Raw]
    supported_parameters: list[str]
    top_provider: dict[str, int | bool | None]
    expiration_date: str | msgspec.UnsetType = msgspec.UNSET
    reasoning: dict[str, msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    alias_target: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    @property
    def writes_text(self) -> bool:
        """Whether the plain list shows it: by default only text comes out."""
        return "text" in self.architecture["output_modalities"]


@lru_cache(maxsize=1)
def known_rows() -> tuple[Row, ...]:
    """Return the real models and those of the scripts."""
    facts = Path(__file__).with_name(_FACTS_FILE).read_bytes()
    return (*msgspec.json.decode(facts, type=tuple[Row, ...]), *map(own_row, _own_ids()))


def _own_ids() -> Iterator[str]:
    yield f"{STANDIN_AUTHOR}/echo"
    yield f"{STANDIN_AUTHOR}/task"
    yield from (f"{STANDIN_AUTHOR}/{script.name}" for script in library())
    yield from (f"{STANDIN_AUTHOR}/{conversation.name}" for conversation in conversations())
    prefix = f"{STANDIN_AUTHOR}/{OBJECTION_MODEL_PREFIX}"
    yield from (f"{prefix}{objection.value}" for objection in Objection)


def own_row(model_id: str) -> Row:
    """Return the row of a model that only exists here."""
    free = msgspec.Raw(b'"0"')
    name = model_id.partition("/")[2]
    draws = ["image", "text"] if name.startswith("image") else ["text"]
    return Row(
        id=model_id,
        canonical_slug=model_id,
        name=f"Stand-In: {name}",
        created=CREATED_AT_EPOCH_S,
        context_length=128_000,
        architecture={"input_modalities": ["text", "image"], "output_modalities": draws},
        pricing={"prompt": free, "completion": free},
        supported_parameters=list(_OWN_PARAMETERS),
        top_provider={
            "context_length": 128_000,
            "max_completion_tokens": 16_384,
            "is_moderated": False,
        },
        reasoning={
            "default_effort": msgspec.Raw(b'"medium"'),
            "mandatory": msgspec.Raw(b"false"),
            "supported_efforts": msgspec.Raw(b'["high","medium","low","minimal","none"]'),
        },
    )


def is_known_model(model_id: str) -> bool:
    """Whether the catalog has this model, with or without a suffix that works everywhere."""
    stripped = model_id
    for suffix in _SUFFIXES_EVERYWHERE:
        stripped = stripped.removesuffix(suffix)
    return any(row.id in (model_id, stripped) for row in known_rows())


def catalog_document(query: Mapping[str, str], recorded: Iterable[str] = ()) -> JsonObject:
    """Return the answer of `GET /models`.

    Args:
        query: `output_modalities=all` shows every model, `limit` and `offset` page.
        recorded: names of recordings on offer.
    """
    rows = [*known_rows(), *(own_row(f"{RECORDED_AUTHOR}/{name}") for name in recorded)]
    if query.get("output_modalities") != "all":
        rows = [row for row in rows if row.writes_text]
    offset = _bounded(query.get("offset"), default=0, largest=len(rows))
    limit = _bounded(query.get("limit"), default=PAGE_DEFAULT, largest=PAGE_MAX)
    page = rows[offset : offset + limit]
    following = offset + limit
    link = f"/api/v1/models?limit={limit}&offset={following}" if following < len(rows) else None
    return {
        "data": [_document(row) for row in page],
        "total_count": len(rows),
        "links": {"next": link},
    }


def _document(row: Row) -> JsonObject:
    facts: dict[str, Json] = msgspec.json.decode(msgspec.json.encode(row))
    return {
        **facts,
        "description": "",
        "per_request_limits": None,
        "links": {"details": f"/api/v1/models/{row.canonical_slug}/endpoints"},
    }


def _bounded(text: str | None, *, default: int, largest: int) -> int:
    if text is None or not text.isdecimal():
        return default
    return min(int(text), largest)
