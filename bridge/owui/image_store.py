"""Puts images of an answer into Open WebUI's files, in all its versions.

Open WebUI 0.6.28 has plain functions here, which talk to its database and would hold up the whole
server; in 0.12.4 the same functions are coroutines and answer differently (CONTRACT 7). The first
kind runs on a thread.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Final, cast

_log = logging.getLogger("greenroom.pipe")

STORE_TIMEOUT_S: Final = 60.0
IMAGE_BYTES_MAX: Final = 50 * 1024 * 1024

# What a browser draws and cannot run: an SVG may hold a script, and is served from the same host.
CONTENT_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"}
)
_SAME: Final = {"image/jpg": "image/jpeg"}

# Chats that are not in the database begin so, and so do channels.
_UNSAVED: Final = ("local", "temporary:", "channel:")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWebUi:
    """What is needed of Open WebUI, plain or as coroutines.

    Attributes:
        upload_image: `(request, bytes, content type, metadata, user)` to the address, or to a
            pair whose second half has it under `url`.
        user_by_id: the row of a user, or None.
    """

    upload_image: Callable[..., object]
    user_by_id: Callable[[str], object]


def installed() -> OpenWebUi:
    """Find Open WebUI around us.

    Raises:
        ImportError, AttributeError: there is none, or one that nobody knows yet.
    """
    return OpenWebUi(
        upload_image=import_module("open_webui.routers.images").upload_image,
        user_by_id=import_module("open_webui.models.users").Users.get_user_by_id,
    )


class ImageStore:
    """Stores the images of one answer; an instance is what `OwuiSink` takes as `store_image`.

    Args:
        request: the `__request__` of the call.
        user_id: to whom the files belong.
        chat_id, message_id: where they are shown, or "".
        find: where Open WebUI is.
    """

    def __init__(
        self,
        request: object,
        user_id: str,
        *,
        chat_id: str = "",
        message_id: str = "",
        find: Callable[[], OpenWebUi] = installed,
    ) -> None:
        self._request = request
        self._user_id = user_id
        self._find = find
        is_saved = chat_id and message_id and not chat_id.startswith(_UNSAVED)
        self._metadata = {"chat_id": chat_id, "message_id": message_id} if is_saved else {}

    async def __call__(self, data_url: str) -> str | None:
        """Store an image and return its address; None when that failed, for whatever reason."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                return await self._stored(data_url)
        except Exception as error:  # noqa: BLE001 - a door: a lost image must not end the answer
            _log.warning("an image could not be stored: %s", type(error).__name__)
            return None

    async def _stored(self, data_url: str) -> str | None:
        image = await asyncio.to_thread(decoded_image, data_url)
        if image is None:
            return None
        content_type, content = image
        found = self._find()
        user = await _called(found.user_by_id, self._user_id)
        if user is None:
            _log.warning("an image could not be stored: the user is not known")
            return None
        # A copy for each: Open WebUI keeps the dictionary with the file.
        metadata = dict(self._metadata)
        answer = await _called(
            found.upload_image, self._request, content, content_type, metadata, user
        )
        return _address(answer)


def decoded_image(data_url: str) -> tuple[str, bytes] | None:
    """Return type and content of an image in a `data:` URL; None if it is not to be stored."""
    head, comma, text = data_url.partition(",")
    scheme, _, media_type = head.partition(":")
    content_type, *parameters = media_type.lower().split(";")
    content_type = _SAME.get(content_type, content_type)
    if not comma or scheme != "data" or "base64" not in parameters:
        return None
    if content_type not in CONTENT_TYPES or len(text) > IMAGE_BYTES_MAX * 4 // 3 + 4:
        return None
    try:
        content = base64.b64decode(text, altchars=_altchars(text), validate=True)
    except (binascii.Error, ValueError):
        return None
    return (content_type, content) if content else None


def _altchars(text: str) -> bytes:
    return b"-_" if "-" in text or "_" in text else b"+/"


async def _called(function: Callable[..., object], *arguments: object) -> object:
    """Call what may be a coroutine function or a plain one that blocks."""
    if inspect.iscoroutinefunction(function):
        return await cast("Callable[..., Awaitable[object]]", function)(*arguments)
    call: Callable[[], object] = partial(function, *arguments)
    result = await asyncio.to_thread(call)
    return await result if inspect.isawaitable(result) else result


def _address(answer: object) -> str | None:
    """Read what `upload_image` of one version or the other returned."""
    if isinstance(answer, tuple):
        told = answer[-1] if answer else None
        answer = told.get("url") if isinstance(told, dict) else None
    # A plain string: what comes may be a class of the web framework that is one, and more.
    return str(answer) if isinstance(answer, str) and answer.startswith(("/", "http")) else None
