"""What one function of Open WebUI shares with other workers through Redis (SPEC 161-165)."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from actors.kernel.entropy import Entropy, SystemEntropy
from actors.ports import Secret
from bridge.cluster.assembly import Cluster, assembled
from bridge.cluster.errors import LinkMisfit
from bridge.cluster.failure_board import RedisFailureBoard
from bridge.cluster.link import SOCKET_MAX_S, Link, dialler, installed_redis
from bridge.cluster.permit_ledger import RedisPermitLedger
from bridge.cluster.prerequisites import prerequisites, workers
from bridge.cluster.row_store import RowStore
from bridge.config.setting_groups import SharingSettings
from bridge.sharing_tree import Sharing
from supervisor.cluster import ClusterAway, FailureBoard, KeyNews, PermitLedger, Standing

_log = logging.getLogger("greenroom.cluster")

_NAME_BYTES: Final = 6
_OFF: Final = "the valve ENABLE_REDIS_CACHE is off"


class OwnCluster:
    """Everything of Redis that a tree uses; the valve decides from request to request.

    Args:
        cluster: rows, leases and costs.
        client: a client for what gates share; its timeouts bound each call.
        prefix: of the keys of gates.
        worker: the name of this tree, which no other one has or had.
    """

    def __init__(self, cluster: Cluster, client: Any, *, prefix: str, worker: str) -> None:
        self.cluster = cluster
        self._client = client
        self._is_wanted = True
        self.sharing = Sharing(
            ledger=_SwitchedLedger(self, RedisPermitLedger(client, prefix)),
            board=_SwitchedBoard(self, RedisFailureBoard(client, prefix, worker)),
            worker=worker,
        )

    @property
    def is_wanted(self) -> bool:
        """Whether the valve lets Redis be used."""
        return self._is_wanted

    def obey(self, settings: SharingSettings) -> None:
        """Follow the valves."""
        self._is_wanted = settings.is_wanted
        self.cluster.obey(is_wanted=settings.is_wanted, cache_s=round(settings.cache_ttl_s))

    def close(self) -> None:
        """Let go of Redis, and of the database behind it. Blocks."""
        self.cluster.close()
        self._client.close()


def own_cluster(
    function_id: str,
    rows: RowStore,
    *,
    environment: Mapping[str, str] = os.environ,
    library: ModuleType | None = None,
    entropy: Entropy | None = None,
) -> OwnCluster | None:
    """Put together what `REDIS_URL` offers; None, and a line in the log, where it offers nothing.

    Args:
        function_id: all keys are under it.
        rows: the database that write-behind writes to.
        environment: of the process.
        library: redis-py; None: the one that is installed, if one is.
        entropy: names this tree.
    """
    library = library or installed_redis()
    found = prerequisites(environment, is_enabled=True, has_library=library is not None)
    is_one_of_many = workers(environment) > 1
    for missing in found.missing:
        level = logging.WARNING if is_one_of_many else logging.INFO
        _log.log(level, "nothing is shared with other workers: %s", missing)
    for warning in found.warnings:
        _log.warning("shared with other workers, but: %s", warning)
    if found.url is None or library is None:
        return None
    word = (entropy or SystemEntropy()).token(_NAME_BYTES)
    worker = f"{socket.gethostname()}-{os.getpid()}-{word}"
    try:
        link = Link(dialler(library, found.url))
    except LinkMisfit as misfit:
        _log.error("nothing is shared with other workers: %s", misfit.facts.detail)
        return None
    cluster = assembled(rows, link, pipe_id=function_id, process=worker)
    client = _client(library, found.url)
    return OwnCluster(cluster, client, prefix=function_id.lower(), worker=worker)


def _client(library: ModuleType, url: Secret) -> Any:
    return library.Redis.from_url(
        url.reveal(),
        socket_timeout=SOCKET_MAX_S,
        socket_connect_timeout=SOCKET_MAX_S,
        retry=None,
        retry_on_error=[],
        client_name="greenroom",
    )


class _SwitchedLedger:
    """See `PermitLedger`; away while the valve is off, so that the gate goes by itself."""

    def __init__(self, switch: OwnCluster, ledger: PermitLedger) -> None:
        self._switch = switch
        self._ledger = ledger

    def renew(self, worker: str, standing: Standing) -> int | None:
        """See `PermitLedger`."""
        if not self._switch.is_wanted:
            raise ClusterAway(_OFF)
        return self._ledger.renew(worker, standing)

    def release(self, worker: str) -> None:
        """See `PermitLedger`."""
        self._ledger.release(worker)


class _SwitchedBoard:
    """See `FailureBoard`; away while the valve is off."""

    def __init__(self, switch: OwnCluster, board: FailureBoard) -> None:
        self._switch = switch
        self._board = board

    def exchange(self, news: Sequence[KeyNews]) -> Sequence[KeyNews]:
        """See `FailureBoard`."""
        if not self._switch.is_wanted:
            raise ClusterAway(_OFF)
        return self._board.exchange(news)
