"""A gate for claims under any sequence of claims, deaths, waits and crashes, against a model."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor import Granted, Refusal, Refused
from tests.unit.supervision_stage import Stage, play
from tests.unit.workshop import Workshop

WAITING_MAX = 4
WAIT_MAX_S = 30.0
USERS = ("ann", "bob", "cas")

operations = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.sampled_from(USERS), st.integers(min_value=1, max_value=3)),
        st.tuples(st.just("again"), st.just(""), st.integers(min_value=0, max_value=9)),
        st.tuples(
            st.sampled_from(("normal", "crashed", "killed", "stopped")),
            st.just(""),
            st.integers(min_value=0, max_value=9),
        ),
        st.tuples(st.just("pass time"), st.just(""), st.sampled_from((1, 20, 40))),
        st.tuples(st.just("crash gate"), st.just(""), st.just(0)),
    ),
    max_size=40,
)


@dataclass
class Model:
    """What has to be true of the permits, whatever happens."""

    stage: Stage
    shop: Workshop = field(init=False)
    # Holder -> its user and when it began to wait; and those with a permit.
    waiting: dict[str, tuple[str, float]] = field(default_factory=dict)
    holding: set[str] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.shop = Workshop(self.stage, waiting_max=WAITING_MAX)

    async def play(self, script: list[tuple[str, str, int]]) -> None:
        for what, user, number in script:
            before = len(self.holding)
            match what:
                case "claim":
                    self.shop.running_max = number
                    self.claim(f"h{self.made}", user)
                    self.made += 1
                case "again" if self.waiting or self.holding:
                    self.claim_again(number)
                case "pass time":
                    await self.stage.wait(number)
                case "crash gate":
                    self.shop.gate.kill()
                case "normal" | "crashed" | "killed" | "stopped" if self.waiting or self.holding:
                    await self.end(what, number)
                case _:
                    continue
            await self.stage.wait(0.1)
            self.check(user, before, what)

    def claim(self, label: str, user: str) -> None:
        self.waiting[label] = (user, self.stage.now_s())
        self.shop.gate.tell(self.shop.claim_of(label, fair_key=user, wait_max_s=WAIT_MAX_S))

    def claim_again(self, number: int) -> None:
        """A claim that is repeated changes nothing for anybody."""
        live = [*self.waiting, *sorted(self.holding)]
        label = live[number % len(live)]
        user = self.waiting.get(label, ("", 0.0))[0]
        self.shop.gate.tell(self.shop.claim_of(label, fair_key=user, wait_max_s=WAIT_MAX_S))

    async def end(self, how: str, number: int) -> None:
        live = [*self.waiting, *sorted(self.holding)]
        label = live[number % len(live)]
        await self.shop.end(label, how)
        self.waiting.pop(label, None)
        self.holding.discard(label)

    def check(self, user: str, before: int, what: str) -> None:
        now_s = self.stage.now_s()
        waited = len(self.waiting)
        for label, answers in list(self.shop.answers.items()):
            new = answers[self.told.get(label, 0) :]
            self.told[label] = len(answers)
            for answer in new:
                if isinstance(answer, Granted) and self.stage.system.find(label) is not None:
                    self.waiting.pop(label, None)
                    self.holding.add(label)
                elif isinstance(answer, Refused):
                    self.check_refusal(answer, label, waited, what)
        assert len(self.holding) <= max(self.shop.running_max, before), "more than may"
        assert len(self.waiting) <= WAITING_MAX
        has_room = len(self.holding) < self.shop.running_max
        assert not (self.waiting and has_room), "somebody waits in front of free room"
        assert all(now_s - since_s <= WAIT_MAX_S + 0.2 for _, since_s in self.waiting.values())

    def check_refusal(self, refused: Refused, label: str, waited: int, what: str) -> None:
        if label not in self.waiting:
            assert self.stage.system.find(label) is None, "only who waits is refused"
            return
        user, since_s = self.waiting.pop(label)
        if refused.why is Refusal.NOT_STARTED:
            assert what == "crash gate"
            return
        assert refused.why is Refusal.FULL, "no policy, no hold"
        if self.stage.now_s() - since_s >= WAIT_MAX_S:
            return
        assert waited > WAITING_MAX, "there was a place"
        lines = [sum(each == name for each, _ in self.waiting.values()) for name in USERS]
        mine = sum(each == user for each, _ in self.waiting.values())
        assert mine + 1 >= max(lines), "somebody with more places could have given one"

    async def check_nothing_leaked(self) -> None:
        for label in (*self.waiting, *self.holding):
            await self.shop.end(label, "killed")
        self.shop.running_max = 2
        answers = [await self.shop.claim(label) for label in ("x", "y", "z")]
        assert [type(each) for each in answers] == [Granted, Granted, type(None)]


@given(script=operations, seed=st.integers(min_value=0, max_value=9))
@settings(max_examples=150)
def test_the_gate_loses_no_permit_and_invents_none(
    script: list[tuple[str, str, int]], seed: int
) -> None:
    async def scenario(stage: Stage) -> None:
        model = Model(stage)
        await model.play(script)
        await model.check_nothing_leaked()

    play(scenario, seed=seed)
