"""From the valves of storage to settings: secrets, keys that protect nothing, retention."""

from __future__ import annotations

import pytest

from actors.recall import ReasoningRetention
from bridge.config.settings import Settings, settings_from
from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from tests.fixtures.environment import environment

KEY = "a-key-of-more-than-16"
HOST_SECRET = "the secret of the host"


def settings(user: dict[str, object] | None = None, **valves: object) -> Settings:
    with environment():
        users = None if user is None else UserValves.model_validate(user)
        return settings_from(Valves.model_validate(valves), {}, users)


def test_by_default_everything_is_kept_unsealed_in_the_database_of_the_host() -> None:
    made = settings()
    assert made.storage.database_url.reveal() == ""
    assert made.storage.key.reveal() == ""
    assert made.storage.problem is None
    assert (made.storage.keep_s, made.storage.sweep_interval_s) == (90 * 86400.0, 3600.0)
    assert made.memory.retention is ReasoningRetention.CONVERSATION
    assert made.memory.keeps_tools


def test_keys_are_read_newest_first_and_each_once() -> None:
    made = settings(
        ARTIFACT_ENCRYPTION_KEY=KEY, ARTIFACT_ENCRYPTION_KEY_PREVIOUS="  short\nolder short\n"
    )
    assert made.storage.key.reveal() == KEY
    assert [key.reveal() for key in made.storage.keys_previous] == ["short", "older"]
    assert made.storage.problem is None


@pytest.mark.parametrize("key", ["k", "fifteen--chars!"])
def test_a_key_that_protects_nothing_is_refused_and_nothing_is_kept(key: str) -> None:
    made = settings(ARTIFACT_ENCRYPTION_KEY=key)
    problem = made.storage.problem
    assert problem is not None
    assert problem.valve == "ARTIFACT_ENCRYPTION_KEY"
    assert f"not {len(key)}" in problem.accepted
    assert problem in made.valve_problems
    assert key not in repr(problem)


@pytest.mark.parametrize(
    "valve",
    ["ARTIFACT_DATABASE_URL", "ARTIFACT_ENCRYPTION_KEY", "ARTIFACT_ENCRYPTION_KEY_PREVIOUS"],
)
def test_a_stored_secret_that_does_not_open_is_a_problem_and_not_a_blank(valve: str) -> None:
    with environment(WEBUI_SECRET_KEY=HOST_SECRET):
        stored = Valves.model_validate({valve: KEY}).model_dump()[valve]
        assert KEY not in stored
        made = settings_from(
            Valves.model_validate({valve: stored}), {"WEBUI_SECRET_KEY": "another secret"}, None
        )
    problem = made.storage.problem
    assert problem is not None
    assert problem.valve == valve
    assert problem in made.valve_problems


def test_a_user_may_keep_less_than_the_admin_does() -> None:
    made = settings({"PERSIST_REASONING_TOKENS": "disabled", "PERSIST_TOOL_RESULTS": False})
    assert made.memory.retention is ReasoningRetention.DISABLED
    assert not made.memory.keeps_tools
