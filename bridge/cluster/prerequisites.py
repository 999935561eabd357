"""What must be true for Redis to be used, and a sentence for each piece that is missing. Pure.

SPEC 161: Redis is used when the valve is on, `REDIS_URL` is set and the library loads. That there
is more than one worker, or that Open WebUI itself shares through Redis, is looked at and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from actors.ports import Secret

# XAUTOCLAIM.
VERSION_MIN: Final = (6, 2)

VALVE_OFF: Final = "the valve ENABLE_REDIS_CACHE is off"
NO_URL: Final = "the environment variable REDIS_URL is not set"
NO_LIBRARY: Final = "the Python package redis is not installed, or does not load"
NO_MANAGER: Final = (
    "WEBSOCKET_MANAGER is not redis, so several workers of Open WebUI share no events"
)
NO_SOCKET_URL: Final = (
    "WEBSOCKET_REDIS_URL is not set; Open WebUI takes REDIS_URL for its events as well"
)
CLUSTER: Final = "the server is a Redis Cluster, whose keys are on several servers"
TOO_OLD: Final = "the server is older than Redis 6.2"
REPLICA: Final = "the server is a replica, which takes no writes"
EVICTS: Final = (
    "maxmemory-policy lets the server evict rows that are not in the database yet;"
    " noeviction or a volatile- policy does not"
)
FORGETFUL: Final = (
    "the server keeps nothing on disk (appendonly no): a restart of it loses what a worker"
    " that died at the same time had acknowledged"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisites:
    """Whether Redis is to be used.

    Attributes:
        url: where it is; None: each process has its own state.
        missing: why it is not used; empty where it is.
        warnings: what is missing otherwise.
    """

    url: Secret | None = None
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVerdict:
    """Whether a server that answers is of use.

    Attributes:
        missing: why it cannot be used at all.
        queue_missing: why rows may not wait in it; the rest of it can be used.
        warnings: what is worth knowing.
    """

    missing: tuple[str, ...] = ()
    queue_missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def prerequisites(
    environment: Mapping[str, str], *, is_enabled: bool, has_library: bool, is_daemon: bool = False
) -> Prerequisites:
    """Look at what is known before anything is connected.

    Args:
        environment: of the process.
        is_enabled: the valve ENABLE_REDIS_CACHE.
        has_library: whether redis-py loads.
        is_daemon: whether this is no Open WebUI, so that its variables say nothing.
    """
    url = environment.get("REDIS_URL", "").strip()
    found = ((is_enabled, VALVE_OFF), (bool(url), NO_URL), (has_library, NO_LIBRARY))
    missing = tuple(sentence for is_there, sentence in found if not is_there)
    warnings = () if is_daemon else tuple(_warnings(environment, has_url=bool(url)))
    return Prerequisites(
        url=None if missing else Secret(url),
        missing=missing,
        warnings=warnings if is_enabled else (),
    )


def workers(environment: Mapping[str, str]) -> int:
    """Return how many workers this Open WebUI has; what is no number counts as one."""
    text = environment.get("UVICORN_WORKERS", "").strip()
    return max(1, int(text)) if text.isdecimal() else 1


def _warnings(environment: Mapping[str, str], *, has_url: bool) -> list[str]:
    # One worker on each of several machines shares through REDIS_URL as well.
    if workers(environment) == 1 and not has_url:
        return []
    warnings = []
    if environment.get("WEBSOCKET_MANAGER", "").strip().lower() != "redis":
        warnings.append(NO_MANAGER)
    if not environment.get("WEBSOCKET_REDIS_URL", "").strip():
        warnings.append(NO_SOCKET_URL)
    return warnings


def server_verdict(info: str) -> ServerVerdict:
    """Judge a server by its answer to INFO; what it does not tell is taken for good."""
    lines = (line.partition(":") for line in info.splitlines())
    facts = {name: value for name, colon, value in lines if colon}
    missing: list[str] = []
    if facts.get("cluster_enabled") == "1":
        missing.append(CLUSTER)
    if _version(facts.get("redis_version", "")) < VERSION_MIN:
        missing.append(TOO_OLD)
    if facts.get("role") in {"slave", "replica"}:
        missing.append(REPLICA)
    evicts = facts.get("maxmemory_policy", "").startswith("allkeys-")
    is_forgetful = facts.get("aof_enabled") == "0"
    return ServerVerdict(
        missing=tuple(missing),
        queue_missing=(EVICTS,) if evicts else (),
        warnings=(FORGETFUL,) if is_forgetful else (),
    )


def _version(text: str) -> tuple[int, ...]:
    """Read a version; one that cannot be read is new enough."""
    words = text.split(".")[:2]
    return tuple(map(int, words)) if all(map(str.isdecimal, words)) else VERSION_MIN
