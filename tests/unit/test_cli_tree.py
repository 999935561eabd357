"""The tree is drawn with children below their parents."""

from bridge.demo.tree_text import tree_lines
from supervisor import Branch, Report


def branch(name: str, *children: Branch, life: int = 1, is_held: bool = False) -> Branch:
    """An actor as a report tells of it."""
    return Branch(
        name=name,
        actor=f"{name.rpartition('/')[2].capitalize()}Actor",
        phase="running",
        life=life,
        is_held=is_held,
        queued=0,
        queued_bytes=0,
        labels=(),
        children=children,
    )


def drawn(*roots: Branch) -> list[str]:
    """The lines of a report of these trees."""
    return tree_lines(Report(roots=roots, live=0, zombies=0, dead_letters=()))


def test_children_hang_below_their_parents() -> None:
    chats = branch("root/chats", branch("root/chats/7"))
    assert drawn(branch("root", chats, branch("root/gate"))) == [
        "root            RootActor",
        "├─ chats        ChatsActor",
        "│  └─ 7         7Actor",
        "└─ gate         GateActor",
    ]


def test_a_later_life_and_a_hold_are_told() -> None:
    assert drawn(branch("a", life=3), branch("b", is_held=True)) == [
        "a               AActor  life 3",
        "b               BActor  held",
    ]


def test_a_report_of_nothing_has_no_lines() -> None:
    assert drawn() == []
