"""What the kernel of the machine says about the memory of this process (Linux)."""

from __future__ import annotations

from pathlib import Path

BYTES_PER_MB = 2**20


def resident_bytes() -> int:
    """Return what is in memory now."""
    return _status_bytes("VmRSS:")


def resident_mb() -> float:
    """Return what is in memory now."""
    return resident_bytes() / BYTES_PER_MB


def peak_mb() -> float:
    """Return the most that was in memory since `reset_peak`."""
    return _status_bytes("VmHWM:") / BYTES_PER_MB


def reset_peak() -> None:
    """Begin a new peak."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
