"""Which calls of one answer run together, and which wait for others. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from actors.values import ToolCall

# What a model, or a tool's author, writes into arguments to keep a call out of a batch.
_ORDERS: Final = ("depends_on", "_depends_on")
_SEQUENTIAL: Final = "sequential"
_MARKS: Final = (*_ORDERS, _SEQUENTIAL, "no_batch")

# Without one of these in it, JSON text spells every string as it is.
_ESCAPE: Final = "\\"


class Batch(Struct, frozen=True, kw_only=True):
    """Calls that start together.

    `waits_for` are ids of calls that have to be over before; every one of them stands in an
    earlier batch. Batches that wait for nothing may run at the same time.
    """

    calls: tuple[ToolCall, ...]
    waits_for: frozenset[str] = frozenset()


def arguments_of(call: ToolCall) -> dict[str, object] | None:
    """Read what a model wrote as arguments; None when it is no JSON object.

    Nothing at all, and `null`, are what models write for a tool without parameters: both are
    read as `{}` (FACTS, Tool calling).
    """
    if not call.arguments.strip():
        return {}
    try:
        value: object = msgspec.json.decode(call.arguments)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def are_arguments_json(call: ToolCall) -> bool:
    """Say whether a call may be run at all: a half-written one may not (FACTS, row 1)."""
    return arguments_of(call) is not None


def plan(calls: Sequence[ToolCall], *, batch_max: int) -> tuple[Batch, ...]:
    """Arrange calls into batches (SPEC 71).

    Args:
        calls: in the order in which the model worded them.
        batch_max: calls of the same name that may run together; less than one counts as one.

    Returns:
        Batches in an order in which they can run one after the other: each stands after all
        that it waits for. Each call is in exactly one of them. Where calls refer to each other
        in a circle, the one that was worded first does not wait.
    """
    batches: list[Batch] = []
    open_at: dict[str, int] = {}
    placed: set[int] = set()
    waits = _waits(calls)
    for index in _in_order(waits):
        call, needed = calls[index], waits[index]
        place = open_at.get(call.name)
        if needed is not None:
            ids = {calls[each].call_id for each in placed.intersection(needed)}
            batches.append(Batch(calls=(call,), waits_for=frozenset(ids)))
        elif place is not None and len(batches[place].calls) < batch_max:
            batches[place] = Batch(calls=(*batches[place].calls, call))
        else:
            open_at[call.name] = len(batches)
            batches.append(Batch(calls=(call,)))
        placed.add(index)
    return tuple(batches)


def _waits(calls: Sequence[ToolCall]) -> list[frozenset[int] | None]:
    """Tell for every call which ones it waits for; None: it may run with others of its name."""
    waits: list[frozenset[int] | None] = []
    hints = (*_MARKS, *(call.call_id for call in calls))
    for index, call in enumerate(calls):
        if not _may_say_something(call.arguments, hints):
            waits.append(None)
            continue
        arguments = arguments_of(call) or {}
        others = [other for other in range(len(calls)) if other != index]
        texts = tuple(_strings(arguments))
        needed = {o for o in others if any(_refers(text, calls[o].call_id) for text in texts)}
        marks = [mark for mark in _MARKS if arguments.get(mark)]
        named = {text for mark in _ORDERS for text in _strings(arguments.get(mark))}
        needed.update(o for o in others if calls[o].name in named)
        is_vague = bool(set(_ORDERS).intersection(marks)) and not needed
        if is_vague or _SEQUENTIAL in marks:
            # It names nothing that is here: then whatever was worded before it comes before it.
            needed.update(range(index))
        waits.append(frozenset(needed) if needed or marks else None)
    return waits


def _may_say_something(text: str, hints: Sequence[str]) -> bool:
    """Rule out, without reading them, that arguments name a mark or a call: nearly none do."""
    return _ESCAPE in text or any(hint in text for hint in hints)


def _in_order(waits: Sequence[frozenset[int] | None]) -> list[int]:
    """Order the calls so that each stands after those it waits for; circles are broken."""
    order: list[int] = []
    left = list(range(len(waits)))
    if not any(waits):
        return left
    while left:
        ready = (i for i in left if not (waits[i] or frozenset()).intersection(left))
        following = next(ready, left[0])
        order.append(following)
        left.remove(following)
    return order


def _strings(value: object) -> Iterator[str]:
    """Give every string in a JSON value; the decoder has bounded how deep it nests."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _refers(text: str, call_id: str) -> bool:
    """Say whether a text holds this id as a word of its own."""
    at = text.find(call_id) if call_id else -1
    while at >= 0:
        end = at + len(call_id)
        if not (_is_of_a_word(text[max(0, at - 1) : at]) or _is_of_a_word(text[end : end + 1])):
            return True
        at = text.find(call_id, at + 1)
    return False


def _is_of_a_word(character: str) -> bool:
    """Say whether an id next to this character is only a part of a longer one."""
    return character.isalnum() or character in ("_", "-")
