"""What a chat was told is kept is kept, whatever the store does; and a broken one is noticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from actors.artifacts import Artifact, Recalled
from actors.db_writer import ArtifactsRefused, ArtifactsSaved
from actors.ports import ArtifactStore
from actors.request import RequestActor
from actors.testing.choices import Choices
from actors.testing.simulate import simulate
from bridge.app import PRODUCT, Parts
from bridge.chaos.memory_logs import MemorySegments
from bridge.chaos.scenarios.broken import InvariantBroken
from bridge.chaos.scenarios.keeping import Keeping

SEEDS = 60


class Behind:
    """Passes everything on to the store behind it."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store

    def open(self) -> None:
        self.store.open()

    def save(self, artifacts: Sequence[Artifact]) -> None:
        self.store.save(artifacts)

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        return self.store.load(chat_id, ids)

    def forget(self, chat_id: str, ids: Sequence[str]) -> int:
        return self.store.forget(chat_id, ids)

    def sweep(self, older_than_s: float, rows_max: int) -> int:
        return self.store.sweep(older_than_s, rows_max)

    def close(self) -> None:
        self.store.close()


class Liar(Behind):
    """Says that it has kept what it has not."""

    def save(self, artifacts: Sequence[Artifact]) -> None:
        self.store.save(artifacts[1:])


class Forgetful(Behind):
    """Finds half of what is there."""

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        return super().load(chat_id, ids[::2])


class Gossip(Behind):
    """Gives everybody everything."""

    everything: dict[str, Artifact]

    def __init__(self, store: ArtifactStore) -> None:
        super().__init__(store)
        self.everything = {}

    def save(self, artifacts: Sequence[Artifact]) -> None:
        super().save(artifacts)
        self.everything |= {each.id: each for each in artifacts}

    def load(self, chat_id: str, ids: Sequence[str]) -> Recalled:
        super().load(chat_id, ids)
        found = tuple(self.everything[each] for each in ids if each in self.everything)
        return Recalled(artifacts=found, missing=len(ids) - len(found))


class Hasty(RequestActor):
    """Marks an answer whatever the store said."""

    def receive(self, message: Any) -> None:
        super().receive(
            ArtifactsSaved(token=0) if isinstance(message, ArtifactsRefused) else message
        )


def outcome(
    seed: int,
    wrap: Callable[[ArtifactStore], ArtifactStore] = lambda store: store,
    parts: Parts = PRODUCT,
) -> tuple[Keeping, frozenset[str], str]:
    made: list[Keeping] = []

    async def play(loop: Any) -> None:
        made.append(Keeping(loop, parts, wrap))
        await made[0].play()

    run = simulate(play, Choices.from_seed(seed), steps_max=500_000)
    error = run.error
    if error is not None and not isinstance(error, InvariantBroken):
        raise error
    broken = frozenset() if error is None else frozenset(each.invariant for each in error.breaches)
    return made[0], broken, run.digest_hex


def test_what_is_marked_is_kept_and_read_and_nobody_elses() -> None:
    met: dict[str, int] = {}
    for seed in range(SEEDS):
        keeping, broken, _ = outcome(seed)
        assert not broken, f"seed {seed}: {keeping.trace.breaches[0]}"
        for name, count in keeping.trace.fired.items():
            met[name] = met.get(name, 0) + count
    wanted = {"marked", "not marked", "a foreign mark", "storage away for an hour"}
    wanted |= {f"storage {kind}" for kind in ("gone", "busy", "misfit", "unheard", "away")}
    wanted |= {"tree closed between turns", "logged", "archive unwritable"}
    assert wanted <= met.keys()


def test_the_same_seed_is_the_same_run() -> None:
    assert outcome(7)[2] == outcome(7)[2]


@pytest.mark.parametrize(
    ("wrap", "broken"),
    [(Liar, "kept"), (Forgetful, "kept"), (Gossip, "isolation")],
    ids=["liar", "forgetful", "gossip"],
)
def test_a_store_that_breaks_its_word_is_noticed(
    wrap: Callable[[ArtifactStore], ArtifactStore], broken: str
) -> None:
    assert any(broken in outcome(seed, wrap)[1] for seed in range(SEEDS))


def test_a_chat_that_marks_without_an_acknowledgement_is_noticed() -> None:
    parts = replace(PRODUCT, request=Hasty)
    assert any("kept" in outcome(seed, parts=parts)[1] for seed in range(SEEDS))


def test_a_stager_that_drops_what_it_is_given_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemorySegments, "stage", lambda *_: None)
    assert any("logged" in outcome(seed)[1] for seed in range(SEEDS))
