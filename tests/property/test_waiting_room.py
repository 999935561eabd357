"""The waiting room, for all comings and goings, against lists that anybody can read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from supervisor.waiting import WaitingRoom

KEYS = ("", "ann", "bob", "cas")
COUNT_MAX = 8

operations = st.lists(
    st.tuples(
        st.sampled_from(("come", "come", "come", "take", "leave")),
        st.sampled_from(KEYS),
        st.integers(min_value=0, max_value=20),
    ),
    max_size=80,
)


@dataclass
class Plain:
    """The same room as plain lists: keys in the order of their turns, entries as they came."""

    turns: list[str] = field(default_factory=list)
    lines: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def everybody(self) -> list[int]:
        return [entry for key in self.turns for entry in self.lines[key]]

    @property
    def longest(self) -> int:
        return max((len(self.lines[key]) for key in self.turns), default=0)

    def add(self, key: str, entry: int) -> None:
        if key not in self.turns:
            self.turns.append(key)
        self.lines[key].append(entry)

    def take(self) -> int:
        key = self.turns[0]
        self.turns.append(self.turns.pop(0))
        entry = self.lines[key][0]
        self.remove(key, entry)
        return entry

    def remove(self, key: str, entry: int) -> None:
        self.lines[key].remove(entry)
        if not self.lines[key]:
            self.turns.remove(key)


@given(script=operations)
def test_it_does_what_the_plain_lists_do(script: list[tuple[str, str, int]]) -> None:
    room: WaitingRoom[int] = WaitingRoom()
    plain = Plain()
    key_of: dict[int, str] = {}
    for number, (what, key, which) in enumerate(script):
        if what == "come":
            come(room, plain, key, number)
            key_of[number] = key
        elif what == "take" and plain.everybody:
            assert room.take() == plain.take()
        elif what == "leave" and key_of:
            entry = list(key_of)[which % len(key_of)]
            was_there = entry in plain.everybody
            if was_there:
                plain.remove(key_of[entry], entry)
            assert room.discard(entry) is was_there
        assert list(room) == plain.everybody
        assert room.count == len(plain.everybody) <= COUNT_MAX


def come(room: WaitingRoom[int], plain: Plain, key: str, number: int) -> None:
    """Bound the room as a gate does: full, it gives a place to who has fewer, or to nobody."""
    if room.count == COUNT_MAX:
        mine, longest = len(plain.lines[key]), plain.longest
        displaced = room.displace(key)
        assert (displaced is None) == (mine + 1 >= longest)
        if displaced is None:
            return
        victim = next(each for each in plain.turns if displaced in plain.lines[each])
        assert len(plain.lines[victim]) == longest, "one of the longest lines gave a place"
        assert displaced == plain.lines[victim][-1], "its newest"
        plain.remove(victim, displaced)
    room.add(key, number)
    plain.add(key, number)


@given(
    crowd=st.integers(min_value=1, max_value=50),
    keys=st.lists(st.sampled_from(KEYS[1:]), min_size=1, max_size=30),
)
def test_nobody_starves_behind_anothers_burst(crowd: int, keys: list[str]) -> None:
    """Who is n-th in a line is served within n rounds, each of one entry per key."""
    room: WaitingRoom[tuple[str, int]] = WaitingRoom()
    for number in range(crowd):
        room.add("crowd", ("crowd", number))
    for number, key in enumerate(keys):
        room.add(key, (key, number))
    served = [room.take() for _ in range(room.count)]
    lines = len({"crowd", *keys})
    for key in set(keys):
        places = [place for place, (name, _) in enumerate(served) if name == key]
        numbers = [number for name, number in served if name == key]
        assert numbers == sorted(numbers), "first come, first served"
        assert all(place < (nth + 1) * lines for nth, place in enumerate(places))


@given(hog=st.integers(min_value=2, max_value=50), others=st.integers(min_value=1, max_value=60))
def test_a_full_room_is_shared_however_it_was_filled(hog: int, others: int) -> None:
    """SPEC 17: nobody is locked out by one who has two places or more."""
    room: WaitingRoom[int] = WaitingRoom()
    for number in range(hog):
        room.add("hog", number)
    let_in = 0
    for number in range(others):
        if room.displace(f"user{number}") is not None:
            room.add(f"user{number}", 1_000 + number)
            let_in += 1
        assert room.count == hog
    assert let_in == min(others, hog - 1)
    assert next(iter(room)) == 0, "who came first of all keeps his place"
