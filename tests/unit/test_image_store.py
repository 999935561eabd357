"""The way into Open WebUI's files, in both of its spellings."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable

import pytest

from bridge.owui.image_store import (
    IMAGE_BYTES_MAX,
    ImageStore,
    OpenWebUi,
    decoded_image,
    installed,
)

CONTENT = b"\x89PNG\xff\xfe"
PNG = f"data:image/png;base64,{base64.b64encode(CONTENT).decode()}"
URL = "/api/v1/files/1/content"
REQUEST = object()


class Files:
    """Keeps what was uploaded."""

    def __init__(self) -> None:
        self.uploads: list[tuple[object, ...]] = []

    def old(self) -> OpenWebUi:
        """Plain functions; the answer is the address."""

        def upload(*arguments: object) -> str:
            self.uploads.append(arguments)
            return URL

        return OpenWebUi(upload_image=upload, user_by_id=lambda user_id: f"row of {user_id}")

    def new(self) -> OpenWebUi:
        """Coroutines; the answer is a pair."""

        async def upload(*arguments: object) -> tuple[object, dict[str, str]]:
            self.uploads.append(arguments)
            return object(), {"id": "1", "url": URL}

        async def user_by_id(user_id: str) -> str:
            return f"row of {user_id}"

        return OpenWebUi(upload_image=upload, user_by_id=user_by_id)


def stored(find: Callable[[], OpenWebUi], url: str = PNG, chat_id: str = "c") -> str | None:
    store = ImageStore(REQUEST, "u1", chat_id=chat_id, message_id="m", find=find)

    async def scene() -> str | None:
        return await store(url)

    return asyncio.run(scene())


@pytest.mark.parametrize("version", ["old", "new"])
def test_an_image_becomes_a_file_of_the_user_in_every_version(version: str) -> None:
    """SPEC 94, CONTRACT 7."""
    files = Files()
    assert stored(files.old if version == "old" else files.new) == URL
    metadata = {"chat_id": "c", "message_id": "m"}
    assert files.uploads == [(REQUEST, CONTENT, "image/png", metadata, "row of u1")]


@pytest.mark.parametrize("chat_id", ["", "local", "local:1", "temporary:1", "channel:1"])
def test_a_chat_that_is_not_saved_is_not_linked_to(chat_id: str) -> None:
    """SPEC 62."""
    files = Files()
    assert stored(files.new, chat_id=chat_id) == URL
    assert files.uploads[0][3] == {}


def broken() -> OpenWebUi:
    raise AttributeError("secret of the server")


def strange(answer: object) -> Callable[[], OpenWebUi]:
    return lambda: OpenWebUi(upload_image=lambda *_: answer, user_by_id=lambda _: "row")


def failing() -> OpenWebUi:
    async def upload(*_: object) -> str:
        raise OSError("disk full: secret of the server")

    return OpenWebUi(upload_image=upload, user_by_id=lambda _: "row")


@pytest.mark.parametrize("find", [broken, failing, installed])
def test_a_failure_is_logged_without_its_text_and_ends_nothing(
    find: Callable[[], OpenWebUi], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "greenroom.pipe"):
        assert stored(find) is None
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_without_a_row_of_the_user_nothing_is_stored() -> None:
    find = OpenWebUi(upload_image=lambda *_: URL, user_by_id=lambda _: None)
    assert stored(lambda: find) is None


@pytest.mark.parametrize("answer", [None, "", "javascript:x", (), (1, 2), (1, {}), 7])
def test_an_answer_that_is_no_address_is_none(answer: object) -> None:
    assert stored(strange(answer)) is None


def test_a_stop_while_an_image_is_stored_goes_through() -> None:
    """SPEC 24."""

    async def upload(*_: object) -> object:
        return await asyncio.get_running_loop().create_future()

    async def scene(store: Callable[[str], Awaitable[str | None]]) -> None:
        storing = asyncio.gather(store(PNG))
        await asyncio.sleep(0)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing

    find = OpenWebUi(upload_image=upload, user_by_id=lambda _: "row")
    asyncio.run(scene(ImageStore(REQUEST, "u", find=lambda: find)))


@pytest.mark.parametrize(
    "url",
    [
        "data:image/svg+xml;base64,AAAA",
        "data:text/html;base64,AAAA",
        "data:image/png,AAAA",
        "data:image/png;base64,",
        "data:image/png;base64,A*A=",
        "data:image/png;base64,\u00e4",
        "https://a.example/x.png",
        f"data:image/png;base64,{'A' * (IMAGE_BYTES_MAX * 4 // 3 + 8)}",
    ],
    ids=range(8),
)
def test_only_a_whole_image_of_bounded_size_is_stored(url: str) -> None:
    assert decoded_image(url) is None


@pytest.mark.parametrize(
    ("url", "image"),
    [
        (PNG, ("image/png", CONTENT)),
        ("data:image/jpg;base64,_-8=", ("image/jpeg", b"\xff\xef")),
        ("data:image/webp;name=a;base64,AAAA", ("image/webp", b"\0\0\0")),
    ],
)
def test_an_image_is_read_in_every_spelling(url: str, image: tuple[str, bytes]) -> None:
    assert decoded_image(url) == image
