"""How a model of the catalog is named in Open WebUI, and back. Pure.

Open WebUI knows a model as `<function id>.<listed id>`; the listed id is the exact id of the
provider with `/` replaced by `.`. Only the catalog can turn it back: dots stand in exact ids too.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.values import Catalog


def listed_id(exact_id: str) -> str:
    """Return the id under which Open WebUI lists a model (SPEC 6)."""
    return exact_id.replace("/", ".")


def exact_ids(catalog: Catalog) -> Mapping[str, str]:
    """Return the exact id for every listed id; build it once per catalog (SPEC 124)."""
    return {listed_id(model.id): model.id for model in catalog.models}


def find_exact_id(asked: str, *, function_id: str, model_ids: Mapping[str, str]) -> str | None:
    """Return the exact id of the model that was asked for, or None when the catalog lacks it.

    Args:
        asked: what stands in the request: with or without the function's id in front, spelt
            with dots or as the provider spells it.
        function_id: the id under which Open WebUI runs this pipe.
        model_ids: exact ids by listed id.
    """
    found = model_ids.get(listed_id(asked.removeprefix(f"{function_id}.")))
    # A maker may bear the name of the function: then what was taken off belongs to the model.
    return found if found is not None else model_ids.get(listed_id(asked))
