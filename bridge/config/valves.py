"""What an admin sets, as Open WebUI shows and stores it: the groups of valves as one flat form.

How the form behaves is told in `valve_model.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bridge.config.valves_connection import ConnectionValves
from bridge.config.valves_display import DisplayValves
from bridge.config.valves_load import LoadValves
from bridge.config.valves_logging import LogValves
from bridge.config.valves_models import ModelValves
from bridge.config.valves_reasoning import ReasoningValves
from bridge.config.valves_redis import RedisValves
from bridge.config.valves_session_logs import SessionLogValves
from bridge.config.valves_storage import StorageValves
from bridge.config.valves_templates import TemplateValves
from bridge.config.valves_tools import ToolValves


# Pydantic lists the fields of the last base first, so the form reads from the bottom up.
class Valves(
    TemplateValves,
    LogValves,
    SessionLogValves,
    RedisValves,
    StorageValves,
    LoadValves,
    DisplayValves,
    ToolValves,
    ReasoningValves,
    ModelValves,
    ConnectionValves,
):
    """Admin settings of the pipe; each takes effect with the next request (SPEC 16)."""

    variables: ClassVar[Mapping[str, str]] = {
        "BASE_URL": "OPENROUTER_API_BASE_URL",
        "API_KEY": "OPENROUTER_API_KEY",
        "LOG_LEVEL": "GLOBAL_LOG_LEVEL",
    }
    stored_blank: ClassVar[tuple[str, ...]] = tuple(variables)
