"""The gate under any sequence of requests, ends, cancellations and crashes, against a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors import AskFuture
from supervisor import Admitted, Refusal, Refused
from tests.unit.gate_hall import HOLD_S, POLICY, Hall
from tests.unit.supervision_stage import Fail, Finish, PlainChild, Stage, play

WAITING_MAX = 3
KEYS = ("ann", "bob")

operations = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(KEYS), st.integers(min_value=1, max_value=4)),
    st.tuples(
        st.just("end"),
        st.sampled_from(("normal", "crashed", "crashed", "crashed", "killed")),
        st.integers(min_value=0, max_value=9),
    ),
    st.tuples(st.just("leave"), st.just(""), st.integers(min_value=0, max_value=9)),
    st.tuples(st.just("pass time"), st.just(""), st.sampled_from((1, 4, 11))),
    st.tuples(st.sampled_from(("crash gate", "crash chats")), st.just(""), st.just(0)),
)


@dataclass
class Key:
    """What the model knows of one key: a circuit breaker in its simplest form."""

    failures_s: list[float] = field(default_factory=list)
    held_until_s: float | None = None
    probe: str | None = None

    def is_refusing(self, now_s: float) -> bool:
        return self.held_until_s is not None and (
            now_s < self.held_until_s or self.probe is not None
        )

    def admitted(self, label: str, now_s: float) -> None:
        assert not self.is_refusing(now_s), "a held key let somebody in"
        if self.held_until_s is not None:
            self.probe = label

    def ended(self, label: str, how: str, now_s: float) -> None:
        is_probe = label == self.probe
        if self.held_until_s is not None and not is_probe:
            return
        self.probe = None
        if how == "normal" and is_probe:
            self.failures_s, self.held_until_s = [], None
        elif how == "crashed":
            assert POLICY.intensity is not None
            window_s = POLICY.intensity.window_s
            self.failures_s = [s for s in self.failures_s if now_s - s <= window_s] + [now_s]
            if is_probe or len(self.failures_s) > POLICY.intensity.restarts_max:
                self.held_until_s = now_s + HOLD_S


@dataclass
class Asked:
    """One request on its way."""

    label: str
    key: str
    future: AskFuture


class Model:
    """Plays the operations against a real gate, and knows what has to come of each."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.hall = Hall(stage, waiting_max=WAITING_MAX)
        self.waiting: list[Asked] = []
        self.running: dict[str, str | None] = {}
        self.keys = {key: Key() for key in KEYS}
        self.asked = 0

    async def play(self, script: list[tuple[str, str, int]]) -> None:
        for what, which, number in script:
            now_s = self.stage.now_s()
            match what:
                case "ask":
                    self.ask(which, running_max=number)
                case "end" if self.running:
                    label = list(self.running)[number % len(self.running)]
                    self.end(label, which, now_s)
                case "leave" if self.waiting:
                    self.waiting.pop(number % len(self.waiting)).future.cancel()
                case "pass time":
                    await self.stage.wait(number)
                    now_s = self.stage.now_s()
                case "crash gate":
                    self.hall.gate.kill()
                    self.forget_keys()
                case "crash chats":
                    self.hall.chats.kill()
                    for label in tuple(self.running):
                        self.ended(label, "killed", now_s)
                case _:
                    continue
            await self.stage.wait(0.01)
            self.check_answers(now_s, is_crash=what.startswith("crash"))
            assert set(self.running) == self.really_running()

    def ask(self, key: str, *, running_max: int) -> None:
        self.asked += 1
        label, self.hall.running_max = f"n{self.asked}", running_max
        future = self.hall.admit(label, key, kind=partial(Work, self))  # type: ignore[arg-type]
        self.waiting.append(Asked(label, key, future))

    def end(self, label: str, how: str, now_s: float) -> None:
        ref: Any = self.stage.ref(f"chats/{label}")
        if how == "killed":
            ref.kill()
        else:
            ref.tell(Finish() if how == "normal" else Fail())
        self.ended(label, how, now_s)

    def ended(self, label: str, how: str, now_s: float) -> None:
        if (key := self.running.pop(label)) is not None:
            self.keys[key].ended(label, how, now_s)

    def forget_keys(self) -> None:
        """A new life of the gate counts who runs, and knows nothing else about them."""
        self.keys = {key: Key() for key in KEYS}
        self.running = dict.fromkeys(self.running)

    def check_answers(self, now_s: float, *, is_crash: bool) -> None:
        waited = len(self.waiting)
        for asked in [each for each in self.waiting if each.future.is_done]:
            self.waiting.remove(asked)
            answer = asked.future.get()
            if isinstance(answer, Admitted):
                self.keys[asked.key].admitted(asked.label, now_s)
                self.running[asked.label] = asked.key
                continue
            assert isinstance(answer, Refused)
            match answer.why:
                case Refusal.HELD:
                    assert self.keys[asked.key].is_refusing(now_s)
                    assert answer.retry_after_s > 0
                case Refusal.FULL:
                    assert waited > WAITING_MAX
                case Refusal.NOT_STARTED:
                    assert is_crash
        assert len(self.waiting) <= WAITING_MAX
        has_room = len(self.running) < self.hall.running_max
        assert not (self.waiting and has_room), "somebody waits in front of free room"

    def really_running(self) -> set[str]:
        children = (self.hall.chats.cell.children or {}).values()
        return {cell.name.rsplit("/", 1)[-1] for cell in children}

    async def check_nothing_leaked(self) -> None:
        for asked in self.waiting:
            asked.future.cancel()
        await self.hall.kill_all()
        self.hall.running_max = 3
        fresh = [self.hall.admit(f"last{number}", "fresh") for number in range(4)]
        await self.stage.wait()
        assert [each.is_done for each in fresh] == [True, True, True, False]


class Work(PlainChild):
    """Checks the limit at the moment it starts."""

    def __init__(self, model: Model, stage: Stage, label: str) -> None:
        super().__init__(stage, label)
        assert len(model.really_running()) <= model.hall.running_max, "more run than may"


@given(script=st.lists(operations, max_size=40), seed=st.integers(min_value=0, max_value=9))
@settings(max_examples=200)
def test_the_gate_keeps_its_limits_its_permits_and_its_breakers(
    script: list[tuple[str, str, int]], seed: int
) -> None:
    async def scenario(stage: Stage) -> None:
        model = Model(stage)
        await model.play(script)
        await model.check_nothing_leaked()

    play(scenario, seed=seed)
