"""The model list and the proof of a key, over httpx.

These calls are rare and small, so they use the client that is pleasant, not the one that is
fast. No retry and no cache here: the catalog actor has both.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from actors.ports import (
    AnswerMalformed,
    ConnectionFailed,
    Endpoint,
    ErrorFacts,
    ProviderError,
    ProviderTimedOut,
    RequestRejected,
)
from actors.values import Catalog
from bridge.openrouter.catalog_rows import CatalogRead, RowCounts, read_catalog
from bridge.openrouter.errors import provider_error
from bridge.openrouter.http_defaults import (
    ERROR_BODY_BYTES_MAX,
    TlsContext,
    request_headers,
)

CALL_TIMEOUT_S = 10.0
"""One call from start to end (SPEC 19); an endpoint may ask for less, not for more."""

CATALOG_BYTES_MAX = 32 * 1024 * 1024
"""Thirty times the size of today's list."""

_OK = 200
_CAUSES_MAX = 8


class HttpxCatalog:
    """The `CatalogSource` port over one httpx client.

    The first call makes the client, with the proxies and the certificates that the environment
    names; it belongs to the loop of that call.
    """

    def __init__(self, tls: TlsContext | None = None) -> None:
        self._tls = tls or TlsContext()
        self._client: httpx.AsyncClient | None = None
        self._is_closed = False
        self._starting = asyncio.Lock()
        self._counts: RowCounts | None = None

    @property
    def counts(self) -> RowCounts | None:
        """What became of the rows of the last list that was read; None before the first."""
        return self._counts

    async def fetch(self, endpoint: Endpoint) -> Catalog:
        """See `CatalogSource.fetch`."""
        body = await self._get(endpoint, "/models", CATALOG_BYTES_MAX)
        read = await asyncio.to_thread(_read, body)
        self._counts = read.counts
        return read.catalog

    async def check_key(self, endpoint: Endpoint) -> None:
        """Ask who the key belongs to; returns when it is good (SPEC 20).

        Raises:
            AuthRejected: missing, wrong or revoked.
            ProviderError: it could not be found out.
        """
        await self._get(endpoint, "/key", ERROR_BODY_BYTES_MAX)

    async def close(self) -> None:
        """Close every connection. A later call is refused."""
        self._is_closed = True
        async with self._starting:
            if self._client is not None:
                await self._client.aclose()
                self._client = None

    async def _get(self, endpoint: Endpoint, path: str, bytes_max: int) -> bytes:
        headers = request_headers(endpoint) | {"Accept": "application/json"}
        url = endpoint.base_url.rstrip("/") + path
        limit_s = min(CALL_TIMEOUT_S, endpoint.total_timeout_s or CALL_TIMEOUT_S)
        try:
            async with asyncio.timeout(limit_s):
                client = self._client or await self._started()
                timeouts = _timeouts(endpoint)
                async with client.stream("GET", url, headers=headers, timeout=timeouts) as answer:
                    return await _body(answer, bytes_max)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise _translated(error) from None

    async def _started(self) -> httpx.AsyncClient:
        async with self._starting:
            if self._is_closed:
                raise ConnectionFailed(ErrorFacts(code="client-closed"))
            if self._client is None:
                self._client = _new_client(await self._tls.get())
            return self._client


def _new_client(tls: ssl.SSLContext) -> httpx.AsyncClient:
    nobody = DefaultCookiePolicy(allowed_domains=[])
    try:
        return httpx.AsyncClient(verify=tls, cookies=CookieJar(nobody), trust_env=True)
    except (ImportError, ValueError):
        # A proxy of a kind that is not spoken here; going around it is not ours to decide.
        raise ConnectionFailed(ErrorFacts(code="proxy-scheme")) from None


def _timeouts(endpoint: Endpoint) -> httpx.Timeout:
    return httpx.Timeout(endpoint.read_timeout_s, connect=endpoint.connect_timeout_s)


async def _body(answer: httpx.Response, bytes_max: int) -> bytes:
    """Read the whole body of a 200; of any other answer as much as tells what is wrong."""
    is_good = answer.status_code == _OK
    limit_bytes = bytes_max if is_good else ERROR_BODY_BYTES_MAX
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > limit_bytes:
            break
    if not is_good:
        raise provider_error(answer.status_code, answer.headers, bytes(body[:limit_bytes]))
    if len(body) > limit_bytes:
        raise AnswerMalformed(ErrorFacts(status=_OK, code="catalog-too-large"))
    return bytes(body)


def _read(body: bytes) -> CatalogRead:
    """Parse a 200; when it is no catalog but an error in words, say what the words say."""
    try:
        return read_catalog(body)
    except AnswerMalformed:
        worded = provider_error(_OK, {}, body[:ERROR_BODY_BYTES_MAX])
        if isinstance(worded, AnswerMalformed):
            raise
        raise worded from None


def _translated(error: Exception) -> ProviderError:
    """Translate without the cause: httpx hangs the whole request on its errors."""
    if isinstance(error, httpx.ConnectTimeout):
        return ProviderTimedOut(ErrorFacts(code="connect-timeout"))
    if isinstance(error, httpx.TimeoutException):
        return ProviderTimedOut(ErrorFacts(code="read-timeout"))
    if isinstance(error, TimeoutError):
        return ProviderTimedOut(ErrorFacts(code="total-timeout"))
    if isinstance(error, httpx.DecodingError):
        return AnswerMalformed(ErrorFacts(code="not-http"))
    if isinstance(error, httpx.ProxyError):
        return ConnectionFailed(ErrorFacts(code="proxy-refused"))
    if isinstance(error, httpx.ConnectError):
        return ConnectionFailed(_connect_facts(error))
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | ValueError):
        return RequestRejected(ErrorFacts(code="bad-url"))
    return ConnectionFailed(ErrorFacts(code="connection-lost"))


def _connect_facts(error: BaseException) -> ErrorFacts:
    """Look down the chain of causes for what the operating system or OpenSSL said."""
    cause: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if isinstance(cause, ssl.SSLError):
            return ErrorFacts(code="tls", detail=cause.strerror or "")
        if isinstance(cause, socket.gaierror):
            return ErrorFacts(code="dns", detail=cause.strerror or "")
        if cause is None:
            break
        cause = cause.__cause__ or cause.__context__
    return ErrorFacts(code="connect")
