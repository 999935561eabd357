"""The artifact store of one pipe under its keys: which tables it has, and what is sealed how.

The name of a table depends on the key (SPEC 150), so a new key begins a new table. The tables of
previous keys are read beside it, and so is the one from before there was a key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from actors.kernel.clock import Watch
from actors.kernel.entropy import Entropy, SystemEntropy
from actors.ports import Secret
from bridge.crypto.key_ring import KEYS_MAX, KeyRing
from bridge.crypto.lz4_frames import Lz4Frames, installed_lz4
from bridge.crypto.packing import Packer
from bridge.crypto.table_name import table_name
from bridge.storage.artifact_store import SqlArtifactStore
from bridge.storage.engines import Database, Patience, name_chars_max
from bridge.storage.errors import misfit
from bridge.storage.sealing import SealPolicy

_log = logging.getLogger("greenroom.storage")

NO_KEY: Final = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What seals, and how.

    Attributes:
        current: seals; empty: nothing is sealed.
        previous: what sealed before; it only opens.
        seals_all: seal everything, and not thinking alone (ENCRYPT_ALL).
        compresses, compress_min_bytes: whether to compress what is sealed, and from which size on.
    """

    current: Secret = NO_KEY
    previous: tuple[Secret, ...] = ()
    seals_all: bool = True
    compresses: bool = True
    compress_min_bytes: int = 0

    @property
    def policy(self) -> SealPolicy:
        """Which rows are sealed when they are written (SPEC 153)."""
        if not self.current.reveal():
            return SealPolicy.NOTHING
        return SealPolicy.EVERYTHING if self.seals_all else SealPolicy.REASONING


@dataclass(frozen=True, slots=True, kw_only=True)
class TableNames:
    """The table that is written to, and those of earlier keys, newest first."""

    current: str
    earlier: tuple[str, ...] = field(default=())


def keyed_store(
    database: Database,
    pipe_id: str,
    keys: Keys,
    *,
    entropy: Entropy | None = None,
    watch: Watch | None = None,
    patience: Patience | None = None,
) -> SqlArtifactStore:
    """Compose the store of one pipe. Nothing connects before it is opened.

    Args:
        database: where it is.
        pipe_id: the id of the function in Open WebUI, as it is spelled there.
        keys: what seals, and how.
        entropy: where nonces come from.
        watch: tells the time.
        patience: how long each step may take.

    Raises:
        StoreMisfit: the address is none, or there are too many keys; `facts.detail` says which.
    """
    names = table_names(database, pipe_id, keys)
    return SqlArtifactStore(
        database,
        names.current,
        earlier=names.earlier,
        sealer=key_ring(keys, entropy=entropy),
        policy=keys.policy,
        watch=watch,
        patience=patience,
    )


def table_names(database: Database, pipe_id: str, keys: Keys) -> TableNames:
    """Name the tables of a pipe under its keys.

    Raises:
        StoreMisfit: the address is none, or of a kind that is not supported.
    """
    chars_max = name_chars_max(database)
    # The table from before there was a key is the earliest of all.
    current, *earlier = (
        table_name(pipe_id, key, chars_max=chars_max)
        for key in _distinct(keys.current, *keys.previous, NO_KEY)
    )
    return TableNames(current=current, earlier=tuple(earlier))


def key_ring(
    keys: Keys,
    *,
    entropy: Entropy | None = None,
    find_lz4: Callable[[], Lz4Frames | None] = installed_lz4,
) -> KeyRing:
    """Make what seals and opens. Without the library lz4 it says once what that means.

    Raises:
        StoreMisfit: there are too many keys.
    """
    if len(_distinct(keys.current, *keys.previous)) > KEYS_MAX:
        raise misfit(f"There are more than {KEYS_MAX} previous keys; drop those of no use.")
    frames = find_lz4()
    if frames is None and keys.compresses and keys.policy is not SealPolicy.NOTHING:
        _log.warning("the library lz4 is missing: what is sealed is not compressed")
    return KeyRing(
        keys.current,
        packer=Packer(
            lz4=frames, compress_min_bytes=keys.compress_min_bytes if keys.compresses else None
        ),
        entropy=entropy or SystemEntropy(),
        previous=keys.previous,
    )


def _distinct(*keys: Secret) -> Sequence[Secret]:
    return list(dict.fromkeys(keys))
