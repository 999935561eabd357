"""How permits are dealt: never more than there are, to whoever needs them, evenly (SPEC 194)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from supervisor.cluster import LEASE_S, RENEW_S, SETTLE_S, Standing
from supervisor.dealing import Book, dealt, renewed

needs = st.lists(st.integers(0, 40), min_size=1, max_size=8)
totals = st.integers(0, 100)


@given(totals, needs, st.integers(0, 7))
def test_all_that_there_is_is_dealt(total: int, needs: list[int], turn: int) -> None:
    parts = dealt(total, needs, turn % len(needs))
    assert sum(parts) == total
    assert min(parts) >= 0


@given(totals, needs, st.integers(0, 7))
def test_who_gets_less_than_it_needs_gets_no_less_than_any_other(
    total: int, needs: list[int], turn: int
) -> None:
    parts = dealt(total, needs, turn % len(needs))
    for part, need in zip(parts, needs, strict=True):
        if part < need:
            assert part >= max(parts) - 1


@given(totals, needs)
def test_nothing_lies_idle_while_somebody_needs_it(total: int, needs: list[int]) -> None:
    parts = dealt(total, needs)
    idle = sum(max(0, part - need) for part, need in zip(parts, needs, strict=True))
    lacking = sum(max(0, need - part) for part, need in zip(parts, needs, strict=True))
    assert not (idle and lacking)


def test_what_cannot_be_divided_goes_around() -> None:
    assert [dealt(1, (3, 3), turn) for turn in (0, 1)] == [(1, 0), (0, 1)]


class Worker:
    """What a worker counts on: it hears of a share some time after it was promised."""

    def __init__(self) -> None:
        self.running = 0
        self.cap: int | None = None
        self.told: int | None = None

    @property
    def held(self) -> int | None:
        return None if self.cap is None else max(self.cap, self.running)


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(("renew", "hear", "start", "end", "empty")),
        st.floats(0.0, RENEW_S / 3),
    ),
    max_size=80,
)


@given(st.integers(1, 12), steps)
def test_what_workers_count_on_is_never_more_than_there_is(
    total: int, steps: list[tuple[int, str, float]]
) -> None:
    workers = [Worker() for _ in range(3)]
    book: Book | None = None
    now_s, emptied_s, renewed_s = 0.0, -SETTLE_S, [0.0] * 3
    for index, act, gap_s in steps:
        now_s += gap_s
        worker = workers[index]
        # Nobody misses a renewal: that is what the end of a lease is for.
        due = [each for each in range(3) if now_s - renewed_s[each] > RENEW_S]
        for each in [*due, *([index] if act == "renew" else [])]:
            who = workers[each]
            standing = Standing(running=who.running, waiting=2, held=who.held, total=total)
            if who.told is None:
                book, who.told = renewed(book, f"w{each}", standing, now_s=now_s)
            else:
                who.cap, who.told = who.told, None
            renewed_s[each] = now_s
        if act == "hear" and worker.told is not None:
            worker.cap, worker.told = worker.told, None
        elif act == "start" and worker.cap is not None and worker.running < worker.cap:
            worker.running += 1
        elif act == "end" and worker.running:
            worker.running -= 1
        elif (
            act == "empty"
            and all(each.cap is not None and each.told is None for each in workers)
            and now_s - emptied_s > LEASE_S
        ):
            book, emptied_s = None, now_s
        assert sum(each.held or 0 for each in workers) <= total
