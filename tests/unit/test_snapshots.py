"""What the valves of one request say, made once for each different wording."""

from __future__ import annotations

import logging

import pytest
from pydantic import BaseModel

from actors.kernel.entropy import SeededEntropy
from bridge.config.settings import KeyProblem
from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from bridge.owui.snapshots import CHOICES_MAX, Snapshot, Snapshots
from tests.fixtures.environment import environment

KEY = "sk-or-one"


def valves(**fields: object) -> Valves:
    return Valves.model_validate({"API_KEY": KEY, **fields})


def effort(snapshot: Snapshot) -> str:
    return snapshot.policy.reasoning_effort


def test_a_new_object_that_says_the_same_makes_nothing_new() -> None:
    snapshots = Snapshots(SeededEntropy(1))
    first = snapshots.of(valves(), None)
    assert snapshots.of(valves(), None) is first
    chosen = snapshots.of(valves(), UserValves(REASONING_EFFORT="low"))
    assert chosen is not first
    assert snapshots.of(valves(), {"REASONING_EFFORT": "low"}) is chosen
    assert snapshots.of(valves(), UserValves()).settings == first.settings


def test_a_changed_valve_is_read_whether_the_object_is_new_or_not() -> None:
    snapshots, shared = Snapshots(SeededEntropy(1)), valves(REASONING_EFFORT="low")
    assert effort(snapshots.of(shared, None)) == "low"
    shared.REASONING_EFFORT = "high"
    assert effort(snapshots.of(shared, None)) == "high"
    assert effort(snapshots.of(valves(REASONING_EFFORT="none"), None)) == "none"
    assert effort(snapshots.of(valves(REASONING_EFFORT="low"), None)) == "low"


def test_a_user_with_choices_follows_what_the_admin_changes() -> None:
    snapshots, chosen = Snapshots(SeededEntropy(1)), UserValves(REASONING_EFFORT="high")
    for summary in ("auto", "concise"):
        made = snapshots.of(valves(REASONING_SUMMARY_MODE=summary), chosen)
        assert (effort(made), made.policy.reasoning_summary) == ("high", summary)


def test_a_secret_that_changed_is_noticed_although_no_valve_did() -> None:
    with environment(WEBUI_SECRET_KEY="one"):
        snapshots, stored = Snapshots(SeededEntropy(1)), valves().model_dump()
        assert snapshots.of(Valves(**stored), None).settings.key_problem is None
        with environment(WEBUI_SECRET_KEY="two"):
            made = snapshots.of(Valves(**stored), None)
            assert made.settings.key_problem is KeyProblem.UNDECRYPTABLE


class Foreign(BaseModel):
    REASONING_EFFORT: str = "xhigh"
    REASONING_SUMMARY_MODE: str = "concise"
    OTHER: object = None


@pytest.mark.parametrize(
    ("handed", "wanted"),
    [
        (Foreign(), ("low", "auto")),
        (Foreign(REASONING_EFFORT="high"), ("high", "auto")),
        (Foreign(REASONING_EFFORT="high", OTHER=object()), ("high", "auto")),
        (Foreign(REASONING_SUMMARY_MODE="inherit"), ("low", "auto")),
        (Foreign, ("low", "auto")),
        (UserValves, ("low", "auto")),
        ({1: "high"}, ("low", "auto")),
        (object(), ("low", "auto")),
    ],
)
def test_of_a_form_of_another_build_only_what_was_chosen_counts(
    handed: object, wanted: tuple[str, str]
) -> None:
    made = Snapshots(SeededEntropy(1)).of(valves(REASONING_EFFORT="low"), handed)
    assert (effort(made), made.policy.reasoning_summary) == wanted


def test_choices_are_remembered_up_to_a_bound() -> None:
    snapshots = Snapshots(SeededEntropy(1))
    first = snapshots.of(valves(), None)
    typed = [f"odd {number}" for number in range(CHOICES_MAX)]
    for word in typed:
        made = snapshots.of(valves(), {"REASONING_EFFORT": word})
        assert made.settings.user_valve_problems[0].value == word
    again = snapshots.of(valves(), None)
    assert again is not first, "the memory began anew"
    assert again.settings == first.settings


def test_what_is_not_obeyed_is_logged_when_it_is_new(caplog: pytest.LogCaptureFixture) -> None:
    snapshots = Snapshots(SeededEntropy(1))
    for _ in range(3):
        made = snapshots.of(valves(MAX_CONCURRENT_REQUESTS=0), {"REASONING_EFFORT": "odd"})
    assert [problem.valve for problem in made.problems] == ["MAX_CONCURRENT_REQUESTS"]
    told = [record.args for record in caplog.records if "is not obeyed" in record.msg]
    assert told == [
        ("MAX_CONCURRENT_REQUESTS", "greater than or equal to 1"),
        ("REASONING_EFFORT", "'none', 'minimal', 'low', 'medium', 'high' or 'xhigh'"),
    ]


def test_a_text_that_cannot_be_shown_is_a_problem_of_its_valve() -> None:
    broken = valves(RATE_LIMIT_TEMPLATE="{{#if reason}} never closed")
    made = Snapshots(SeededEntropy(1)).of(broken, None)
    assert [problem.valve for problem in made.problems] == ["RATE_LIMIT_TEMPLATE"]


def test_the_level_of_the_log_is_that_of_the_door_that_was_asked_last() -> None:
    """SPEC 188: several functions share one logger of the process."""
    logger = logging.getLogger("greenroom")
    loud, calm = Snapshots(SeededEntropy(1)), Snapshots(SeededEntropy(1))
    for _ in range(2):
        loud.of(valves(LOG_LEVEL="DEBUG"), None)
        assert logger.level == logging.DEBUG
        calm.of(valves(LOG_LEVEL="ERROR"), None)
        assert logger.level == logging.ERROR
