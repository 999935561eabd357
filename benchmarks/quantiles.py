"""From single measurements to the figures of one round."""

from __future__ import annotations

import time

from benchmarks.checks import Sample


def quantile(values: list[float], share: float) -> float:
    """Return the value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Stopwatch:
    """Runs since it was made.

    Where everything happens in one thread the processor's own time says the same as the clock,
    except that it does not count what other programs of the machine take away.
    """

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def rate(self, count: int) -> Sample:
        """Say how often a second something was done, by the clock and by the processor."""
        wall_s, cpu_s = time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s
        return {"per_s": count / wall_s, "per_cpu_s": count / cpu_s}

    def each_us(self, count: int) -> Sample:
        """Say how much processor time each of them took, in microseconds."""
        return {"us": (time.process_time() - self._cpu_s) / count * 1e6}


class Latencies:
    """Times single things: `with latencies:` around each single thing."""

    def __init__(self) -> None:
        self._taken_us: list[float] = []
        self._started_s = 0.0

    def __enter__(self) -> None:
        self._started_s = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._taken_us.append((time.perf_counter() - self._started_s) * 1e6)

    def sample(self) -> Sample:
        """Return the middle and the slow end."""
        return {"p50_us": quantile(self._taken_us, 0.5), "p99_us": quantile(self._taken_us, 0.99)}
