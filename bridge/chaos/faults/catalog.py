"""Faults of the catalog port: errors, slowness, and an adapter with a bug."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from actors.ports import (
    AnswerMalformed,
    AuthRejected,
    ConnectionFailed,
    Endpoint,
    ProviderTimedOut,
)
from actors.testing.simloop import SimLoop
from actors.values import Catalog, Model
from bridge.chaos.faults.injected import InjectedCrash

CATALOG: Final = Catalog(models=(Model(id="sim/plain", name="Plain"),))
DELAYS_S: Final = (0.0, 0.1, 2.0)
SLOW_S: Final = 40.0
_ERRORS: Final = (
    ConnectionFailed,
    ProviderTimedOut,
    AnswerMalformed,
    AuthRejected,
    InjectedCrash,
)


class ScriptedCatalog:
    """A `CatalogSource` that fails when the seed says so."""

    def __init__(self, loop: SimLoop, rate: float, fired: Counter[str]) -> None:
        self.is_on = True
        self._loop = loop
        self._rate = rate
        self._fired = fired

    @staticmethod
    def names() -> frozenset[str]:
        """Return every fault that a campaign must have met."""
        errors = {f"catalog {error.__name__}" for error in _ERRORS}
        return frozenset(errors | {"catalog slow"})

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        """See `CatalogSource.fetch`."""
        loop = self._loop
        await asyncio.sleep(DELAYS_S[loop.choose(len(DELAYS_S), "catalog/delay")])
        if self.is_on and loop.chance(self._rate, "catalog/fault"):
            await self._fail(loop.choose(len(_ERRORS) + 1, "catalog/which"))
        return CATALOG

    async def _fail(self, which: int) -> None:
        if which == len(_ERRORS):
            self._fired["catalog slow"] += 1
            await asyncio.sleep(SLOW_S)
            return
        error = _ERRORS[which]
        self._fired[f"catalog {error.__name__}"] += 1
        raise error
