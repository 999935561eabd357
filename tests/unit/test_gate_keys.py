"""One restart policy per key: it opens, refuses at once, probes, and closes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors import Intensity
from supervisor import Admitted, Refusal, Refused
from supervisor.gate import KEYS_MAX
from tests.unit.gate_hall import HOLD_S, POLICY, Hall
from tests.unit.supervision_stage import (
    AsyncChild,
    BadStart,
    Fail,
    Oops,
    Stage,
    simulated,
)


def is_held(answer: object, key: str = "k") -> bool:
    return isinstance(answer, Refused) and answer.why is Refusal.HELD and answer.key == key


class Elsewhere(Exception):
    """An error that the policy of these tests does not count."""


class Busy(Oops):
    """A failure that says when to come again."""

    retry_after_s = 40.0


@simulated(seeds=3)
async def test_a_key_is_held_after_too_many_failures_and_says_until_when(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k", 2)
    assert isinstance(await hall.answer("fine", "k"), Admitted)
    await hall.fail("k", 1)
    answer = await hall.answer("a", "k")
    assert isinstance(answer, Refused)
    assert is_held(answer)
    assert HOLD_S - 0.2 <= answer.retry_after_s <= HOLD_S
    assert isinstance(await hall.answer("b", "other"), Admitted)


@simulated(seeds=3)
async def test_failures_further_apart_than_the_window_never_hold(stage: Stage) -> None:
    hall = Hall(stage)
    policy = replace(POLICY, intensity=Intensity(restarts_max=2, window_s=60.0))
    for _ in range(10):
        await hall.run("a", "k", how="crashed", policy=policy)
        await stage.wait(31.0)


@simulated(seeds=3)
async def test_a_held_key_lets_one_probe_in_and_opens_when_it_went_well(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k")
    await stage.wait(HOLD_S)
    assert isinstance(await hall.answer("probe", "k"), Admitted)
    assert is_held(await hall.answer("other", "k"))
    await hall.end("probe")
    for name in "ab":
        assert isinstance(await hall.answer(name, "k"), Admitted)


@simulated(seeds=3)
async def test_a_probe_that_fails_holds_the_key_again(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k")
    for _ in range(3):
        await stage.wait(HOLD_S)
        await hall.run("probe", "k", how="crashed")
        assert is_held(await hall.answer("other", "k"))


@simulated(seeds=3)
async def test_two_who_wait_for_the_same_probe_cannot_both_have_it(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.fail("k")
    await hall.answer("long")
    await stage.wait(HOLD_S)
    first, second = hall.admit("a", "k"), hall.admit("b", "k")
    await stage.wait()
    assert not first.is_done
    hall.running_max = 2
    await hall.answer("c")
    await hall.end("long")
    assert isinstance(first.get(), Admitted)
    assert is_held(second.get())


@pytest.mark.parametrize("how", ["stopped", "killed", "uncounted"])
@simulated(seeds=3)
async def test_a_stop_or_an_error_that_does_not_count_says_nothing(stage: Stage, how: str) -> None:
    hall = Hall(stage)

    async def neutral(name: str) -> None:
        await hall.answer(name, "k")
        await hall.end(name, "crashed" if how == "uncounted" else how, Elsewhere())

    for _ in range(5):
        await neutral("a")
    await hall.fail("k")
    await stage.wait(HOLD_S)
    await neutral("probe")
    assert isinstance(await hall.answer("next", "k"), Admitted), "the probe is free again"
    await hall.end("next", "crashed")
    assert is_held(await hall.answer("last", "k")), "and it was the probe"


@pytest.mark.parametrize("why", ["cannot start", "no room", "asker left"])
@simulated(seeds=5)
async def test_a_probe_that_never_ran_is_not_lost(stage: Stage, why: str) -> None:
    hall = Hall(stage, running_max=2, children_max=1)
    await hall.fail("k")
    await stage.wait(HOLD_S)
    match why:
        case "cannot start":
            stage.bad_starts["probe"] = [BadStart("on_start")]
            assert isinstance(await hall.answer("probe", "k"), Refused)
        case "no room":
            await hall.answer("long")
            assert await hall.answer("probe", "k") == Refused(why=Refusal.FULL)
            await hall.end("long")
        case _:
            asked = hall.admit("probe", "k", kind=AsyncChild)
            await stage.wait(0.0)
            asked.cancel()
            await stage.wait()
            await hall.kill_all()
    assert isinstance(await hall.answer("next", "k"), Admitted)
    assert is_held(await hall.answer("other", "k"))


@pytest.mark.parametrize("how", ["normal", "crashed", "stopped"])
@simulated(seeds=3)
async def test_work_from_before_the_hold_does_not_answer_for_the_probe(
    stage: Stage, how: str
) -> None:
    hall = Hall(stage, running_max=5)
    await hall.answer("old", "k")
    await hall.fail("k")
    await stage.wait(HOLD_S)
    assert isinstance(await hall.answer("probe", "k"), Admitted)
    await hall.end("old", how)
    assert is_held(await hall.answer("second", "k"))
    await hall.end("probe")
    assert isinstance(await hall.answer("third", "k"), Admitted)


@simulated(seeds=3)
async def test_a_success_from_before_the_hold_does_not_end_it(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.answer("old", "k")
    await hall.fail("k")
    await hall.end("old")
    assert is_held(await hall.answer("a", "k"))


@simulated(seeds=3)
async def test_every_key_of_a_request_is_asked_and_told(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    for _ in range(3):
        await hall.run("a", "user", "model", how="crashed")
    assert is_held(await hall.answer("b", "user", "healthy"), "user")
    assert is_held(await hall.answer("c", "someone", "model"), "model")
    assert isinstance(await hall.answer("d", "someone", "healthy"), Admitted)


@simulated(seeds=3)
async def test_a_probe_needs_all_its_keys(stage: Stage) -> None:
    """What one key holds back must not use up the probe of another."""
    hall = Hall(stage, running_max=5)
    await hall.fail("old")
    await stage.wait(HOLD_S)
    await hall.fail("fresh")
    assert is_held(await hall.answer("a", "old", "fresh"), "fresh")
    assert isinstance(await hall.answer("b", "old"), Admitted)


@simulated(seeds=3)
async def test_a_retry_after_makes_the_hold_of_a_key_longer(stage: Stage) -> None:
    hall = Hall(stage)
    for _ in range(3):
        await hall.answer("a", "k")
        await hall.end("a", "crashed", Busy())
    answer = await hall.answer("b", "k")
    assert isinstance(answer, Refused)
    assert 39.0 < answer.retry_after_s <= 40.0


@simulated(seeds=3)
async def test_a_held_key_is_refused_at_once_even_when_others_have_to_wait(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.fail("k")
    await hall.answer("long")
    assert is_held(await hall.answer("a", "k"))


@simulated(seeds=3)
async def test_who_waits_is_refused_when_the_key_is_held_meanwhile(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.fail("k", 2)
    await hall.answer("a", "k")
    waiting = hall.admit("b", "k")
    await hall.end("a", "crashed")
    assert is_held(await hall.soon(waiting))


@simulated()
async def test_keys_are_bounded_and_the_longest_unused_goes_first(stage: Stage) -> None:
    hall = Hall(stage, running_max=KEYS_MAX + 5)
    policy = replace(POLICY, intensity=Intensity(restarts_max=0, window_s=60.0), hold_s=600.0)
    names = [f"k{number}" for number in range(KEYS_MAX + 1)]
    for name in names:
        asked = hall.admit("a", name, policy=policy)
        while not asked.is_done:
            await stage.wait(0.0)
        asked.get().ref.tell(Fail())
        while stage.find("chats/a") is not None:
            await stage.wait(0.0)
    await stage.wait()
    assert isinstance(await hall.answer("first", names[0], policy=policy), Admitted)
    assert is_held(await hall.answer("second", names[1], policy=policy), names[1])


# --- several keys -------------------------------------------------------------------------------


class Limited(Oops):
    """A provider that asks for patience: its own fault, and no user's."""


