"""Puts artifacts in the place of the marks that name them. Pure (SPEC 39-43).

What a provider would refuse is left out and counted, never an error: a conversation without its
old thinking is worse, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

from actors.artifacts import Artifact, Recalled
from actors.pairing import paired, pairs_of
from actors.retention import with_short_outputs
from actors.values import Item, Mark, Reasoning, Role, ToolCall, ToolOutput, Turn

# Its models are made by others, or stand for others (FACTS, Model ids).
_ROUTER: Final = "openrouter"


class ReasoningRetention(Enum):
    """How long thinking is kept (SPEC 43)."""

    DISABLED = "disabled"
    NEXT_REPLY = "next_reply"
    CONVERSATION = "conversation"


class Placed(Struct, frozen=True, kw_only=True, gc=False):
    """A conversation without marks.

    Attributes:
        items: what is sent.
        placed: artifacts that stand in it.
        missing: marks whose artifact was not there, or could not be opened.
        unpaired: calls and outputs without each other, and thinking that led to nothing that is
            left, stored or not.
        foreign: thinking of another family of models.
        doubled: items of the history that artifacts stand for.
        to_forget: ids of thinking to be deleted once this request is answered.
    """

    items: tuple[Item, ...]
    placed: int = 0
    missing: int = 0
    unpaired: int = 0
    foreign: int = 0
    doubled: int = 0
    to_forget: tuple[str, ...] = ()


def wanted(items: Sequence[Item]) -> tuple[str, ...]:
    """Return the ids that the marks name, each once, in order."""
    return tuple(dict.fromkeys(item.artifact_id for item in items if isinstance(item, Mark)))


def without_marks(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return a conversation as it is where nothing can be recalled."""
    return tuple(item for item in items if not isinstance(item, Mark))


def placed(
    items: Sequence[Item],
    recalled: Recalled,
    *,
    model: str,
    retention: ReasoningRetention,
    turns_kept: int,
) -> Placed:
    """Put each artifact where its mark is.

    Args:
        items: the conversation, with marks.
        recalled: what was found of `wanted(items)`; nothing when the store could not be read.
        model: the provider's id of the model that is asked now.
        retention: what becomes of thinking; rows of earlier settings obey as well.
        turns_kept: turns whose long outputs stay whole; see `with_short_outputs`.
    """
    found = {each.id: each for each in recalled.artifacts}
    last_question = max((at for at, item in enumerate(items) if _is_question(item)), default=-1)
    marked = [
        found[artifact_id]
        for artifact_id in wanted(items[: max(0, last_question)])
        if artifact_id in found
    ]
    filling = _Filling(found, model, retention)
    for answer in _answers(items):
        filling.fill(answer)
    pairs = paired(filling.items)
    return Placed(
        items=with_short_outputs(pairs.items, turns_kept=turns_kept),
        placed=filling.placed,
        missing=filling.missing,
        unpaired=filling.unpaired + pairs.dropped,
        foreign=filling.foreign,
        doubled=filling.doubled,
        to_forget=tuple(each.id for each in marked if isinstance(each.item, Reasoning))
        if retention is ReasoningRetention.NEXT_REPLY
        else (),
    )


def is_of_family(model_id: str, model: str) -> bool:
    """Say whether thinking of the one model may be sent to the other (FACTS, other model next).

    Args:
        model_id: who made it: a provider's id (`openai/gpt-4o`), or as Open WebUI lists it, with
            or without the name of a function (`openai.gpt-4o`, `pipe.openai.gpt-4o`).
        model: who is asked now, by the provider's id.
    """
    asked = _plain(model)
    maker, slash, _ = asked.partition("/")
    made_by = _plain(model_id)
    if made_by in (asked, asked.replace("/", ".")):
        return bool(asked)
    if not slash or maker == _ROUTER:
        return False
    if "/" in made_by:
        return made_by.partition("/")[0] == maker
    return maker in made_by.split(".")[:2]


def _plain(model_id: str) -> str:
    """Return an id without its variants, its preset and the sign of an alias."""
    return model_id.partition("@")[0].partition(":")[0].removeprefix("~").lower()


class _Entry(Struct, kw_only=True):
    """An item under way; None: something is missing here."""

    item: Item | None
    is_stored: bool = False


