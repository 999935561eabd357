"""What is missing for Redis to be used is named, piece by piece (SPEC 161)."""

from __future__ import annotations

import pytest

from actors.ports import Secret
from bridge.cluster.prerequisites import (
    CLUSTER,
    EVICTS,
    FORGETFUL,
    NO_LIBRARY,
    NO_MANAGER,
    NO_SOCKET_URL,
    NO_URL,
    REPLICA,
    TOO_OLD,
    VALVE_OFF,
    prerequisites,
    server_verdict,
    workers,
)

URL = "redis://:a-password@host:6379/0"
WHOLE = {
    "REDIS_URL": URL,
    "UVICORN_WORKERS": "2",
    "WEBSOCKET_MANAGER": "redis",
    "WEBSOCKET_REDIS_URL": URL,
}


def without(*names: str, **more: str) -> dict[str, str]:
    return {name: value for name, value in {**WHOLE, **more}.items() if name not in names}


def test_with_all_of_it_redis_is_used_without_a_word() -> None:
    found = prerequisites(WHOLE, is_enabled=True, has_library=True)
    assert (found.url, found.missing, found.warnings) == (Secret(URL), (), ())


def test_each_missing_piece_is_named() -> None:
    found = prerequisites({}, is_enabled=False, has_library=False)
    assert found.url is None
    assert found.missing == (VALVE_OFF, NO_URL, NO_LIBRARY)


@pytest.mark.parametrize("url", ["", "  "])
def test_a_blank_address_is_none(url: str) -> None:
    found = prerequisites(without(REDIS_URL=url), is_enabled=True, has_library=True)
    assert (found.url, found.missing) == (None, (NO_URL,))


def test_an_open_webui_that_shares_nothing_itself_is_warned_of_and_redis_is_used() -> None:
    bare = without("WEBSOCKET_MANAGER", "WEBSOCKET_REDIS_URL")
    found = prerequisites(bare, is_enabled=True, has_library=True)
    assert found.url == Secret(URL)
    assert found.warnings == (NO_MANAGER, NO_SOCKET_URL)


def test_several_workers_without_an_address_are_warned_of() -> None:
    found = prerequisites({"UVICORN_WORKERS": "4"}, is_enabled=True, has_library=True)
    assert found.missing == (NO_URL,)
    assert found.warnings == (NO_MANAGER, NO_SOCKET_URL)


def test_one_worker_on_a_machine_shares_through_the_address() -> None:
    found = prerequisites(without(UVICORN_WORKERS="1"), is_enabled=True, has_library=True)
    assert (found.url, found.warnings) == (Secret(URL), ())


def test_one_worker_that_is_alone_is_told_nothing_of_open_webui() -> None:
    assert prerequisites({}, is_enabled=True, has_library=True).warnings == ()


def test_the_daemon_has_no_open_webui_to_look_at() -> None:
    found = prerequisites({"REDIS_URL": URL}, is_enabled=True, has_library=True, is_daemon=True)
    assert (found.url, found.warnings) == (Secret(URL), ())


def test_no_secret_is_in_what_is_told() -> None:
    assert "a-password" not in repr(prerequisites(WHOLE, is_enabled=True, has_library=True))


@pytest.mark.parametrize(("text", "number"), [("", 1), ("4", 4), ("0", 1), ("many", 1), ("-2", 1)])
def test_workers_are_counted(text: str, number: int) -> None:
    assert workers({"UVICORN_WORKERS": text}) == number


HEALTHY = {
    "redis_version": "7.2.4",
    "role": "master",
    "cluster_enabled": "0",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
}


def info(**more: str) -> str:
    return "\r\n".join(
        ["# Server", *(f"{name}:{value}" for name, value in (HEALTHY | more).items())]
    )


def test_a_healthy_server_is_used_without_a_word() -> None:
    found = server_verdict(info())
    assert (found.missing, found.queue_missing, found.warnings) == ((), (), ())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("redis_version", "6.0.16", TOO_OLD),
        ("role", "slave", REPLICA),
        ("cluster_enabled", "1", CLUSTER),
    ],
)
def test_what_makes_a_server_useless_is_named(name: str, value: str, sentence: str) -> None:
    assert server_verdict(info(**{name: value})).missing == (sentence,)


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_server_that_evicts_anything_is_no_queue(policy: str) -> None:
    found = server_verdict(info(maxmemory_policy=policy))
    assert (found.missing, found.queue_missing) == ((), (EVICTS,))


def test_a_server_that_forgets_is_warned_of() -> None:
    assert server_verdict(info(aof_enabled="0")).warnings == (FORGETFUL,)


@pytest.mark.parametrize("text", ["", "no info", "redis_version:unknown"])
def test_what_is_not_told_is_taken_for_good(text: str) -> None:
    found = server_verdict(text)
    assert (found.missing, found.queue_missing, found.warnings) == ((), (), ())
