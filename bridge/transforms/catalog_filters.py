"""Which models of the catalog an admin offers, and why one is not offered. Pure (SPEC 126, 127)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from actors.values import Model
from bridge.transforms.model_ids import FoundModel, listed_id

ALL: Final = "all"
ONLY: Final = "only"

NOT_IN_CATALOG: Final = "not_in_catalog"
BY_ID: Final = "MODEL_ID"
BY_PRICE: Final = "FREE_MODEL_FILTER"
BY_TOOLS: Final = "TOOL_CALLING_FILTER"

_EVERY_MODEL: Final = "auto"
_TOOL_PARAMETERS: Final = frozenset({"tools", "tool_choice"})


def allowed_models(
    models: Iterable[Model],
    *,
    model_id_filter: str | Sequence[str] = (),
    free_filter: str = ALL,
    tool_filter: str = ALL,
) -> tuple[Model, ...]:
    """Keep the models that are offered, in their order.

    Args:
        models: the catalog.
        model_id_filter: ids, as a comma list or one by one, spelt with `/` or with `.`; nothing
            or `auto` means all, and so do ids of which the catalog has none.
        free_filter: models that cost nothing: `all`, `only` or `exclude`.
        tool_filter: models that call tools, likewise.
    """
    rows = tuple(models)
    named = _named(rows, model_id_filter)
    return tuple(
        model
        for model in rows
        if (named is None or listed_id(model.id) in named)
        and _passes(free_filter, is_free(model))
        and _passes(tool_filter, calls_tools(model))
    )


def unknown_ids(models: Iterable[Model], model_id_filter: str | Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the filter that the catalog does not have, to warn of."""
    known = {listed_id(model.id) for model in models}
    return tuple(each for each in _wanted(model_id_filter) if listed_id(each) not in known)


def restriction_reasons(
    found: FoundModel | None,
    models: Iterable[Model],
    *,
    model_id_filter: str | Sequence[str] = (),
    free_filter: str = ALL,
    tool_filter: str = ALL,
) -> tuple[str, ...]:
    """Say why a model may not be used; empty when it may.

    Args:
        found: the model that was asked for. None: there is none of that name. One without a row
            (a preset, say) passes a filter only if the filter lets everything pass.
        models: the catalog.
        model_id_filter: see `allowed_models`.
        free_filter: see `allowed_models`.
        tool_filter: see `allowed_models`.
    """
    if found is None:
        return (NOT_IN_CATALOG,)
    row = found.model
    named = _named(tuple(models), model_id_filter)
    spelled = {listed_id(found.id)} | ({listed_id(row.id)} if row is not None else set())
    reasons: list[str] = []
    if named is not None and not named & spelled:
        reasons.append(BY_ID)
    if not _passes(free_filter, None if row is None else is_free(row)):
        reasons.append(f"{BY_PRICE}={free_filter}")
    if not _passes(tool_filter, None if row is None else calls_tools(row)):
        reasons.append(f"{BY_TOOLS}={tool_filter}")
    return tuple(reasons)


def is_free(model: Model) -> bool:
    """Say whether everything that has a price is free; without a price nobody knows."""
    return bool(model.prices) and sum(price for _, price in model.prices) == 0


def calls_tools(model: Model) -> bool:
    """Say whether the model can be given tools."""
    return bool(_TOOL_PARAMETERS.intersection(model.parameters))


def _wanted(model_id_filter: str | Sequence[str]) -> Iterator[str]:
    parts = model_id_filter.split(",") if isinstance(model_id_filter, str) else model_id_filter
    return iter(dict.fromkeys(name for part in parts if (name := part.strip())))


def _named(models: Sequence[Model], model_id_filter: str | Sequence[str]) -> set[str] | None:
    """Return the listed ids that a filter names; None when it keeps nothing out."""
    wanted = tuple(_wanted(model_id_filter))
    if any(name.lower() == _EVERY_MODEL for name in wanted):
        return None
    named = {listed_id(name) for name in wanted}
    return named if named & {listed_id(model.id) for model in models} else None


def _passes(mode: str, has_it: bool | None) -> bool:
    """Apply one filter to whether a model has something; None is not known."""
    if mode == ALL:
        return True
    return has_it is (mode == ONLY)