class _Filling:
    """What `placed` has put together so far."""

    def __init__(
        self, found: Mapping[str, Artifact], model: str, retention: ReasoningRetention
    ) -> None:
        self._left = dict(found)
        self._used: set[str] = set()
        self._model = model
        self._retention = retention
        self.items: list[Item] = []
        self.placed = self.missing = self.unpaired = self.foreign = self.doubled = 0

    def fill(self, answer: Sequence[Item]) -> None:
        """Go on with one question and all that answers it."""
        if Mark not in {*map(type, answer)}:
            self.items += answer
            return
        entries = self._recalled(answer)
        self._drop_unpaired(entries)
        self._drop_before_gaps(entries)
        self._drop_doubles(entries)
        for entry in entries:
            if entry.item is not None:
                self.items.append(entry.item)
                self.placed += entry.is_stored

    def _recalled(self, answer: Sequence[Item]) -> list[_Entry]:
        entries: list[_Entry] = []
        run: list[Artifact] = []
        for item in answer:
            if isinstance(item, Mark):
                artifact = self._take(item.artifact_id)
                if artifact is not None:
                    run.append(artifact)
                    continue
                if item.artifact_id in self._used:
                    continue
                self.missing += 1
            entries += self._stored(run)
            run = []
            entries.append(_Entry(item=None if isinstance(item, Mark) else item))
        entries += self._stored(run)
        return entries

    def _take(self, artifact_id: str) -> Artifact | None:
        """Return an artifact for the first mark that names it."""
        artifact = self._left.pop(artifact_id, None)
        if artifact is not None:
            self._used.add(artifact_id)
        return artifact

    def _stored(self, run: Sequence[Artifact]) -> Iterator[_Entry]:
        for artifact in _in_order(run):
            if isinstance(artifact.item, Reasoning):
                if self._retention is ReasoningRetention.DISABLED:
                    continue
                if not is_of_family(artifact.model_id, self._model):
                    self.foreign += 1
                    continue
            yield _Entry(item=artifact.item, is_stored=True)

    def _drop_unpaired(self, entries: list[_Entry]) -> None:
        """Drop stored calls and outputs that lack each other: what was rebuilt may be whole."""
        stored = [entry for entry in entries if entry.is_stored and entry.item is not None]
        pairs = pairs_of([entry.item for entry in stored if entry.item is not None])
        whole = {*pairs, *pairs.values()}
        for at, entry in enumerate(stored):
            if isinstance(entry.item, ToolCall | ToolOutput) and at not in whole:
                entry.item = None
                self.unpaired += 1

    def _drop_before_gaps(self, entries: list[_Entry]) -> None:
        """Drop stored thinking that led to something missing: a provider wants all or nothing."""
        is_gap = False
        for entry in reversed(entries):
            if is_gap and entry.is_stored and isinstance(entry.item, Reasoning):
                entry.item = None
                self.unpaired += 1
            is_gap = entry.item is None

    def _drop_doubles(self, entries: list[_Entry]) -> None:
        """Drop what Open WebUI rebuilt of an answer whose artifacts are here (SPEC 33)."""
        stored = [entry.item for entry in entries if entry.is_stored]
        calls = {item.call_id for item in stored if isinstance(item, ToolCall)}
        has_thinking = any(isinstance(item, Reasoning) for item in stored)
        for entry in entries:
            if entry.is_stored:
                continue
            is_double = (
                entry.item.call_id in calls
                if isinstance(entry.item, ToolCall | ToolOutput)
                else has_thinking and isinstance(entry.item, Reasoning)
            )
            if is_double:
                entry.item = None
                self.doubled += 1


def _answers(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Part a conversation at the questions; ids of calls may repeat from answer to answer."""
    begin = 0
    for at, item in enumerate(items):
        if _is_question(item):
            yield items[begin:at]
            begin = at
    yield items[begin:]


def _is_question(item: Item) -> bool:
    return isinstance(item, Turn) and item.role is Role.USER


def _in_order(run: Sequence[Artifact]) -> Iterator[Artifact]:
    """Order a run of artifacts by their places; where a place comes again, another answer begins.

    The earlier pipe knew no places: all of its rows have the same, and keep the order of marks.
    """
    part: dict[int, Artifact] = {}
    message_id = ""
    for artifact in run:
        if artifact.place in part or artifact.message_id != message_id:
            yield from (part[place] for place in sorted(part))
            part = {}
        part[artifact.place] = artifact
        message_id = artifact.message_id
    yield from (part[place] for place in sorted(part))
