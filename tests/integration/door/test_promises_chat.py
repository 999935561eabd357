"""What is promised holds on /chat/completions as well, and so do the rows that only it has."""

import asyncio

import pytest

from bridge.standin.faults import ProviderFault
from tests.integration.door.test_promises import FINE, WAYS, Promises, failing
from tests.integration.promise_stage import KEPT, WHOLE, Way, Wire, notice_after, scene

F = ProviderFault


class TestOnChat(Promises):
    """The rows on /chat/completions."""

    wire = Wire.CHAT

    @WAYS
    @pytest.mark.parametrize(
        "fault",
        [F.CHAT_ERROR_TYPED, F.CHAT_ERROR_EMPTY_CHOICES, F.CHAT_ERROR_BARE, F.CHAT_FINISH_ERROR],
        ids=lambda fault: fault.value,
    )
    def test_an_error_inside_the_stream_keeps_the_text(
        self, way: Way, fault: ProviderFault
    ) -> None:
        asyncio.run(self.keeps_its_text(way, failing(fault)))

    @WAYS
    def test_an_error_after_the_token_limit_is_only_the_limit(self, way: Way) -> None:
        async def main() -> None:
            wish = failing(F.CHAT_ERROR_AFTER_LENGTH)
            async with self.scene(wish, FINE, way=way) as stage:
                went = await stage.ask()
                assert went.said.text.startswith(KEPT)
                assert went.said.ends == ("length",)
                assert len(stage.posts) == 1

        asyncio.run(main())


@WAYS
@pytest.mark.parametrize("wire", Wire, ids=[wire.value for wire in Wire])
@pytest.mark.parametrize(
    ("script", "text", "ends"),
    [
        ("thinking", "The answer is 42.", "stop"),
        ("signed", "The answer is 42.", "stop"),
        ("summary", "The answer is 42.", "stop"),
        ("refusal", "I'm sorry, but that is something I won't help with.", "stop"),
        ("incomplete", "This sentence is going to end before it comes to its", "length"),
        ("two-parts", "First part. Second part.", "stop"),
    ],
)
def test_an_answer_is_the_same_on_both_endpoints(
    wire: Wire, way: Way, script: str, text: str, ends: str
) -> None:
    async def main() -> None:
        async with scene(way=way, wire=wire) as stage:
            went = await stage.ask(stage.question(f"standin.{script}"))
            assert went.said.text == text
            assert went.said.ends == (ends,)
            assert bool(went.said.thoughts) is (script in ("thinking", "signed", "summary"))
            assert went.said.usages == 1
            assert went.said.usage is not None
            assert went.said.usage["total_tokens"] > 0
            assert went.said.usage["cost"] > 0

    asyncio.run(main())


@WAYS
def test_after_output_no_other_endpoint_is_tried(way: Way) -> None:
    async def main() -> None:
        async with scene(failing(F.CUT_MID_FRAME), FINE, way=way) as stage:
            notice = notice_after(await stage.ask(), KEPT)
            assert WHOLE not in notice
            assert len(stage.posts) == 1

    asyncio.run(main())
