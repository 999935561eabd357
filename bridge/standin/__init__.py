"""A server that plays OpenRouter on the loopback interface, with every fault by name.

It ships with the product: the demo talks to it, the tests break against it, and chaos runs use
its list of faults. It is a process of its own and no actor lives here; the rest of the house
only ever meets it through a socket (or shares the names in `faults`).
"""

from bridge.standin.faults import Moment, ProviderFault
from bridge.standin.objections import Objection
from bridge.standin.records import RequestRecord
from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish

__all__ = ["Moment", "Objection", "ProviderFault", "RequestRecord", "StandIn", "Wish"]
