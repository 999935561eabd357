"""A tree under random kills, crashes, bad starts and late signals is whole again after quiet."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Backoff, ChildSpec, Intensity, Interceptor, RestartPolicy, Signal, StartChild
from actors.kernel.cell import Cell
from actors.testing.simloop import SimLoop
from supervisor import DynamicSupervisor, Strategy, report
from tests.unit.supervision_stage import (
    SUP,
    AsyncChild,
    BadStart,
    Fail,
    Note,
    PlainChild,
    Stage,
    ThreadChild,
    play,
)

KINDS = (PlainChild, AsyncChild, ThreadChild)
OFTEN = Intensity(restarts_max=10_000, window_s=60.0)
PATIENT = RestartPolicy(backoff=Backoff(min_s=0.2, max_s=3.0, jitter=0.5), intensity=OFTEN)
STRATEGIES = tuple(Strategy)

faults = st.lists(
    st.tuples(
        st.sampled_from(("kill", "kill", "crash", "stop", "bad start", "late signals", "in time")),
        st.integers(min_value=0, max_value=30),
        st.sampled_from((0.0, 0.01, 0.3, 2.0)),
    ),
    max_size=25,
)


class LateSignals(Interceptor):
    """The fault: every signal may need up to a second."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop

    def signalling(self, cell: Cell, signal: Signal) -> float:
        return self.loop.choose(10, "late") / 10


class Tree:
    """Two levels of supervisors of all kinds, with three kinds of children."""

    def __init__(self, stage: Stage, shape: int) -> None:
        self.stage = stage
        self.leaves = [f"inner/{name}" for name in "abc"] + ["d", "e"]
        for name in "abcdef":
            stage.start_s[name] = stage.loop.choose(3, "start") / 2
        a, b, c, d, e = (
            stage.child(name, KINDS[index % 3], policy=PATIENT, shutdown_s=2.0)
            for index, name in enumerate("abcde")
        )
        inner = stage.below("inner", a, b, c, strategy=STRATEGIES[shape % 3], intensity=OFTEN)
        chats: ChildSpec[object] = ChildSpec(
            name="chats",
            start=partial(DynamicSupervisor, children_max=5, intensity=OFTEN),
        )
        stage.supervise(d, inner, chats, e, strategy=STRATEGIES[shape // 3], intensity=OFTEN)

    def below_root(self) -> list[Cell]:
        """Everything that a fault may hit."""
        return [cell for cell in self.stage.system.cells() if cell.parent is not None]

    async def suffer(self, what: str, number: int, wait_s: float) -> None:
        targets = self.below_root()
        target = targets[number % len(targets)]
        match what:
            case "kill":
                target.kill()
            case "crash":
                target.ref.offer(Fail())
            case "stop":
                target.shut_down(self.stage.now_s() + 1.0)
            case "bad start":
                label = "abcde"[number % 5]
                where = ("constructor", "on_start")[number % 2]
                self.stage.bad_starts[label] = [BadStart(where)] * (number % 3)
            case "late signals":
                self.stage.system.interceptors = (LateSignals(self.stage.loop),)
            case _:
                self.stage.system.interceptors = ()
        await self.stage.wait(wait_s)

    async def check_it_is_whole(self) -> None:
        self.stage.bad_starts.clear()
        self.stage.system.interceptors = ()
        await self.stage.wait(120.0)
        assert self.stage.root.is_alive()
        for leaf in self.leaves:
            assert await self.stage.ask(leaf, Note("here")) == "here"
        spare = self.stage.child("f", AsyncChild, policy=PATIENT)
        self.stage.ref("chats").tell(StartChild(spec=spare))
        await self.stage.wait(5.0)
        assert await self.stage.ask("chats/f", Note("here")) == "here"
        names = {branch.name for branch in report(self.stage.system).roots[0].walk()}
        wanted = {*self.leaves, "inner", "chats", "chats/f"}
        assert names == {SUP} | {f"{SUP}/{name}" for name in wanted}
        assert self.stage.system.live == len(names), "nobody is left over"


@given(
    script=faults,
    shape=st.integers(min_value=0, max_value=8),
    seed=st.integers(min_value=0, max_value=99),
)
@settings(max_examples=150)
def test_after_quiet_every_wanted_child_is_up_and_nothing_else(
    script: list[tuple[str, int, float]], shape: int, seed: int
) -> None:
    async def scenario(stage: Stage) -> None:
        tree = Tree(stage, shape)
        await stage.wait(5.0)
        for fault in script:
            await tree.suffer(*fault)
        await tree.check_it_is_whole()

    play(scenario, seed=seed)
