"""The models of one function: what Open WebUI lists, and what a chat may use of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from actors.catalog import CatalogKnown, CatalogMissing
from actors.kernel.errors import KernelError
from actors.values import Catalog, Model
from bridge.app import App
from bridge.config.settings import KeyProblem, Settings
from bridge.owui.error_kinds import Condition
from bridge.owui.error_text import explain, setup_name, valves_name
from bridge.owui.snapshots import Snapshot
from bridge.transforms.catalog_filters import allowed_models, restriction_reasons, unknown_ids
from bridge.transforms.model_ids import FoundModel, exact_ids, listed_id, models_by_id

_log = logging.getLogger("greenroom.pipe")

SETUP_ID: Final = "greenroom-setup"

# How long a list of models, or the first chat, waits for a catalog that was never loaded.
CATALOG_WAIT_S: Final = 45.0


class CatalogUnknown(Exception):
    """There is no list of models yet; `about` says why, as far as anybody knows."""

    def __init__(self, about: str) -> None:
        self.about = about
        super().__init__()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModels:
    """The catalog as it was last, and how long that stands for these settings.

    `ids` are exact ids by listed id, `rows` are models by exact id.
    """

    settings: Settings
    catalog: Catalog
    fresh_until_s: float
    ids: Mapping[str, str]
    rows: Mapping[str, Model]


class Listing:
    """Remembers the catalog for the chats of one door."""

    def __init__(self) -> None:
        self._known: KnownModels | None = None

    async def rows(self, app: App, snapshot: Snapshot) -> list[dict[str, str]]:
        """Return what Open WebUI lists, by name (SPEC 6, 7)."""
        try:
            known = await self.known(app, snapshot.settings)
        except CatalogUnknown as unknown:
            return setup_rows(Condition.STARTUP, unknown.about)
        models = _offered(known.catalog, snapshot.settings)
        listed = [{"id": listed_id(model.id), "name": model.name} for model in models]
        if snapshot.problems:
            listed.append({"id": SETUP_ID, "name": valves_name(snapshot.problems)})
        return sorted(listed, key=lambda row: row["name"].casefold())

    def fresh(self, settings: Settings, now_s: float) -> KnownModels | None:
        """Return the catalog if it was just looked at for the same settings."""
        seen = self._known
        is_fresh = seen is not None and seen.settings is settings and now_s < seen.fresh_until_s
        return seen if is_fresh else None

    async def known(self, app: App, settings: Settings) -> KnownModels:
        """Return the catalog; only the first to ask waits for it.

        Raises:
            CatalogUnknown: it was never loaded.
        """
        if (fresh := self.fresh(settings, app.now_s())) is not None:
            return fresh
        seen = self._known
        try:
            answer = await app.catalog(settings, wait_s=CATALOG_WAIT_S)
        except KernelError as error:
            answer = error
        if not isinstance(answer, CatalogKnown):
            cause = answer.error if isinstance(answer, CatalogMissing) else answer
            raise CatalogUnknown(explain(cause).happened)
        is_same = seen is not None and seen.catalog is answer.catalog
        known = self._known = KnownModels(
            settings=settings,
            catalog=answer.catalog,
            fresh_until_s=answer.fresh_until_s,
            ids=seen.ids if seen is not None and is_same else exact_ids(answer.catalog),
            rows=seen.rows if seen is not None and is_same else models_by_id(answer.catalog),
        )
        return known


def restrictions(model_id: str, row: Model | None, known: KnownModels) -> tuple[str, ...]:
    """Say why the valves do not allow a model; empty when they do (SPEC 127)."""
    settings = known.settings
    if not settings.models_wanted and settings.catalog.lets_all_pass:
        return ()
    return restriction_reasons(
        FoundModel(id=model_id, model=row),
        known.catalog.models,
        model_id_filter=settings.models_wanted,
        free_filter=settings.catalog.free.value,
        tool_filter=settings.catalog.tool_calling.value,
    )


def setup_rows(condition: Condition, about: str = "") -> list[dict[str, str]]:
    """Return the one entry that says what is missing."""
    return [{"id": SETUP_ID, "name": setup_name(condition, about=about)}]


def unusable(settings: Settings) -> Condition | None:
    """Say what stands in the way of every request, if anything does."""
    if settings.base_url_problem is not None:
        return Condition.BASE_URL_INVALID
    if settings.key_problem is KeyProblem.MISSING:
        return Condition.KEY_MISSING
    if settings.key_problem is KeyProblem.UNDECRYPTABLE:
        return Condition.KEY_UNDECRYPTABLE
    return None


def _offered(catalog: Catalog, settings: Settings) -> tuple[Model, ...]:
    """Keep the models that the valves allow; if MODEL_ID names none that exists, that lets all."""
    unknown = unknown_ids(catalog.models, settings.models_wanted)
    if unknown:
        _log.warning("MODEL_ID names %d models that the catalog does not have", len(unknown))
    return allowed_models(
        catalog.models,
        model_id_filter=settings.models_wanted,
        free_filter=settings.catalog.free.value,
        tool_filter=settings.catalog.tool_calling.value,
    )
