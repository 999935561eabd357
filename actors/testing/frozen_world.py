"""Takes ambient time and chance away from libraries for the length of one simulated run.

Our own code asks its `Clock` and `Entropy`. Libraries call `time.time()` or `uuid.uuid4()`
themselves, and one such call is enough to make two runs of a seed differ. What this cannot
reach: names that were imported one by one (a module-level `import` of `time.monotonic` itself),
`datetime.now()`, `os.urandom`, `secrets`, and C extensions with clocks of their own.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Protocol, TypeAlias

from actors.testing.choices import drawn_from

_NANO = 1_000_000_000

_Fake: TypeAlias = Callable[[], float | uuid.UUID] | Callable[[float], None]


class VirtualTime(Protocol):
    """What a frozen world reads instead of the machine's clocks."""

    def time(self) -> float:
        """Monotonic seconds."""

    def wall_s(self) -> float:
        """Seconds since 1970."""

    def stall(self, seconds: float) -> None:
        """Let time pass as if the caller had blocked."""


@contextmanager
def frozen_world(world: VirtualTime, *, seed: int) -> Iterator[None]:
    """Answer `time`, `uuid.uuid4` and `random` from virtual time and a seed.

    The whole process sees it, other threads included; afterwards all is as it was.
    """
    fakes = _fakes(world, seed)
    originals = [(module, name, getattr(module, name)) for module, name, _ in fakes]
    random_state = random.getstate()
    try:
        for module, name, fake in fakes:
            setattr(module, name, fake)
        random.seed(f"{seed}/library")
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)
        random.setstate(random_state)


def _fakes(world: VirtualTime, seed: int) -> list[tuple[ModuleType, str, _Fake]]:
    bits = drawn_from(seed, "uuid").getrandbits
    sleep, owner = time.sleep, threading.get_ident()

    def stall(seconds: float) -> None:
        # Only the simulated thread lives in virtual time.
        (world.stall if threading.get_ident() == owner else sleep)(seconds)

    return [
        (time, "time", world.wall_s),
        (time, "time_ns", lambda: int(world.wall_s() * _NANO)),
        (time, "monotonic", world.time),
        (time, "monotonic_ns", lambda: int(world.time() * _NANO)),
        (time, "perf_counter", world.time),
        (time, "perf_counter_ns", lambda: int(world.time() * _NANO)),
        (time, "sleep", stall),
        (uuid, "uuid4", lambda: uuid.UUID(int=bits(128), version=4)),
    ]
