"""What is promised when the provider fails, over real sockets: one test a row.

Each row asks both ways, streamed and whole; rows that take their time do so at once. The same
rows hold on the other endpoint, see `test_promises_chat`. When a scene closes, it looks for
connections and tasks left over.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import pytest

from actors.ports import CatalogSource, Endpoint
from actors.values import Catalog
from bridge.app import Ports
from bridge.owui.real_ports import provider_ports
from bridge.standin.faults import ProviderFault
from bridge.standin.server import StandIn
from bridge.standin.wishes import Wish
from tests.integration.promise_stage import (
    KEPT,
    WHOLE,
    Scene,
    Way,
    Wire,
    each_way,
    is_complete,
    notice_after,
    scene,
)

F = ProviderFault
FINE = Wish(script="plain")
SLOW = Wish(n=400, b=20, pace_ms=20)
WINDOW_S = 5

WAYS = pytest.mark.parametrize("way", Way, ids=[way.value for way in Way])


def failing(fault: ProviderFault, **more: object) -> Wish:
    return Wish(script="plain", fault=fault, **more)  # type: ignore[arg-type]


class Promises:
    """Every row, for one of the two endpoints."""

    wire: ClassVar[Wire]

    def scene(self, *wishes: Wish, way: Way, **more: object) -> AbstractAsyncContextManager[Scene]:
        return scene(*wishes, way=way, wire=self.wire, **more)  # type: ignore[arg-type]

    async def comes_whole(self, way: Way, *wishes: Wish) -> list[float]:
        """The answer is complete after as many requests as wishes; return the time between."""
        async with self.scene(*wishes, way=way) as stage:
            assert is_complete(await stage.ask())
            assert len(stage.posts) == len(wishes)
            times_s = [record.received_at_s for record in stage.posts]
            return [later_s - sooner_s for sooner_s, later_s in pairwise(times_s)]

    async def keeps_its_text(self, way: Way, wish: Wish, kept: str = KEPT) -> None:
        """What came stays, a notice follows, and nothing is asked for again."""
        async with self.scene(wish, FINE, way=way) as stage:
            went = await stage.ask()
            notice_after(went, kept)
            assert went.said.ends == ("length",)
            assert len(stage.posts) == 1

    async def is_told(self, way: Way, wish: Wish, *, requests: int, words: str = "") -> None:
        """Nothing could be shown; the answer says why, after so many requests."""
        wishes = (wish,) * requests
        async with self.scene(*wishes, FINE, way=way) as stage:
            notice = notice_after(await stage.ask(), "")
            assert words in notice
            assert WHOLE[:20] not in notice
            assert len(stage.posts) == requests

    # --- odd streams ----------------------------------------------------------------------------

    @WAYS
    @pytest.mark.parametrize(
        "fault",
        [F.GARBAGE_BEFORE_TEXT, F.GARBAGE_BETWEEN_TEXT, F.INVALID_UTF8, F.GARBAGE_AFTER_TEXT],
        ids=lambda fault: fault.value,
    )
    def test_a_malformed_event_is_skipped_and_the_answer_goes_on(
        self, way: Way, fault: ProviderFault
    ) -> None:
        asyncio.run(self.comes_whole(way, failing(fault)))

    @WAYS
    def test_a_text_that_turns_into_garbage_is_kept(self, way: Way) -> None:
        asyncio.run(self.keeps_its_text(way, failing(F.GARBAGE_FOR_GOOD)))

    @WAYS
    @pytest.mark.parametrize(
        "fault",
        [F.CLEAN_END_WITHOUT_COMPLETION, F.DONE_WITHOUT_COMPLETION],
        ids=lambda fault: fault.value,
    )
    def test_a_clean_end_without_completion_is_a_cut(self, way: Way, fault: ProviderFault) -> None:
        asyncio.run(self.keeps_its_text(way, failing(fault)))

    # --- connections that break -----------------------------------------------------------------

    @WAYS
    @pytest.mark.parametrize(
        "fault",
        [F.CONNECT_RESET, F.CUT_BEFORE_OUTPUT, F.CLEAN_END_BEFORE_OUTPUT],
        ids=lambda fault: fault.value,
    )
    def test_a_connection_cut_before_the_first_output_is_tried_again(
        self, way: Way, fault: ProviderFault
    ) -> None:
        asyncio.run(self.comes_whole(way, failing(fault), FINE))

    @WAYS
    def test_a_connection_cut_at_the_first_output_keeps_it(self, way: Way) -> None:
        asyncio.run(self.keeps_its_text(way, failing(F.CUT_BETWEEN_FRAMES, after=1), "A "))

    @WAYS
    @pytest.mark.parametrize(
        "fault", [F.CUT_MID_FRAME, F.RESET_MID_STREAM], ids=lambda fault: fault.value
    )
    def test_a_connection_cut_after_output_keeps_the_text(
        self, way: Way, fault: ProviderFault
    ) -> None:
        asyncio.run(self.keeps_its_text(way, failing(fault)))

    def test_a_stall_before_output_is_tried_again(self) -> None:
        async def main(way: Way) -> None:
            await self.comes_whole(way, failing(F.HALF_OPEN_AFTER_HEADERS), FINE)

        each_way(main)

    def test_a_stall_past_the_read_timeout_keeps_the_text(self) -> None:
        async def main(way: Way) -> None:
            await self.keeps_its_text(way, failing(F.HALF_OPEN_MID_STREAM))

        each_way(main)

    # --- statuses -------------------------------------------------------------------------------

    def test_two_failures_of_the_provider_are_borne(self) -> None:
        async def main(way: Way) -> None:
            first_s, second_s = await self.comes_whole(way, *(failing(F.STATUS_500),) * 2, FINE)
            assert 0.2 <= first_s <= 4.5
            assert 0.4 <= second_s <= 4.5

        each_way(main)

    def test_three_failures_of_the_provider_are_told(self) -> None:
        async def main(way: Way) -> None:
            await self.is_told(way, failing(F.STATUS_500), requests=3, words="500")

        each_way(main)

    def test_a_provider_that_fails_for_ever_is_asked_three_times(self) -> None:
        async def main(way: Way) -> None:
            async with self.scene(failing(F.STATUS_500, times=10), way=way) as stage:
                notice_after(await stage.ask(), "")
                assert len(stage.posts) == 3

        each_way(main)

    @WAYS
    def test_a_rate_limit_passes_without_a_retry_after(self, way: Way) -> None:
        asyncio.run(self.comes_whole(way, failing(F.STATUS_429_PLAIN), FINE))

    @pytest.mark.parametrize(
        ("fault", "wait_ms"),
        [(F.STATUS_429_RETRY_AFTER_SECONDS, 1000), (F.STATUS_429_RETRY_AFTER_DATE, 2000)],
        ids=["seconds", "date"],
    )
    def test_a_retry_after_is_the_least_that_is_waited(
        self, fault: ProviderFault, wait_ms: float
    ) -> None:
        async def main(way: Way) -> None:
            (waited_s,) = await self.comes_whole(way, failing(fault, wait_ms=wait_ms), FINE)
            # A date has no fractions of a second.
            assert 0.99 <= waited_s <= 4.5

        each_way(main)

    def test_an_absurd_retry_after_can_be_stopped(self) -> None:
        async def main(way: Way) -> None:
            wish = failing(F.STATUS_429_RETRY_AFTER_ABSURD)
            async with self.scene(wish, FINE, way=way) as stage:
                asking = stage.begin()
                await stage.until_asked(1)
                await asyncio.wait((asking,), timeout=1.2)
                assert not asking.done(), "a wait of up to a minute is kept"
                await stage.stop(asking)
                assert len(stage.posts) == 1

        each_way(main)

    @WAYS
    @pytest.mark.parametrize(
        ("fault", "words"),
        [(F.STATUS_402_CREDITS, "credit"), (F.STATUS_402_KEY_CAP, "credit")],
        ids=["credits", "key-cap"],
    )
    def test_a_lack_of_credit_is_told_at_once(
        self, way: Way, fault: ProviderFault, words: str
    ) -> None:
        asyncio.run(self.is_told(way, failing(fault), requests=1, words=words))

    @WAYS
    def test_a_balance_that_stays_bound_is_told_after_three_attempts(self, way: Way) -> None:
        asyncio.run(
            self.is_told(way, failing(F.STATUS_402_IN_FLIGHT), requests=3, words="1 second")
        )

    @WAYS
    def test_a_daily_quota_is_not_tried_again(self, way: Way) -> None:
        asyncio.run(self.is_told(way, failing(F.STATUS_429_DAILY_QUOTA), requests=1))

    # --- what cannot be reached, or is no answer ------------------------------------------------

    def test_a_refused_connection_is_told(self) -> None:
        async def main(way: Way) -> None:
            async with self.scene_elsewhere(f"http://127.0.0.1:{free_port()}/api/v1", way) as stage:
                notice_after(await stage.ask(), "")
                assert stage.posts == []

        each_way(main)

    def test_a_name_that_does_not_exist_is_told(self) -> None:
        async def main(way: Way) -> None:
            async with self.scene_elsewhere("http://nonexistent.invalid/api/v1", way) as stage:
                notice_after(await stage.ask(), "")
                assert stage.posts == []

        each_way(main)

    @asynccontextmanager
    async def scene_elsewhere(self, address: str, way: Way) -> AsyncIterator[Scene]:
        """The catalog comes from the stand-in, and answers from an address that does not work."""
        async with (
            await StandIn.start() as catalog,
            self.scene(way=way, ports=catalog_from(catalog.base_url)) as stage,
        ):
            stage.change(BASE_URL=address)
            yield stage

    @WAYS
    @pytest.mark.parametrize(
        "fault",
        [F.WRONG_CONTENT_TYPE, F.HTML_200, F.ERROR_ONLY_200, F.EMPTY_200],
        ids=lambda fault: fault.value,
    )
    def test_an_answer_that_is_none_is_tried_again(self, way: Way, fault: ProviderFault) -> None:
        asyncio.run(self.comes_whole(way, failing(fault), FINE))

    def test_an_answer_that_never_is_one_is_told(self) -> None:
        async def main(way: Way) -> None:
            await self.is_told(way, failing(F.WRONG_CONTENT_TYPE), requests=3)

        each_way(main)

    # --- the user's breaker ---------------------------------------------------------------------

    def test_a_users_breaker_opens_refuses_probes_and_closes(self) -> None:
        async def main(way: Way) -> None:
            cut = failing(F.CUT_MID_FRAME)
            valves = {"BREAKER_MAX_FAILURES": 2, "BREAKER_WINDOW_SECONDS": WINDOW_S}
            async with self.scene(cut, cut, FINE, FINE, FINE, way=way, **valves) as stage:
                for _ in range(2):
                    notice_after(await stage.ask(), KEPT)
                opened_s = asyncio.get_running_loop().time()
                refused = await stage.ask()
                assert "temporarily disabled" in refused.said.text
                assert refused.elapsed_s < 0.5
                assert len(stage.posts) == 2, "an open breaker asks nobody"
                assert is_complete(await stage.ask(user="bob")), "it is open for one user only"
                left_s = opened_s + WINDOW_S - asyncio.get_running_loop().time()
                await asyncio.sleep(left_s + 0.1)
                assert is_complete(await stage.ask()), "one request is let through"
                assert is_complete(await stage.ask()), "and closes the breaker"
                assert len(stage.posts) == 5

        each_way(main)

    @WAYS
    def test_what_a_user_did_opens_no_breaker(self, way: Way) -> None:
        async def main() -> None:
            wishes = [failing(F.STATUS_400)] * 3 + [failing(F.STATUS_402_CREDITS)] * 3
            async with self.scene(*wishes, FINE, way=way, BREAKER_MAX_FAILURES=1) as stage:
                for _ in wishes:
                    notice_after(await stage.ask(), "")
                assert is_complete(await stage.ask())

        asyncio.run(main())

    # --- stops ----------------------------------------------------------------------------------

    @WAYS
    def test_a_stop_while_waiting_for_admission_asks_nobody(self, way: Way) -> None:
        async def main() -> None:
            async with self.scene(SLOW, FINE, way=way, MAX_CONCURRENT_REQUESTS=1) as stage:
                first = stage.begin()
                await stage.until_asked(1)
                waiting = stage.begin()
                await asyncio.wait((waiting,), timeout=0.1)
                assert not waiting.done()
                await stage.stop(waiting)
                await stage.stop(first)
                assert len(stage.posts) == 1
                assert is_complete(await stage.ask()), "its place is free again"

        asyncio.run(main())

    @WAYS
    @pytest.mark.parametrize(
        "fault", [F.HALF_OPEN, F.HALF_OPEN_AFTER_HEADERS], ids=lambda fault: fault.value
    )
    def test_a_stop_before_the_first_byte_closes_the_connection(
        self, way: Way, fault: ProviderFault
    ) -> None:
        async def main() -> None:
            patient = {"HTTP_SOCK_READ_SECONDS": 60}
            async with self.scene(failing(fault), FINE, way=way, **patient) as stage:
                asking = stage.begin()
                await stage.until_asked(1)
                await stage.stop(asking)
                assert is_complete(await stage.ask())
                assert len(stage.posts) == 2

        asyncio.run(main())

    @WAYS
    def test_a_stop_in_the_middle_of_the_text_closes_the_connection(self, way: Way) -> None:
        async def main() -> None:
            async with self.scene(SLOW, FINE, way=way) as stage:
                asking = stage.begin()
                await stage.until_asked(1)
                await asyncio.wait((asking,), timeout=0.15)
                await stage.stop(asking)
                assert is_complete(await stage.ask())
                assert len(stage.posts) == 2

        asyncio.run(main())


class TestOnResponses(Promises):
    """The rows on /responses."""

    wire = Wire.RESPONSES


# --- small things -------------------------------------------------------------------------------


def free_port() -> int:
    """A port of which one may be sure that nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class CatalogElsewhere:
    """A `CatalogSource` that asks another address than it is told."""

    def __init__(self, source: CatalogSource, base_url: str) -> None:
        self._source = source
        self._base_url = base_url

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        return await self._source.fetch(replace(endpoint, base_url=self._base_url))


def catalog_from(base_url: str) -> Callable[[], Ports]:
    """The real ports, but for where the catalog comes from."""

    def ports() -> Ports:
        real = provider_ports()
        return replace(real, catalog_source=CatalogElsewhere(real.catalog_source, base_url))

    return ports
