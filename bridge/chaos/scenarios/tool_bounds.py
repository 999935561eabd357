"""Hands the bounds of tools to a request by its constructor.

The composition root gives every chat the widest bounds, and a simulation wants small ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from actors.ports import Endpoint, EventSink
from actors.request import ChatSetup, RequestActor
from actors.tool_round import ToolSetup
from actors.values import ChatRequest
from bridge.config.settings import Settings


def bounded(
    request: type[RequestActor], settings_of: Callable[[str], Settings]
) -> type[RequestActor]:
    """Return a request actor whose tools keep to the settings of its request."""

    class BoundedRequest(request):  # type: ignore[valid-type, misc]  # known only here
        """A request with small bounds."""

        def __init__(
            self,
            asked: ChatRequest,
            endpoint: Endpoint,
            setup: ChatSetup,
            sink: EventSink,
            tools: ToolSetup | None = None,
        ) -> None:
            settings = settings_of(asked.request_id)
            setup = replace(setup, deadline_s=settings.request_deadline_s)
            tools = None if tools is None else _within(tools, settings)
            super().__init__(asked, endpoint, setup, sink, tools)

    return BoundedRequest


def _within(setup: ToolSetup, settings: Settings) -> ToolSetup:
    tools, permits = settings.tools, setup.permits
    assert permits is not None, "the app lets nobody in without a permit"
    return replace(
        setup,
        rounds_max=tools.rounds_max,
        parallel_max=tools.parallel_max,
        batch_max=tools.batch_max,
        call_timeout_s=tools.timeout_s,
        batch_timeout_s=tools.batch_timeout_s,
        idle_timeout_s=tools.idle_timeout_s,
        drain_s=tools.shutdown_s,
        permits=replace(permits, running_max=tools.parallel_global_max),
    )
