"""Knows which models the provider offers, and serves what it knows while it asks again.

Lifetime   permanent.
Parent     the plumbing.

Receives   GetCatalog     ask; answered at once when anything is known, else after a fetch
           CatalogFetched, FetchFailed   from itself, by `pipe_to_self`
           TryDue         a timer: the wait between two first tries is over
Sends      CatalogKnown, CatalogMissing   as the answer of `GetCatalog`

A fetch that fails is tried again after a growing wait; until then a stale catalog is served
(SPEC 123). While none was ever loaded, those who ask wait for up to `FIRST_TRIES_MAX` tries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from actors.kernel.actor import LoopActor
from actors.kernel.future import Reply
from actors.ports import CatalogSource, Endpoint, ProviderError
from actors.values import Catalog

FIRST_TRIES_MAX = 3
FIRST_WAIT_S = 0.5
FIRST_WAIT_MAX_S = 4.0
RETRY_S = 5.0
RETRY_MAX_S = 160.0

# Those who may wait for the first catalog at once.
WAITING_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCatalog:
    """Tell the models at this endpoint; a catalog older than `refresh_s` is asked for again."""

    endpoint: Endpoint = field(repr=False)
    refresh_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogKnown:
    """The newest catalog there is.

    `fresh_until_s` is on the system's clock; before then asking again brings nothing new.
    """

    catalog: Catalog = field(repr=False)
    fresh_until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogMissing:
    """No catalog was ever loaded; the last error says why."""

    error: ProviderError


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFetched:
    """The source answered."""

    base_url: str
    catalog: Catalog = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed:
    """The source failed in an expected way."""

    base_url: str
    error: ProviderError


@dataclass(frozen=True, slots=True, kw_only=True)
class TryDue:
    """Try the first fetch again."""

    endpoint: Endpoint = field(repr=False)


CatalogMessage: TypeAlias = GetCatalog | CatalogFetched | FetchFailed | TryDue


def retry_wait_s(failures: int, *, refresh_s: float) -> float:
    """Return the seconds before the next fetch after so many failures in a row (SPEC 123)."""
    assert failures >= 1, "a wait follows a failure"
    return min(RETRY_S * 2.0 ** min(failures - 1, 16), RETRY_MAX_S, refresh_s)


class CatalogActor(LoopActor[CatalogMessage]):
    """See the module docstring."""

    def __init__(self, source: CatalogSource) -> None:
        self._source = source
        self._base_url = ""
        self._endpoint: Endpoint | None = None
        self._catalog: Catalog | None = None
        self._fetched_s = 0.0
        self._failures = 0
        self._next_try_s = 0.0
        self._refresh_s = 0.0
        self._last_error: ProviderError | None = None
        self._is_fetching = False
        self._waiting: list[Reply] = []

    def receive(self, message: CatalogMessage) -> None:
        """See the module docstring."""
        match message:
            case GetCatalog():
                self._on_get(message)
            case CatalogFetched(base_url=base_url, catalog=catalog):
                if base_url == self._base_url:
                    self._on_fetched(catalog)
            case FetchFailed(base_url=base_url, error=error):
                if base_url == self._base_url:
                    self._on_failed(error)
            case TryDue(endpoint=endpoint):
                if endpoint.base_url == self._base_url:
                    self._fetch(endpoint)
            case _:
                assert_never(message)

    def _on_get(self, message: GetCatalog) -> None:
        if message.endpoint.base_url != self._base_url:
            self._forget(message.endpoint.base_url)
        reply = self.reply_later()
        now_s = self.system.clock.now_s()
        self._refresh_s = message.refresh_s
        # A new key or timeout counts from the next fetch on.
        is_new_endpoint = message.endpoint != self._endpoint
        self._endpoint = message.endpoint
        is_stale = self._catalog is None or now_s - self._fetched_s >= message.refresh_s
        if is_stale and not self._is_fetching and (now_s >= self._next_try_s or is_new_endpoint):
            self._failures = 0 if is_new_endpoint else self._failures
            self._fetch(message.endpoint)
        if self._catalog is not None:
            reply.set(self._known(self._catalog))
        elif self._is_fetching:
            self._wait(reply)
        else:
            assert self._last_error is not None, "no fetch under way means that one has failed"
            reply.set(CatalogMissing(error=self._last_error))

    def _known(self, catalog: Catalog) -> CatalogKnown:
        return CatalogKnown(catalog=catalog, fresh_until_s=self._fetched_s + self._refresh_s)

    def _wait(self, reply: Reply) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._waiting = [each for each in self._waiting if each.is_wanted]
        if len(self._waiting) >= WAITING_MAX:
            reply.set(CatalogMissing(error=self._last_error or ProviderError()))
        else:
            self._waiting.append(reply)

    def _fetch(self, endpoint: Endpoint) -> None:
        self._is_fetching = True
        base_url = endpoint.base_url
        self.pipe_to_self(
            self._source.fetch(endpoint),
            lambda catalog: CatalogFetched(base_url=base_url, catalog=catalog),
            lambda error: FetchFailed(base_url=base_url, error=_weather(error)),
        )

    def _on_fetched(self, catalog: Catalog) -> None:
        self._is_fetching = False
        self._catalog, self._last_error, self._failures = catalog, None, 0
        self._fetched_s = self.system.clock.now_s()
        self._answer(self._known(catalog))

    def _on_failed(self, error: ProviderError) -> None:
        self._failures += 1
        self._last_error = error
        is_first_load = self._catalog is None
        if is_first_load and error.transient and self._failures < FIRST_TRIES_MAX:
            wait_s = min(FIRST_WAIT_S * 2.0 ** (self._failures - 1), FIRST_WAIT_MAX_S)
            assert self._endpoint is not None, "a fetch has an endpoint"
            # Still fetching, as far as those who wait are concerned.
            self.start_timer("try", TryDue(endpoint=self._endpoint), wait_s)
            return
        self._is_fetching = False
        wait_s = retry_wait_s(self._failures, refresh_s=self._refresh_s)
        # While nothing was ever loaded, the next one to ask tries again (SPEC 20).
        self._next_try_s = self.system.clock.now_s() + (0.0 if is_first_load else wait_s)
        if is_first_load:
            self._failures = 0
        self._answer(CatalogMissing(error=error))

    def _answer(self, answer: CatalogKnown | CatalogMissing) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            if reply.is_wanted:
                reply.set(answer)

    def _forget(self, base_url: str) -> None:
        """Another provider: nothing of the old one counts."""
        self._base_url = base_url
        self._catalog = self._last_error = self._endpoint = None
        self._failures, self._next_try_s, self._is_fetching = 0, 0.0, False
        self.cancel_timer("try")


def _weather(error: Exception) -> ProviderError:
    """Let a bug of the source crash this actor; pass on what its port declares."""
    if isinstance(error, ProviderError):
        return error
    raise error