MODEL = POLICY
USER = replace(POLICY, spares=(Limited,))
BOTH = {"user": USER, "model": MODEL}


@simulated(seeds=3)
async def test_what_one_policy_spares_another_counts(stage: Stage) -> None:
    """SPEC 21: a rate limit speaks against the model and not against its user."""
    hall = Hall(stage, running_max=5)
    for _ in range(3):
        await hall.answer("a", policies=BOTH)
        await hall.end("a", "crashed", Limited())
    assert is_held(await hall.answer("b", policies=BOTH), "model")
    assert isinstance(await hall.answer("c", policies={"user": USER}), Admitted)


@simulated(seeds=3)
async def test_a_probe_is_given_back_when_another_key_refuses_while_it_waits(stage: Stage) -> None:
    hall = Hall(stage, running_max=1)
    await hall.fail("old")
    await stage.wait(HOLD_S)
    await hall.fail("fresh", 2)
    await hall.answer("long", "fresh")
    waits = hall.admit("waits", "old", "fresh")
    assert await hall.soon(waits) is None
    await hall.end("long", "crashed")
    assert is_held(waits.get(), "fresh")
    assert isinstance(await hall.answer("probe", "old"), Admitted)
    hall.running_max = 2
    assert is_held(await hall.answer("other", "old"), "old")


