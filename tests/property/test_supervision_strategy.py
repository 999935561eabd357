"""Whom a failure concerns, and when an end ends the supervisor, for all groups."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisor import AutoShutdown, Strategy
from supervisor.strategy import concerned, ends_supervisor

groups = st.lists(st.integers(), unique=True, min_size=1, max_size=20)
strategies = st.sampled_from(list(Strategy))


@given(group=groups, strategy=strategies, data=st.data())
def test_who_failed_is_concerned_and_start_order_is_kept(
    group: list[int], strategy: Strategy, data: st.DataObject
) -> None:
    failed = data.draw(st.sampled_from(group))
    chosen = list(concerned(strategy, group, failed))
    assert failed in chosen
    assert chosen == [each for each in group if each in chosen]


@given(group=groups, data=st.data())
def test_each_strategy_concerns_whom_its_name_says(group: list[int], data: st.DataObject) -> None:
    failed = data.draw(st.sampled_from(group))
    one, rest, every = (
        set(concerned(strategy, group, failed))
        for strategy in (Strategy.ONE_FOR_ONE, Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL)
    )
    place = group.index(failed)
    assert one == {failed}
    assert rest == {each for each in group if group.index(each) >= place}
    assert every == set(group)


@given(significant=st.booleans(), left=st.integers(min_value=0, max_value=5))
def test_only_significant_ends_end_a_supervisor_and_only_if_it_says_so(
    significant: bool, left: int
) -> None:
    ends = {
        auto: ends_supervisor(auto, is_significant=significant, significant_left=left)
        for auto in AutoShutdown
    }
    assert ends == {
        AutoShutdown.NEVER: False,
        AutoShutdown.ANY_SIGNIFICANT: significant,
        AutoShutdown.ALL_SIGNIFICANT: significant and left == 0,
    }
