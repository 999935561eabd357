"""Which event loop the benchmarks run on: uvloop where it is installed, as Open WebUI does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

try:
    import uvloop
except ImportError:
    LOOP_NAME = "asyncio"
else:
    LOOP_NAME = "uvloop"


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on that loop."""
    return uvloop.run(main) if LOOP_NAME == "uvloop" else asyncio.run(main)
