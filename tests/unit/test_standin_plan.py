from __future__ import annotations

import pytest

from bridge.standin.faults import ProviderFault
from bridge.standin.plan import Plan, wish_of_model
from bridge.standin.wishes import Wish, WishRejected, parse_plan, parse_spec


def test_a_spec_is_read_from_a_url() -> None:
    wish = parse_spec("fault=429-plain,times=2,n=200,b=12,pace_ms=20,cuts=3%2B50,wait_ms=5")
    assert wish.fault is ProviderFault.STATUS_429_PLAIN
    assert (wish.times, wish.n, wish.b, wish.cuts) == (2, 200, 12, (3, 50))
    assert wish.pace_s == pytest.approx(0.02)
    assert wish.wait_s(3.0) == pytest.approx(0.005)


@pytest.mark.parametrize(
    "spec", ["fault=no-such", "n=many", "n=-1", "colour=red", "n=400000,b=4000000", "on=mars"]
)
def test_a_spec_that_asks_for_something_unknown_is_rejected(spec: str) -> None:
    with pytest.raises(WishRejected):
        parse_spec(spec)


def test_a_plan_is_a_list_of_wishes() -> None:
    first, second = parse_plan(b'[{"fault":"502","cuts":[1,2]},{"script":"markdown"}]')
    assert first.fault is ProviderFault.STATUS_502
    assert first.cuts == (1, 2)
    assert second.script == "markdown"


@pytest.mark.parametrize("body", [b"", b"{}", b'["x"]', b'[{"script":7}]', b'[{"nope":1}]'])
def test_a_plan_of_anything_else_is_rejected(body: bytes) -> None:
    with pytest.raises(WishRejected):
        parse_plan(body)


def test_a_planned_wish_serves_as_many_requests_as_it_says() -> None:
    plan = Plan()
    plan.add((Wish(script="long", times=2), Wish(script="plain")))
    planned = [plan.next_planned() for _ in range(4)]
    assert [wish.script if wish else None for wish in planned] == ["long", "long", "plain", None]


def test_a_spec_fails_its_first_requests_and_is_counted_by_its_text() -> None:
    plan = Plan()
    faults = [plan.from_spec("fault=500,times=2", "generation").fault for _ in range(3)]
    assert faults == [ProviderFault.STATUS_500, ProviderFault.STATUS_500, None]
    again = plan.from_spec("fault=500,times=2,tag=b", "generation")
    assert again.fault is ProviderFault.STATUS_500


def test_a_spec_strikes_only_what_it_is_meant_for() -> None:
    plan = Plan()
    assert plan.from_spec("fault=500", "models").fault is None
    assert plan.from_spec("fault=500,on=models", "models").fault is not None
    assert plan.from_spec("fault=500,on=all", "key").fault is not None


def test_the_plan_is_bounded() -> None:
    plan = Plan()
    plan.add(Wish() for _ in range(10_000))
    with pytest.raises(WishRejected):
        plan.add((Wish(),))


def test_a_model_can_stand_for_a_script_or_a_fault() -> None:
    assert wish_of_model("standin/markdown") == Wish(script="markdown")
    assert wish_of_model("standin/fault-503") == Wish(fault=ProviderFault.STATUS_503)
    assert wish_of_model("openai/gpt-4o") is None
    with pytest.raises(WishRejected):
        wish_of_model("standin/fault-of-nobody")


def test_a_fault_after_output_waits_for_some_output() -> None:
    assert Wish(fault=ProviderFault.CUT_MID_FRAME).outputs_before_fault == 3
    assert Wish(fault=ProviderFault.CUT_MID_FRAME, after=7).outputs_before_fault == 7
    assert Wish(fault=ProviderFault.CUT_BEFORE_OUTPUT).outputs_before_fault == 0
