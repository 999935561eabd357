"""The catalog actor: one fetch at a time, stale is served, the first load is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from actors.catalog import (
    RETRY_MAX_S,
    CatalogActor,
    CatalogKnown,
    CatalogMissing,
    GetCatalog,
    retry_wait_s,
)
from actors.ports import AuthRejected, ConnectionFailed, Endpoint, ProviderError, Secret
from actors.values import Catalog, Model
from tests.unit.chat_stage import ENDPOINT
from tests.unit.kernel_stage import Stage, on_stage

ELSEWHERE = Endpoint(base_url="http://elsewhere.invalid/api", api_key=Secret("sk-or-test"))


def models(*ids: str) -> Catalog:
    return Catalog(models=tuple(Model(id=each, name=each) for each in ids))


class Source:
    """Answers as scripted, the last answer for ever."""

    def __init__(self, *answers: Catalog | ProviderError) -> None:
        self._answers: Sequence[Catalog | ProviderError] = answers
        self.asked: list[str] = []

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(endpoint.base_url)
        await asyncio.sleep(0)
        if isinstance(answer, ProviderError):
            raise answer
        return answer


def get(endpoint: Endpoint = ENDPOINT, refresh_s: float = 3600.0) -> GetCatalog:
    return GetCatalog(endpoint=endpoint, refresh_s=refresh_s)


@on_stage
async def test_the_first_who_ask_wait_for_one_fetch(stage: Stage) -> None:
    source = Source(models("a/b"))
    ref = stage.spawn(CatalogActor, source)
    first, second = ref.ask(get(), block=False), ref.ask(get(), block=False)
    await stage.settle()
    assert (await first).catalog == (await second).catalog == models("a/b")
    assert len(source.asked) == 1


@on_stage
async def test_a_fresh_catalog_is_not_asked_for_again(stage: Stage) -> None:
    source = Source(models("a/b"), models("c/d"))
    ref = stage.spawn(CatalogActor, source)
    known = await ref.ask(get(refresh_s=100.0), block=False)
    assert known.fresh_until_s == stage.clock.now_s() + 100.0
    await stage.advance(99.0)
    assert (await ref.ask(get(refresh_s=100.0), block=False)).catalog == models("a/b")
    assert len(source.asked) == 1


@on_stage
async def test_a_stale_catalog_is_served_while_the_next_is_fetched(stage: Stage) -> None:
    ref = stage.spawn(CatalogActor, Source(models("a/b"), models("c/d")))
    await ref.ask(get(refresh_s=100.0), block=False)
    await stage.advance(101.0)
    assert (await ref.ask(get(refresh_s=100.0), block=False)).catalog == models("a/b")
    await stage.settle()
    assert (await ref.ask(get(refresh_s=100.0), block=False)).catalog == models("c/d")


@on_stage
async def test_a_failing_refresh_keeps_the_stale_catalog_and_backs_off(stage: Stage) -> None:
    source = Source(models("a/b"), ConnectionFailed())
    ref = stage.spawn(CatalogActor, source)
    await ref.ask(get(refresh_s=100.0), block=False)
    await stage.advance(101.0)
    for _ in range(3):
        known = await ref.ask(get(refresh_s=100.0), block=False)
        assert isinstance(known, CatalogKnown)
        await stage.settle()
    assert len(source.asked) == 2
    await stage.advance(5.0)
    await ref.ask(get(refresh_s=100.0), block=False)
    await stage.settle()
    assert len(source.asked) == 3
    await stage.advance(9.0)
    await ref.ask(get(refresh_s=100.0), block=False)
    assert len(source.asked) == 3


@on_stage
async def test_the_first_load_is_tried_three_times_before_it_has_failed(stage: Stage) -> None:
    source = Source(ConnectionFailed())
    ref = stage.spawn(CatalogActor, source)
    asked = ref.ask(get(), block=False)
    await stage.settle()
    for wait_s in (0.5, 1.0):
        assert not asked.is_done
        await stage.advance(wait_s)
    assert isinstance((await asked).error, ConnectionFailed)
    assert len(source.asked) == 3


@on_stage
async def test_what_no_retry_cures_is_told_at_once(stage: Stage) -> None:
    source = Source(AuthRejected())
    ref = stage.spawn(CatalogActor, source)
    missing = await ref.ask(get(), block=False)
    assert isinstance(missing, CatalogMissing)
    assert len(source.asked) == 1


@on_stage
async def test_after_a_failed_first_load_the_next_who_asks_tries_again(stage: Stage) -> None:
    source = Source(AuthRejected(), models("a/b"))
    ref = stage.spawn(CatalogActor, source)
    assert isinstance(await ref.ask(get(), block=False), CatalogMissing)
    assert (await ref.ask(get(), block=False)).catalog == models("a/b")


@on_stage
async def test_another_provider_has_another_catalog(stage: Stage) -> None:
    source = Source(models("a/b"), models("c/d"))
    ref = stage.spawn(CatalogActor, source)
    await ref.ask(get(), block=False)
    assert (await ref.ask(get(ELSEWHERE), block=False)).catalog == models("c/d")
    assert source.asked == [ENDPOINT.base_url, ELSEWHERE.base_url]


def test_the_wait_grows_up_to_a_bound_and_never_past_the_refresh() -> None:
    waits = [retry_wait_s(n, refresh_s=3600.0) for n in range(1, 9)]
    assert waits[:5] == [5.0, 10.0, 20.0, 40.0, 80.0]
    assert max(waits) == RETRY_MAX_S
    assert retry_wait_s(9, refresh_s=60.0) == 60.0
    assert retry_wait_s(10_000, refresh_s=3600.0) == RETRY_MAX_S
