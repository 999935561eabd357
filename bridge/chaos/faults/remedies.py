"""The port that changes refused requests: one small change, and the way to the other endpoint.

Faults: a change that does not help, and a bug in the port itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from actors.ports import ProviderError, Remedied, RequestRejected
from actors.testing.simloop import SimLoop
from actors.values import ChatRequest, Notice, Noticed, Parameter, WireFormat
from bridge.chaos.faults.injected import InjectedCrash

MILDER: Final = "milder"
OTHER_ENDPOINT: Final = "other-endpoint"

_CHANGE: Final = Parameter(name="temperature", json="0.5")


class ScriptedRemedies:
    """A `Remedies` that knows two remedies.

    Args:
        loop: decides when the port has its bug.
        bug_rate: how often.
        wires: the formats there are.
        fired: counts what was played.
    """

    def __init__(
        self,
        loop: SimLoop,
        bug_rate: float,
        wires: Collection[WireFormat],
        fired: Counter[str],
    ) -> None:
        self.is_on = True
        # Visit and remedy, in the order in which they were given.
        self.given: list[tuple[str, str]] = []
        self._loop = loop
        self._bug_rate = bug_rate
        self._others: Mapping[WireFormat, WireFormat] = {
            wire: other for wire in wires for other in wires if wire is not other
        }
        self._fired = fired

    @staticmethod
    def names(wires: Collection[WireFormat]) -> frozenset[str]:
        """Return every fault and remedy that a campaign over these wires must have met."""
        others = {f"remedy {OTHER_ENDPOINT}"} if len(wires) > 1 else set()
        return frozenset({"remedy bug", f"remedy {MILDER}"} | others)

    def find(
        self, request: ChatRequest, error: ProviderError, used: Collection[str]
    ) -> Remedied | None:
        """See `Remedies.find`."""
        if not isinstance(error, RequestRejected):
            return None
        if self.is_on and self._loop.chance(self._bug_rate, "remedies"):
            self._fired["remedy bug"] += 1
            raise InjectedCrash
        if MILDER not in used:
            changed = _changed(request, (*request.parameters, _CHANGE), request.wire)
            return self._given(MILDER, changed, Notice.EFFORT_CHANGED)
        other = self._others.get(request.wire)
        if other is not None and OTHER_ENDPOINT not in used:
            changed = _changed(request, request.parameters, other)
            return self._given(OTHER_ENDPOINT, changed, Notice.ENDPOINT_CHANGED)
        return None

    def _given(self, name: str, changed: ChatRequest, notice: Notice) -> Remedied:
        self._fired[f"remedy {name}"] += 1
        self.given.append((changed.request_id, name))
        return Remedied(name=name, request=changed, notice=Noticed(notice=notice))


def _changed(
    request: ChatRequest, parameters: tuple[Parameter, ...], wire: WireFormat
) -> ChatRequest:
    """Return the same request with other parameters, for an endpoint that may be another one."""
    return ChatRequest(
        request_id=request.request_id,
        model=request.model,
        items=request.items,
        parameters=parameters,
        tools=request.tools,
        wire=wire,
    )