@simulated(seeds=3)
async def test_work_that_is_the_probe_of_two_keys_speaks_for_both(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    for _ in range(3):
        await hall.run("a", "user", "model", how="crashed")
    await stage.wait(HOLD_S)
    assert isinstance(await hall.answer("probe", "user", "model"), Admitted)
    assert is_held(await hall.answer("b", "user"), "user")
    assert is_held(await hall.answer("c", "model"), "model")
    await hall.end("probe")
    for name, key in (("d", "user"), ("e", "model"), ("f", "user"), ("g", "model")):
        assert isinstance(await hall.answer(name, key), Admitted)


# --- valves that change while a breaker is what it is (SPEC 16, 21) -------------------------------


@simulated(seeds=3)
async def test_a_shorter_hold_counts_for_a_key_that_is_held_already(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k")
    shorter = replace(POLICY, hold_s=2.0)
    answer = await hall.answer("a", "k", policy=shorter)
    assert isinstance(answer, Refused)
    assert 0 < answer.retry_after_s < 2.0
    await stage.wait(2.0)
    assert isinstance(await hall.answer("probe", "k", policy=shorter), Admitted)
    assert is_held(await hall.answer("b", "k", policy=shorter)), "it is a probe"


@simulated(seeds=3)
async def test_a_longer_hold_counts_for_a_key_that_is_held_already(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k")
    longer = replace(POLICY, hold_s=900.0)
    await stage.wait(HOLD_S)
    assert is_held(await hall.answer("a", "k", policy=longer))
    assert isinstance(await hall.answer("b", "k"), Admitted), "by the policy it was before"


@simulated(seeds=3)
async def test_a_higher_bound_lets_a_held_key_in_without_a_probe(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k")
    patient = replace(POLICY, intensity=Intensity(restarts_max=3, window_s=60.0))
    for name in "ab":
        assert isinstance(await hall.answer(name, "k", policy=patient), Admitted)
    await hall.end("a", "crashed")
    assert is_held(await hall.answer("c", "k", policy=patient)), "the fourth was one too many"


@simulated(seeds=3)
async def test_a_lower_bound_holds_a_key_whose_failures_are_too_many_by_it(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k", 2)
    strict = replace(POLICY, intensity=Intensity(restarts_max=1, window_s=60.0))
    assert is_held(await hall.answer("a", "k", policy=strict))
    await stage.wait(HOLD_S)
    for name in "bc":
        assert isinstance(await hall.answer(name, "k", policy=strict), Admitted)


@simulated(seeds=3)
async def test_policies_that_differ_judge_the_same_failures_each_for_itself(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    await hall.fail("k")
    await stage.wait(HOLD_S)
    assert isinstance(await hall.answer("probe", "k"), Admitted)
    patient = replace(POLICY, intensity=Intensity(restarts_max=9, window_s=60.0))
    assert isinstance(await hall.answer("a", "k", policy=patient), Admitted)
    await hall.end("probe", "crashed")
    assert isinstance(await hall.answer("b", "k", policy=patient), Admitted)
    assert is_held(await hall.answer("c", "k"))


@pytest.mark.parametrize(("history_max", "is_remembered"), [(3, True), (0, False)])
@simulated(seeds=3)
async def test_a_longer_window_counts_the_failures_that_the_history_remembers(
    stage: Stage, history_max: int, is_remembered: bool
) -> None:
    hall = Hall(stage, running_max=5, history_max=history_max)
    short = replace(POLICY, intensity=Intensity(restarts_max=2, window_s=5.0))
    for _ in range(3):
        await hall.run("a", "k", how="crashed", policy=short)
        await stage.wait(6.0)
    assert isinstance(await hall.answer("b", "k", policy=short), Admitted)
    assert is_held(await hall.answer("c", "k")) is is_remembered


@simulated(seeds=3)
async def test_a_late_failure_counts_from_itself_whoever_was_held_meanwhile(stage: Stage) -> None:
    hall = Hall(stage, running_max=5)
    strict = replace(POLICY, intensity=Intensity(restarts_max=1, window_s=60.0))
    await hall.answer("old", "k", policy=strict)
    await hall.fail("k", 2)
    await stage.wait(HOLD_S / 2)
    assert is_held(await hall.answer("a", "k", policy=strict))
    await hall.end("old", "crashed")
    await stage.wait(HOLD_S * 0.9)
    assert is_held(await hall.answer("b", "k", policy=strict))
