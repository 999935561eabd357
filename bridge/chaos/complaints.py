"""Hears what the kernel complains of, and keeps the rest of the log quiet.

The kernel survives a hook or a listener that raises, and only says so in its log; in a simulation
that is a finding. What chats and dead letters log while things break on purpose is no news.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_ALL: Final = "greenroom"
_KERNEL: Final = "greenroom.kernel"


class _Ear(logging.Handler):
    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record.getMessage())


@contextmanager
def listening(hear: Callable[[str], None]) -> Iterator[None]:
    """Call `hear` with every warning of the kernel; nothing else of ours reaches the log."""
    ear, kernel = _Ear(hear), logging.getLogger(_KERNEL)
    before = (kernel.level, kernel.propagate, logging.getLogger(_ALL).level)
    logging.getLogger(_ALL).setLevel(logging.CRITICAL + 1)
    kernel.setLevel(logging.WARNING)
    kernel.propagate = False
    kernel.addHandler(ear)
    try:
        yield
    finally:
        kernel.removeHandler(ear)
        kernel.setLevel(before[0])
        kernel.propagate = before[1]
        logging.getLogger(_ALL).setLevel(before[2])
