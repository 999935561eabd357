"""Which images of a conversation are sent. Pure.

Only the newest question's: older ones were seen and answered, and each costs like pages of text
(SPEC 48-50).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.values import ImagePart, Item, Part, Role, TextPart, Turn

THEN_ASSISTANT: Final = "user_then_assistant"

_PLACEHOLDER: Final = TextPart(text="[image]")
_ADDRESS: Final = re.compile(r"""(?:https?://|data:image/)[^\s()<>"']+""")
_ALT_CHARS_MAX: Final = 1000


class ChosenImages(Struct, frozen=True, kw_only=True, gc=False):
    """Items with only the images that are sent.

    `surplus` of the newest question's images were over the limit, `unseen` cannot be looked at
    by the model; older images that are left out are not counted.
    """

    items: tuple[Item, ...]
    surplus: int = 0
    unseen: int = 0


def with_chosen_images(
    items: Sequence[Item], *, images_max: int, selection: str, sees_images: bool = True
) -> ChosenImages:
    """Leave out every image that is not to be sent.

    Args:
        items: the conversation.
        images_max: images that one request may hold.
        selection: with `user_then_assistant`, a question without an image takes those along
            that the answer before it showed in Markdown, by an address that anybody can open.
        sees_images: whether the model takes images.
    """
    newest = _last_turn(items, Role.USER, len(items))
    kept = [
        item if at == newest or not isinstance(item, Turn) else _without_images(item)
        for at, item in enumerate(items)
    ]
    if newest is None:
        return ChosenImages(items=tuple(kept))
    question = items[newest]
    assert isinstance(question, Turn), "only turns are looked for"
    images = [part for part in question.parts if isinstance(part, ImagePart)]
    if not sees_images:
        kept[newest] = _without_images(question)
        return ChosenImages(items=tuple(kept), unseen=len(images))
    if not images and selection == THEN_ASSISTANT:
        shown = _shown_before(items, newest)[:images_max]
        kept[newest] = replace(question, parts=(*question.parts, *shown))
        return ChosenImages(items=tuple(kept))
    surplus = max(0, len(images) - images_max)
    if surplus:
        kept[newest] = _without_images(question, keep=images_max)
    return ChosenImages(items=tuple(kept), surplus=surplus)


def markdown_images(text: str) -> Iterator[str]:
    """Find the addresses of the images that a Markdown text shows. One pass."""
    at = last_end = 0
    while (at := text.find("](", at)) >= 0:
        found = _ADDRESS.match(text, at + 2)
        if found is None:
            at += 2
            continue
        # What stands before the last address was looked through already.
        if text.rfind("![", max(last_end, at - _ALT_CHARS_MAX), at) >= 0:
            yield found[0]
        at = last_end = found.end()


def _last_turn(items: Sequence[Item], role: Role, before: int) -> int | None:
    turns = (at for at in range(before - 1, -1, -1) if _is_turn(items[at], role))
    return next(turns, None)


def _is_turn(item: Item, role: Role) -> bool:
    return isinstance(item, Turn) and item.role is role


def _shown_before(items: Sequence[Item], newest: int) -> list[ImagePart]:
    at = _last_turn(items, Role.ASSISTANT, newest)
    answer = items[at] if at is not None else None
    if not isinstance(answer, Turn):
        return []
    texts = (part.text for part in answer.parts if isinstance(part, TextPart))
    urls = (url for text in texts for url in markdown_images(text))
    return [ImagePart(url=url) for url in dict.fromkeys(urls)]


def _without_images(turn: Turn, keep: int = 0) -> Turn:
    """Drop the images behind the first `keep`; a turn of images alone keeps a word for them."""
    parts: list[Part] = []
    for part in turn.parts:
        if isinstance(part, ImagePart):
            if keep <= 0:
                continue
            keep -= 1
        parts.append(part)
    return turn if len(parts) == len(turn.parts) else replace(turn, parts=_some(parts))


def _some(parts: list[Part]) -> tuple[Part, ...]:
    return tuple(parts) if parts else (_PLACEHOLDER,)
