"""Decides what a request gets: the plan first, then the URL, then the model. Bounded."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

import msgspec

from bridge.standin.catalog import OBJECTION_MODEL_PREFIX, STANDIN_AUTHOR
from bridge.standin.faults import ProviderFault
from bridge.standin.objections import Objection
from bridge.standin.wishes import PLAN_MAX, Subject, Wish, WishRejected, parse_spec

SPECS_REMEMBERED_MAX = 10_000

_FAULT_MODEL_PREFIX = "fault-"


class Plan:
    """The queue of wishes for the next requests, and how often each spec was used."""

    def __init__(self) -> None:
        self._queue: deque[Wish] = deque()
        self._uses: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, wishes: Iterable[Wish]) -> None:
        """Put wishes at the end of the queue.

        Raises:
            WishRejected: the queue would grow past its bound.
        """
        added = tuple(wishes)
        if len(self._queue) + len(added) > PLAN_MAX:
            raise WishRejected(f"The plan holds {PLAN_MAX} wishes at most.")
        self._queue.extend(added)

    def clear(self) -> None:
        """Forget the queue and every count."""
        self._queue.clear()
        self._uses.clear()

    def next_planned(self) -> Wish | None:
        """Take the next wish; one with `times` serves that many requests."""
        if not self._queue:
            return None
        wish = self._queue.popleft()
        if wish.times > 1:
            self._queue.appendleft(msgspec.structs.replace(wish, times=wish.times - 1))
        return wish

    def from_spec(self, spec: str, subject: Subject) -> Wish:
        """Read a spec; its fault is left out once it has struck `times` requests.

        Raises:
            WishRejected: the spec asks for something unknown.
        """
        wish = parse_spec(spec)
        if not wish.strikes(subject):
            return wish.without_fault()
        if wish.times and self._count_use(spec) > wish.times:
            return wish.without_fault()
        return wish

    def _count_use(self, spec: str) -> int:
        uses = self._uses.pop(spec, 0) + 1
        self._uses[spec] = uses
        if len(self._uses) > SPECS_REMEMBERED_MAX:
            self._uses.popitem(last=False)
        return uses


def wish_of_model(model: str) -> Wish | None:
    """Return what a stand-in model stands for, or None for every other model.

    `standin/markdown` plays a script, `standin/fault-503` a fault, `standin/objects-to-effort`
    is a model that does not take an effort, `standin/echo` the default.
    """
    author, _, name = model.partition("/")
    if author != STANDIN_AUTHOR:
        return None
    if name.startswith(OBJECTION_MODEL_PREFIX):
        try:
            return Wish(objects_to=(Objection.named(name.removeprefix(OBJECTION_MODEL_PREFIX)),))
        except ValueError as error:
            raise WishRejected(f"There is no objection of the name in {model}.") from error
    if not name.startswith(_FAULT_MODEL_PREFIX):
        return Wish(script="" if name == "echo" else name)
    try:
        return Wish(fault=ProviderFault.named(name.removeprefix(_FAULT_MODEL_PREFIX)))
    except ValueError as error:
        raise WishRejected(f"There is no fault of the name in {model}.") from error
