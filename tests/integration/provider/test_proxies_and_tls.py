"""Both adapters trust and travel as the environment says.

The environment is read when a process starts to talk, so each case is a process of its own; the
server, the proxy and the authority that signs for them live here.
"""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from tests.integration.scripted_server import Reply, Request, ScriptedServer, serve

ROOT = Path(__file__).resolve().parents[3]
PROXY_PASSWORD = "proxy-password"
OUR_OWN = ("_PROXY", "SSL_CERT")

CLIENT = """
import asyncio, json, sys, traceback
from actors.ports import Endpoint, ProviderCall, ProviderError, Secret
from bridge.openrouter.client import AiohttpProvider
from bridge.openrouter.model_list import HttpxCatalog

async def main(base_url):
    endpoint = Endpoint(base_url=base_url, api_key=Secret("sk-secret"))
    provider, catalog = AiohttpProvider(), HttpxCatalog()
    call = ProviderCall(endpoint=endpoint, path="/responses", body=b"{}")
    told = {"stream": await outcome(provider.open(call)),
            "models": await outcome(catalog.fetch(endpoint))}
    await provider.close()
    await catalog.close()
    print(json.dumps(told))

async def outcome(attempt):
    try:
        await attempt
    except ProviderError as error:
        print("".join(traceback.format_exception(error)), repr(error.__cause__), file=sys.stderr)
        return error.facts.code
    return "ok"

asyncio.run(main(sys.argv[1]))
"""


@dataclass
class World:
    """A provider behind TLS, a CONNECT proxy beside it, and who vouches for them."""

    authority: trustme.CA
    folder: Path
    provider: ScriptedServer
    proxy: ScriptedServer
    logins: list[str]

    def bundle(self) -> str:
        path = self.folder / "authority.pem"
        self.authority.cert_pem.write_to_path(path)
        return str(path)

    def hashed_folder(self) -> str:
        """The folder that OpenSSL looks through by the hash of a name."""
        folder = self.folder / "hashed"
        folder.mkdir()
        pem = self.authority.cert_pem.bytes()
        self.authority.cert_pem.write_to_path(folder / f"{subject_hash(pem)}.0")
        return str(folder)

    def proxy_url(self, credentials: str = "") -> str:
        return f"http://{credentials}localhost:{self.proxy.port}"


@dataclass
class Told:
    """What the process said of each adapter, and whatever it wrote beside it."""

    stream: str
    models: str
    written: str


async def provider_script(request: Request, reply: Reply) -> None:
    if request.method == "POST":
        await reply.whole("200 OK", b"data: [DONE]\n\n", content_type="text/event-stream")
    else:
        await reply.whole("200 OK", b'{"data":[{"id":"m/a"}]}')


def basic(login: str) -> str:
    return "Basic " + b64encode(login.rstrip("@").encode()).decode()


def subject_hash(pem: bytes) -> str:
    """OpenSSL's name for a certificate in a folder: SHA-1 over its subject in canonical form."""
    canonical = b""
    for part in x509.load_pem_x509_certificate(pem).subject.rdns:
        attributes = [x509.NameAttribute(a.oid, str(a.value).lower().strip()) for a in part]
        canonical += x509.Name([x509.RelativeDistinguishedName(attributes)]).public_bytes()[2:]
    return f"{int.from_bytes(sha1(canonical).digest()[:4], 'little'):08x}"


async def talk(base_url: str, **environment: str) -> Told:
    kept = {k: v for k, v in os.environ.items() if not any(own in k.upper() for own in OUR_OWN)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLIENT, base_url),
        cwd=ROOT,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told: dict[str, str] = json.loads(out)
    return Told(told["stream"], told["models"], out.decode() + err.decode())


@asynccontextmanager
async def world_in(folder: Path) -> AsyncIterator[World]:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    logins: list[str] = []

    async def proxy_script(request: Request, reply: Reply) -> None:
        logins.append(request.headers.get("proxy-authorization", ""))
        if request.method == "CONNECT":
            host, _, port = request.target.partition(":")
            await reply.tunnel_to(host, int(port))
        else:
            await provider_script(request, reply)

    async with serve(provider_script, tls) as provider, serve(proxy_script) as proxy:
        yield World(authority, folder, provider, proxy, logins)


def in_world(folder: Path, case: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        async with world_in(folder) as world:
            await case(world)

    asyncio.run(main())


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_an_authority_named_in_the_environment_is_trusted(tmp_path: Path, variable: str) -> None:
    async def case(world: World) -> None:
        store = world.bundle() if variable == "SSL_CERT_FILE" else world.hashed_folder()
        told = await talk(world.provider.base_url, **{variable: store})
        assert (told.stream, told.models) == ("ok", "ok")

    in_world(tmp_path, case)


def test_an_authority_that_nobody_named_is_not_trusted(tmp_path: Path) -> None:
    async def case(world: World) -> None:
        told = await talk(world.provider.base_url)
        assert (told.stream, told.models) == ("tls", "tls")
        assert world.provider.requests == []

    in_world(tmp_path, case)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_the_proxy_of_the_environment_is_used_and_greeted(tmp_path: Path, variable: str) -> None:
    async def case(world: World) -> None:
        trust = {"SSL_CERT_FILE": world.bundle()}
        login = f"user:{PROXY_PASSWORD}@"
        told = await talk(world.provider.base_url, **trust, **{variable: world.proxy_url(login)})
        assert (told.stream, told.models) == ("ok", "ok")
        assert world.logins == [basic(login)] * 2
        assert "proxy-authorization" not in world.provider.requests[0].headers

    in_world(tmp_path, case)


def test_a_host_in_no_proxy_is_reached_without_one(tmp_path: Path) -> None:
    async def case(world: World) -> None:
        around = {"HTTPS_PROXY": world.proxy_url(), "NO_PROXY": "example.org,localhost"}
        told = await talk(world.provider.base_url, SSL_CERT_FILE=world.bundle(), **around)
        assert (told.stream, told.models) == ("ok", "ok")
        assert world.logins == []

    in_world(tmp_path, case)


def test_a_plain_request_goes_through_the_proxy_for_plain_requests(tmp_path: Path) -> None:
    async def case(world: World) -> None:
        login = f"user:{PROXY_PASSWORD}@"
        told = await talk("http://nonexistent.invalid/v1", HTTP_PROXY=world.proxy_url(login))
        assert (told.stream, told.models) == ("ok", "ok")
        assert world.logins == [basic(login)] * 2

    in_world(tmp_path, case)


@pytest.mark.parametrize(
    ("proxy", "stream", "models"),
    [
        ("http://user:{password}@localhost:9", "proxy-unreachable", "connect"),
        ("socks5://user:{password}@localhost:9", "proxy-scheme", "proxy-scheme"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_not_gone_around_and_keeps_its_password(
    tmp_path: Path, proxy: str, stream: str, models: str
) -> None:
    async def case(world: World) -> None:
        told = await talk(
            world.provider.base_url, HTTPS_PROXY=proxy.format(password=PROXY_PASSWORD)
        )
        assert (told.stream, told.models) == (stream, models)
        assert world.provider.connections == 0
        assert PROXY_PASSWORD not in told.written
        assert "sk-secret" not in told.written.replace(CLIENT, "")

    in_world(tmp_path, case)
