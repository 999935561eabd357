"""Which of the provider's two formats a model is spoken to in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from actors.values import WireFormat
from bridge.transforms.model_ids import ModelId, listed_id, normalised_id


def wire_for(
    model_id: str, *, default: WireFormat, force_responses: str = "", force_chat: str = ""
) -> WireFormat:
    """Choose the format (SPEC 100).

    Args:
        model_id: the exact id, its variants and preset included.
        default: for models that no list names.
        force_responses: comma list of globs, spelt with `/` or with `.` as Open WebUI does;
            case counts.
        force_chat: likewise; the other list wins over it.
    """
    if not force_responses and not force_chat:
        return default
    spellings = tuple(_spellings(model_id))
    if _is_named(spellings, force_responses):
        return WireFormat.RESPONSES
    return WireFormat.CHAT if _is_named(spellings, force_chat) else default


def _spellings(model_id: str) -> Iterator[str]:
    """Write an id in every way a glob may mean it: with and without date, variants and preset."""
    for exact in dict.fromkeys((model_id, ModelId.parse(model_id).base)):
        for known in dict.fromkeys((exact.lower(), normalised_id(exact))):
            yield from dict.fromkeys((known, listed_id(known)))


def _is_named(spellings: tuple[str, ...], globs: str) -> bool:
    wanted = (glob for part in globs.split(",") if (glob := part.strip()))
    return any(fnmatchcase(spelling, glob) for glob in wanted for spelling in spellings)
