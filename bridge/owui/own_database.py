"""The database of the Open WebUI around us, where artifacts are kept unless a valve says otherwise.

Its own engine is borrowed where it works (CONTRACT: `internal/db.py`); its address stands by for
where it does not, as with an engine that is for its start-up alone.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

from sqlalchemy.engine import Engine

from actors.ports import Secret
from bridge.storage.engines import Database

_log = logging.getLogger("greenroom.storage")


def own_database() -> Database | None:
    """Return Open WebUI's database, or None where there is none around us."""
    inner, env = _module("open_webui.internal.db"), _module("open_webui.env")
    if inner is None and env is None:
        return None
    engine, url = getattr(inner, "engine", None), getattr(env, "DATABASE_URL", None)
    shared = engine if isinstance(engine, Engine) else None
    if shared is None and not url:
        return None
    return Database(
        url=Secret(str(url)) if url else None,
        shared=shared,
        schema=getattr(env, "DATABASE_SCHEMA", None) or None,
        is_own_file=False,
    )


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - another project's module: it may do anything
        if not isinstance(error, ModuleNotFoundError):
            _log.warning("%s cannot be used: %s", name, type(error).__name__)
        return None
