"""The rows of OpenRouter's model list as models of the house. Pure.

Every field but the id is optional: older lists lack half of them, and a gateway in front of
OpenRouter may leave out the rest. A row that cannot be read costs that row, not the catalog.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from actors.ports import AnswerMalformed, ErrorFacts
from actors.values import Catalog, Model
from bridge.openrouter.loose_json import member, text, texts, whole_number
from bridge.transforms.efforts import weakest_first

_CHAT_OUTPUTS = frozenset({"text", "image"})
_BATCH_MARK = ":batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """What became of the rows; `rows` is the sum of the others.

    `hidden` are no chat models, `unreadable` have no id, `doubled` repeat an earlier id.
    """

    rows: int
    offered: int
    hidden: int
    unreadable: int
    doubled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRead:
    """A catalog, and the count of what is not in it."""

    catalog: Catalog
    counts: RowCounts


class _Row(msgspec.Struct):
    """What is looked at in a row; the long rest is skipped without being built."""

    id: object = None
    name: object = None
    architecture: object = None
    context_length: object = None
    top_provider: object = None
    supported_parameters: object = None
    reasoning: object = None
    pricing: object = None


class _Envelope(msgspec.Struct):
    data: list[msgspec.Raw]


def read_catalog(body: bytes) -> CatalogRead:
    """Read the answer of `GET /models`.

    Two ids count as one when they are equal with `/` replaced by `.`, because that is a model's
    identity towards Open WebUI (SPEC 124); the first row stays.

    Raises:
        AnswerMalformed: no JSON, not a list of models, or nothing in it to chat with.
    """
    rows = _rows(body) if body.strip() else []
    offered: dict[str, Model] = {}
    hidden = unreadable = doubled = 0
    for raw in rows:
        row = _row(raw)
        if row is None:
            unreadable += 1
        elif not _is_for_chat(row):
            hidden += 1
        elif (identity := text(row.id).replace("/", ".")) in offered:
            doubled += 1
        else:
            offered[identity] = _model(row)
    if not offered:
        raise AnswerMalformed(ErrorFacts(code="catalog-empty"))
    counts = RowCounts(
        rows=len(rows),
        offered=len(offered),
        hidden=hidden,
        unreadable=unreadable,
        doubled=doubled,
    )
    return CatalogRead(catalog=Catalog(models=tuple(offered.values())), counts=counts)


def _rows(body: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=_Envelope).data
    except msgspec.ValidationError as error:
        raise AnswerMalformed(ErrorFacts(code="catalog-wrong-shape")) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # The cause stays out: its text may quote what came instead.
        raise AnswerMalformed(ErrorFacts(code="catalog-not-json")) from None


def _row(raw: msgspec.Raw) -> _Row | None:
    try:
        row = msgspec.json.decode(raw, type=_Row)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return row if text(row.id).strip() else None


def _is_for_chat(row: _Row) -> bool:
    outputs = texts(member(row.architecture, "output_modalities"))
    # A row that says nothing about its output is taken for what nearly all of them are.
    return _BATCH_MARK not in text(row.id) and (not outputs or bool(_CHAT_OUTPUTS & set(outputs)))


def _model(row: _Row) -> Model:
    known = text(row.id)
    tokens = whole_number(row.context_length) or whole_number(
        member(row.top_provider, "context_length")
    )
    return Model(
        id=known,
        name=text(row.name).strip() or known,
        input_modalities=texts(member(row.architecture, "input_modalities")) or ("text",),
        output_modalities=texts(member(row.architecture, "output_modalities")) or ("text",),
        context_tokens=tokens or None,
        output_tokens_max=whole_number(member(row.top_provider, "max_completion_tokens")) or None,
        parameters=texts(row.supported_parameters),
        efforts=weakest_first(texts(member(row.reasoning, "supported_efforts"))),
        is_reasoning_mandatory=member(row.reasoning, "mandatory") is True,
        prices=tuple(_prices(row.pricing)),
    )


def _prices(pricing: object) -> Iterator[tuple[str, float]]:
    """Read the prices that are numbers; a negative one means that it varies (FACTS, Catalog)."""
    for name, value in pricing.items() if isinstance(pricing, dict) else ():
        price = _price(value)
        if price is not None:
            yield name, price


def _price(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = float(value)
    except (ValueError, OverflowError):
        return None
    return price if math.isfinite(price) and price >= 0 else None
