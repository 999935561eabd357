"""The generation endpoint over HTTP: one attempt per call, as bytes.

No retry, no breaker, no reading of events: an attempt is an actor, and its supervisor decides
what follows a failure. What is here is the socket: one pool for the process (SPEC 22), the
timeouts of SPEC 23, and the translation of whatever goes wrong into the errors of the port.
"""

from __future__ import annotations

import asyncio
import io
import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import aiohttp
from multidict import CIMultiDict, istr

from actors.ports import (
    AnswerMalformed,
    ConnectionFailed,
    Endpoint,
    ErrorFacts,
    ProviderCall,
    ProviderError,
    ProviderStream,
    ProviderTimedOut,
    RequestRejected,
)
from bridge.openrouter.errors import provider_error
from bridge.openrouter.http_defaults import (
    ERROR_BODY_BYTES_MAX,
    TlsContext,
    proxy_route,
    request_headers,
)
from bridge.openrouter.http_stream import BREAKS, HttpStream, answer_facts, speakable_cause

KEEPALIVE_S = 75.0
"""An idle connection is worth a TLS handshake to the next request for about this long."""

ERROR_BODY_TIMEOUT_S = 5.0
"""An error that is told byte by byte is cut here; the status alone has to do."""

LOSS_CHECK_S = 0.25
"""How often streams are asked whether their socket is still there; see `HttpStream.check`."""

BODY_BYTES_AT_ONCE_MAX = 2**20
"""Larger bodies go out in slices, or one copy into the socket would hold up the loop."""

ROUTES_MAX = 64
"""Base URLs whose proxy is remembered; more than a few are unheard of."""

_OK = 200

_STREAM = "text/event-stream"
_BODY = "application/json"

_STREAM_HEADERS = {
    "Accept": _STREAM,
    # Compressed events sit in somebody's buffer until a block is full.
    "Accept-Encoding": "identity",
    "Content-Type": _BODY,
}

# What RFC 9110 (5.6.2) lets a header be called.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class AiohttpProvider:
    """The `Provider` port over one shared aiohttp session.

    Admission upstream is the bound on connections, so the pool has none of its own. The session
    belongs to the loop that first used it. `wall_s` is only asked to read reset times of answers
    that carry no `Date`.
    """

    def __init__(
        self, wall_s: Callable[[], float] | None = None, tls: TlsContext | None = None
    ) -> None:
        self._wall_s = wall_s
        self._tls = tls or TlsContext()
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        self._starting = asyncio.Lock()
        self._routes: dict[str, _Route] = {}
        self._streams: set[HttpStream] = set()
        self._prepared: _Prepared | None = None
        self._next_check: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Load the certificates and make the session; `open` does it when nobody did."""
        async with self._starting:
            if self._session is None and not self._is_closed:
                self._session = _new_session(await self._tls.get())

    async def open(self, call: ProviderCall) -> ProviderStream:
        """See `Provider.open`."""
        session = self._session or await self._started()
        response = await self._post(session, call)
        wanted = _STREAM if call.is_streaming else _BODY
        if response.status != _OK or response.content_type != wanted:
            raise await self._refusal(response, call)
        if response.content.at_eof():
            raise AnswerMalformed(answer_facts(response, "empty"))
        # Not kept until the next check: it would hold a whole answer in memory so long.
        stream = HttpStream(response, self._streams.discard)
        self._streams.add(stream)
        if self._next_check is None:
            self._check_streams()
        return stream

    async def close(self) -> None:
        """Abort what still streams and close every connection. A later `open` is refused."""
        self._is_closed = True
        if self._next_check is not None:
            self._next_check.cancel()
        for stream in tuple(self._streams):
            stream.abort()
        async with self._starting:
            if self._session is not None:
                await self._session.close()
                self._session = None

    async def _started(self) -> aiohttp.ClientSession:
        await self.start()
        if self._session is None:
            raise ConnectionFailed(ErrorFacts(code="client-closed"))
        return self._session

    async def _post(
        self, session: aiohttp.ClientSession, call: ProviderCall
    ) -> aiohttp.ClientResponse:
        endpoint = call.endpoint
        base_url, body = endpoint.base_url, call.body
        prepared = self._prepared
        if prepared is None or prepared.endpoint is not endpoint:
            prepared = self._prepared = _prepare(endpoint)
        own = _own_headers(call) if call.headers or not call.is_streaming else None
        try:
            route = self._routes.get(base_url) or await self._find_route(base_url)
            return await session.post(
                base_url.rstrip("/") + call.path,
                data=body if len(body) <= BODY_BYTES_AT_ONCE_MAX else io.BytesIO(body),
                headers=_on_top(prepared.headers, route.headers, own or {})
                if own or route.headers
                else prepared.headers,
                timeout=prepared.timeouts,
                allow_redirects=False,
                proxy=route.proxy,
                proxy_headers=route.proxy_headers,
            )
        except (*BREAKS, ValueError) as error:
            raise _not_connected(error) from speakable_cause(error)

    async def _find_route(self, base_url: str) -> _Route:
        # aiohttp can do this itself, at two visits to another thread for every request; it also
        # lets a stray .netrc overrule the key.
        route = await asyncio.to_thread(_route_to, base_url)
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        self._routes[base_url] = route
        return route

    def _check_streams(self) -> None:
        now_s = asyncio.get_running_loop().time()
        over = [stream for stream in self._streams if stream.check(now_s)]
        self._streams.difference_update(over)
        self._next_check = (
            asyncio.get_running_loop().call_later(LOSS_CHECK_S, self._check_streams)
            if self._streams
            else None
        )

    async def _refusal(self, response: aiohttp.ClientResponse, call: ProviderCall) -> ProviderError:
        try:
            body = await _read_some(response)
        finally:
            response.close()
        now_s = self._wall_s() if self._wall_s is not None else None
        error = provider_error(response.status, response.headers, body, now_epoch_s=now_s)
        if isinstance(error, AnswerMalformed) and body.strip() and not call.is_streaming:
            return AnswerMalformed(replace(error.facts, code="not-json"))
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """How requests of one base URL travel, in the words of `ClientSession.post`."""

    proxy: str | None = None
    proxy_headers: dict[str, str] | None = field(default=None, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)


def _route_to(base_url: str) -> _Route:
    found = proxy_route(base_url)
    if found is None:
        return _Route()
    if not found.url.startswith(("http://", "https://")):
        raise ConnectionFailed(ErrorFacts(code="proxy-scheme"))
    login = {"Proxy-Authorization": found.authorization} if found.authorization else {}
    if base_url.startswith("https:"):
        return _Route(proxy=found.url, proxy_headers=login)
    # Without a tunnel the proxy reads the request itself.
    return _Route(proxy=found.url, headers=login)


def _new_session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What all requests to one endpoint have in common; settings keep theirs as they change."""

    endpoint: Endpoint
    # In the form that aiohttp would otherwise make of them for every request.
    headers: CIMultiDict[str] = field(repr=False)
    timeouts: aiohttp.ClientTimeout


