"""What somebody wants the next answer to be, and how that is written in a URL. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import unquote

import msgspec

from bridge.standin.faults import Moment, ProviderFault
from bridge.standin.frames import Json
from bridge.standin.objections import Objection

DELTAS_MAX = 500_000
DELTA_BYTES_MAX = 4 * 1024 * 1024
GENERATED_BYTES_MAX = 128 * 1024 * 1024
PAUSE_MS_MAX = 600_000
CUTS_MAX = 10_000
PLAN_MAX = 10_000
AFTER_DEFAULT = 3

_LISTS = ("cuts", "objects_to")

Count = Annotated[int, msgspec.Meta(ge=0, le=DELTAS_MAX)]
PauseMs = Annotated[float, msgspec.Meta(ge=0, le=PAUSE_MS_MAX)]
Subject = Literal["generation", "models", "key", "all"]


class WishRejected(ValueError):
    """The spec or plan asks for something that does not exist; the text says what does."""


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One wish. Everything has a default: the empty wish is a friendly, faultless answer.

    `n`, `b` and `reasoning_n` ask for an answer by size instead of a script. `times` says how
    many requests the fault strikes (0: all of them). `after` is how many visible deltas come
    before it, `wait_ms` how long a slow fault takes and what a Retry-After asks for. `cuts` are
    places in the body, in bytes, where one write ends. `on` says which requests a spec's fault
    strikes. `objects_to` is what the model does not take in a request; it lasts until the request
    has changed. `tag` has no meaning: two specs with different tags count their `times` apart.
    """

    script: str = ""
    recording: str = ""
    fault: ProviderFault | None = None
    times: Count = 0
    n: Count = 0
    b: Annotated[int, msgspec.Meta(ge=1, le=DELTA_BYTES_MAX)] = 12
    reasoning_n: Count = 0
    pace_ms: PauseMs = 0.0
    wait_ms: PauseMs | None = None
    after: Count | None = None
    cuts: Annotated[
        tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(max_length=CUTS_MAX)
    ] = ()
    on: Subject = "generation"
    objects_to: Annotated[tuple[Objection, ...], msgspec.Meta(max_length=len(Objection))] = ()
    tag: str = ""

    @property
    def outputs_before_fault(self) -> int:
        """How many visible deltas come before the fault."""
        if self.after is not None:
            return self.after
        is_early = self.fault is None or self.fault.moment is Moment.BEFORE_OUTPUT
        return 0 if is_early else AFTER_DEFAULT

    @property
    def pace_s(self) -> float:
        """Seconds between two deltas."""
        return self.pace_ms / 1000

    def wait_s(self, default_s: float) -> float:
        """Return how long a slow fault takes, in seconds."""
        return default_s if self.wait_ms is None else self.wait_ms / 1000

    def strikes(self, subject: Subject) -> bool:
        """Whether the fault is meant for this kind of request."""
        return self.on in (subject, "all")

    def without_fault(self) -> Wish:
        """Return the same answer, undisturbed."""
        return msgspec.structs.replace(self, fault=None)


def parse_spec(spec: str) -> Wish:
    """Read a wish from a URL: `fault=429-plain,times=2,n=200`; lists are joined by `+`.

    Raises:
        WishRejected: a name or a value is unknown.
    """
    fields: dict[str, Json] = {}
    for assignment in filter(None, unquote(spec).split(",")):
        name, _, value = assignment.partition("=")
        fields[name] = value.split("+") if name in _LISTS else value
    return _convert(fields)


def parse_plan(body: bytes) -> tuple[Wish, ...]:
    """Read a JSON list of wishes.

    Raises:
        WishRejected: not a list, too long, or an entry asks for something unknown.
    """
    try:
        entries = msgspec.json.decode(body, type=list[dict[str, msgspec.Raw]])
    except msgspec.DecodeError as error:
        raise WishRejected(f"The plan is a JSON list of objects: {error}") from error
    if len(entries) > PLAN_MAX:
        raise WishRejected(f"The plan has {len(entries)} entries; {PLAN_MAX} are accepted.")
    return tuple(
        _convert({name: msgspec.json.decode(value) for name, value in entry.items()})
        for entry in entries
    )


def _convert(fields: Mapping[str, Json]) -> Wish:
    try:
        wish = msgspec.convert(fields, Wish, strict=False)
    except msgspec.ValidationError as error:
        accepted = ", ".join(Wish.__struct_fields__)
        raise WishRejected(f"{error}. A wish has these fields: {accepted}.") from error
    if (wish.n + wish.reasoning_n) * wish.b > GENERATED_BYTES_MAX:
        raise WishRejected(f"n times b may be {GENERATED_BYTES_MAX} bytes at most.")
    return wish
