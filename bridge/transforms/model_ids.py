"""How a model is named: by the provider, in Open WebUI's list, and in a request. Pure.

Open WebUI knows a model as `<function id>.<listed id>`; the listed id is the exact id of the
provider with `/` replaced by `.`. Only the catalog can turn it back: dots stand in exact ids too.

An exact id says more than the catalog lists: `author/slug:variant@preset/slug` sends the model
of a row another way, and presets, aliases and routers need no row at all (FACTS, Model ids).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from actors.values import Catalog, Model

ROUTING_VARIANTS: Final = frozenset(
    {"nitro", "floor", "exacto", "online", "free", "thinking", "extended"}
)
"""Variants that may stand behind a listed model without a row of their own. The last three exist
for some models only; which ones, the provider knows better than an hour-old catalog."""

ROUTERS: Final = frozenset({"auto", "auto-beta", "free", "fusion", "pareto-code", "bodybuilder"})
"""Models of `openrouter/` that pick another model; some catalogs do not list them."""

NO_MODELS: Final[Mapping[str, Model]] = MappingProxyType({})

_PRESET: Final = "@preset/"
_LISTED_PRESET: Final = "@preset."
_ROUTER: Final = "openrouter"
_ALIAS: Final = re.compile(r"~[^/.:@\s]+[/.][^/:@\s]+-latest")
_DATE: Final = re.compile(r"-\d{4}-\d{2}-\d{2}(?=$|:)", re.ASCII)
_VARIANTS_MAX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelId:
    """An id as the provider spells it, in its parts; `str` puts it together again.

    Attributes:
        base: `author/slug`, or `~author/family-latest`; "" for a preset that names its own model.
        variants: what follows the base, without the colons.
        preset: the slug of an account's preset, or "".
    """

    base: str
    variants: tuple[str, ...] = ()
    preset: str = ""

    @classmethod
    def parse(cls, spelled: str) -> ModelId:
        """Take an exact id apart. No spelling is refused: whether it exists, a catalog tells."""
        return _parsed(spelled)

    def __str__(self) -> str:
        preset = f"{_PRESET}{self.preset}" if self.preset else ""
        return ":".join((self.base, *self.variants)) + preset

    @property
    def author(self) -> str:
        """Who made the model; the same for a model and for an alias of it."""
        return self.base.partition("/")[0].removeprefix("~")

    @property
    def slug(self) -> str:
        """The model's name without its author."""
        return self.base.partition("/")[2]

    @property
    def is_alias(self) -> bool:
        """Whether it stands for the newest model of a family."""
        return self.base.startswith("~")


class FoundModel(Struct, frozen=True, kw_only=True, gc=False):
    """The exact id to send, and the row that describes the model; None where none does."""

    id: str
    model: Model | None = None


@lru_cache(maxsize=256)
def _parsed(spelled: str) -> ModelId:
    head, mark, preset = spelled.partition(_PRESET)
    if not preset:
        head = spelled
    base, *variants = head.split(":")
    return ModelId(base=base, variants=tuple(variants), preset=preset if mark else "")


def listed_id(exact_id: str) -> str:
    """Return the id under which Open WebUI lists a model (SPEC 6)."""
    return exact_id.replace("/", ".")


def exact_ids(catalog: Catalog) -> Mapping[str, str]:
    """Return the exact id for every listed id; build it once per catalog (SPEC 124)."""
    return {listed_id(model.id): model.id for model in catalog.models}


def models_by_id(catalog: Catalog) -> Mapping[str, Model]:
    """Return the row for every exact id; build it once per catalog."""
    return {model.id: model for model in catalog.models}


def normalised_id(exact_id: str) -> str:
    """Return an id for globs and look-ups of metadata: lower case, no date (SPEC 124)."""
    return _DATE.sub("", exact_id.lower())


def find_exact_id(asked: str, *, function_id: str, model_ids: Mapping[str, str]) -> str | None:
    """Return the exact id of the model that was asked for; see `find_model`."""
    found = find_model(asked, function_id=function_id, model_ids=model_ids)
    return None if found is None else found.id


def find_model(
    asked: str,
    *,
    function_id: str,
    model_ids: Mapping[str, str],
    models: Mapping[str, Model] = NO_MODELS,
) -> FoundModel | None:
    """Find the model that was asked for.

    Args:
        asked: what stands in the request: with or without the function's id in front, spelt
            with dots or as the provider spells it.
        function_id: the id under which Open WebUI runs this pipe.
        model_ids: exact ids by listed id.
        models: rows by exact id.

    Returns:
        The id to send. A row of that very id comes first; else one without its variants and
        its preset. None when the catalog lacks it and it is no preset, alias or router.
    """
    spelled = asked.removeprefix(f"{function_id}.")
    if (exact := model_ids.get(listed_id(spelled))) is not None:
        return FoundModel(id=exact, model=models.get(exact))
    # A maker may bear the name of the function: then what was taken off belongs to the model.
    spellings = tuple(dict.fromkeys((spelled, asked)))
    for spelled in spellings:
        if (found := _listed(spelled, model_ids, models)) is not None:
            return found
    return next((FoundModel(id=exact) for each in spellings if (exact := _unlisted(each))), None)


def _listed(
    spelled: str, model_ids: Mapping[str, str], models: Mapping[str, Model]
) -> FoundModel | None:
    if (exact := model_ids.get(listed_id(spelled))) is not None:
        return FoundModel(id=exact, model=models.get(exact))
    head, preset = _preset_apart(spelled)
    variants = ""
    for _ in range(_VARIANTS_MAX + 1):
        exact = model_ids.get(listed_id(head))
        if exact is not None:
            return FoundModel(id=exact + variants + preset, model=models.get(exact))
        head, colon, variant = head.rpartition(":")
        if not colon or variant not in ROUTING_VARIANTS:
            break
        variants = f":{variant}{variants}"
    return None


def _unlisted(spelled: str) -> str | None:
    """Return the exact form of an id that needs no row; None when it is none of those."""
    head, preset = _preset_apart(spelled)
    if not head:
        return preset or None
    base, colon, variants = head.partition(":")
    if not set(variants.split(":") if colon else ()) <= ROUTING_VARIANTS:
        return None
    author, _, slug = base.partition("/" if "/" in base else ".")
    if _ALIAS.fullmatch(base) or (author == _ROUTER and slug in ROUTERS):
        return f"{author}/{slug}{colon}{variants}{preset}"
    return None


def _preset_apart(spelled: str) -> tuple[str, str]:
    """Split off a preset as the provider spells it, whichever way it is spelt here."""
    for mark in (_PRESET, _LISTED_PRESET):
        head, _, slug = spelled.partition(mark)
        if slug:
            return head, f"{_PRESET}{slug}"
    return spelled, ""