def _prepare(endpoint: Endpoint) -> _Prepared:
    headers = request_headers(endpoint) | _STREAM_HEADERS
    return _Prepared(
        endpoint=endpoint,
        headers=CIMultiDict((istr(name), value) for name, value in headers.items()),
        timeouts=aiohttp.ClientTimeout(
            total=endpoint.total_timeout_s,
            connect=endpoint.connect_timeout_s,
            sock_read=endpoint.read_timeout_s,
        ),
    )


def _own_headers(call: ProviderCall) -> Mapping[str, str]:
    """Return the headers of this call alone.

    Raises:
        RequestRejected: one of them is no header. Neither name nor value is told.
    """
    for name, value in call.headers:
        if not (_HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            raise RequestRejected(ErrorFacts(code="bad-header"))
    accept = CIMultiDict[str]() if call.is_streaming else CIMultiDict({"Accept": _BODY})
    return _on_top(accept, dict(call.headers))


def _on_top(headers: CIMultiDict[str], *others: Mapping[str, str]) -> CIMultiDict[str]:
    """Add headers to others; of two by one name, in whatever case, the later one is sent."""
    merged = headers.copy()
    for more in others:
        merged.update(more)
    return merged


async def _read_some(response: aiohttp.ClientResponse) -> bytes:
    """Read the start of an unwanted answer. If it breaks off, what came has to do."""
    body = bytearray()
    with suppress(*BREAKS):
        async with asyncio.timeout(ERROR_BODY_TIMEOUT_S):
            while room_bytes := ERROR_BODY_BYTES_MAX - len(body):
                piece = await response.content.read(room_bytes)
                if not piece:
                    break
                body += piece
    return bytes(body)


# The first row that fits decides: several of these classes derive from each other.
_BEFORE_THE_ANSWER: tuple[tuple[type[Exception], type[ProviderError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, ProviderTimedOut, "connect-timeout"),
    (aiohttp.ServerTimeoutError, ProviderTimedOut, "read-timeout"),
    (TimeoutError, ProviderTimedOut, "total-timeout"),
    (aiohttp.ClientHttpProxyError, ConnectionFailed, "proxy-refused"),
    (aiohttp.ClientResponseError, AnswerMalformed, "not-http"),
    (aiohttp.ClientProxyConnectionError, ConnectionFailed, "proxy-unreachable"),
    (aiohttp.ClientConnectorDNSError, ConnectionFailed, "dns"),
    (aiohttp.ClientSSLError, ConnectionFailed, "tls"),
    (aiohttp.ClientConnectorError, ConnectionFailed, "connect"),
    (aiohttp.NonHttpUrlClientError, RequestRejected, "bad-url"),
    (ValueError, RequestRejected, "bad-url"),
    (Exception, ConnectionFailed, "closed-before-answer"),
)


def _not_connected(error: Exception) -> ProviderError:
    kind, code = next(
        (kind, code) for known, kind, code in _BEFORE_THE_ANSWER if isinstance(error, known)
    )
    cause = speakable_cause(error)
    detail = cause.strerror or "" if isinstance(cause, OSError) else ""
    return kind(ErrorFacts(code=code, detail=detail))
