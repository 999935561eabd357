"""What both HTTP adapters have in common: who we say we are, whom we trust, which way we go."""

from __future__ import annotations

import asyncio
import os
import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import certifi

from actors.ports import AuthRejected, Endpoint, ErrorFacts

TITLE = "Greenroom"

REFERER = "https://greenroom.invalid/"
"""OpenRouter credits requests to an app by this address (SPEC 110). The project has no site of
its own, and a name under `.invalid` can never belong to anybody else."""

ERROR_BODY_BYTES_MAX = 64 * 1024
"""How much of an answer is read to find out what went wrong."""


def request_headers(endpoint: Endpoint) -> dict[str, str]:
    """Return the headers of SPEC 110 that every request carries.

    Without a key the bearer line is left out: the model list needs none, nor do some gateways.

    Raises:
        AuthRejected: the key holds something that no header can carry.
    """
    referer = endpoint.referer
    headers = {
        "X-OpenRouter-Title": TITLE,
        "X-Title": TITLE,
        "User-Agent": TITLE,
        "HTTP-Referer": referer if _is_full_url(referer) else REFERER,
    }
    # A key pasted with its line break is a key all the same.
    if key := endpoint.api_key.reveal().strip():
        if not (key.isascii() and key.isprintable()):
            raise AuthRejected(ErrorFacts(code="key-unusable"))
        headers["Authorization"] = f"Bearer {key}"
    return headers


def load_tls_context() -> ssl.SSLContext:
    """Return a verifying context with the authorities of the system.

    OpenSSL itself honours `SSL_CERT_FILE` and `SSL_CERT_DIR`. A machine without any store gets
    the bundle of `certifi`; one whose admin named a store gets that store and nothing else.
    Reads files (about 28 ms): call it off the loop, once.
    """
    context = ssl.create_default_context()
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
    if not named and not _has_authorities(context):
        context.load_verify_locations(certifi.where())
    return context


class TlsContext:
    """One verifying context for all adapters that share it, loaded off the loop when first used.

    So the first list of models pays for it, and not the first chat.
    """

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._loading = asyncio.Lock()

    async def get(self) -> ssl.SSLContext:
        """Return the context, waiting for it the first time."""
        async with self._loading:
            if self._context is None:
                self._context = await asyncio.to_thread(load_tls_context)
            return self._context


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRoute:
    """The proxy in front of a host. `authorization` is its own header value, or empty."""

    url: str
    authorization: str = field(default="", repr=False)


def proxy_route(url: str) -> ProxyRoute | None:
    """Return the proxy that the environment asks for, or None for the direct way.

    Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case. On some
    systems this looks at more than variables, so call it off the loop.
    """
    target = urlsplit(url)
    proxies = getproxies()
    address = proxies.get(target.scheme) or proxies.get("all", "")
    if not address or proxy_bypass(target.netloc.rpartition("@")[2]):
        return None
    proxy = urlsplit(address if "://" in address else f"http://{address}")
    credentials, _, host = proxy.netloc.rpartition("@")
    authorization = ""
    if credentials:
        login = b64encode(unquote(credentials).encode()).decode()
        authorization = f"Basic {login}"
    bare = urlunsplit((proxy.scheme, host, "", "", ""))
    return ProxyRoute(url=bare, authorization=authorization)


def _is_full_url(referer: str) -> bool:
    return referer.startswith(("http://", "https://")) and referer.isascii() and _one_word(referer)


def _one_word(value: str) -> bool:
    return value.isprintable() and " " not in value


def _has_authorities(context: ssl.SSLContext) -> bool:
    if context.cert_store_stats()["x509_ca"]:
        return True
    # Certificates of a folder are looked up when needed, so the context does not count them.
    folder = ssl.get_default_verify_paths().capath
    return bool(folder) and any(Path(folder).iterdir())
