"""The keys at hand: the current one seals, all of them open (SPEC 152).

A row names its key by `kid`, so opening costs one decryption however many keys there are. Only
rows of the earlier pipe name none, and are tried with each. Keys are derived once, when the ring
is made; after that it never changes, and serves any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from actors.kernel.entropy import Entropy
from actors.ports import Secret
from bridge.crypto import earlier_seal, sealing
from bridge.crypto.earlier_seal import EarlierKey, opened_by_any
from bridge.crypto.packing import Packer
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.crypto.sealing import (
    NONCE_BYTES,
    RowIdentity,
    Wrapper,
    derived_key,
    seal,
    unseal,
)

# Each of them is tried on every row of the earlier pipe.
KEYS_MAX: Final = 16

_NAMES: Final = frozenset(Wrapper.__annotations__)


class KeyRing:
    """Seals and opens the payloads of rows.

    Args:
        current: seals, and opens. Empty: nothing is sealed, and `is_sealing` says so; rows that
            were sealed with a previous key still open.
        packer: how payloads become bytes.
        entropy: where nonces come from.
        previous: open only; empty ones and repetitions are left out.

    Raises:
        ValueError: more than `KEYS_MAX` different keys.
    """

    __slots__ = ("_current", "_earlier", "_entropy", "_keys", "_packer")

    def __init__(
        self,
        current: Secret,
        *,
        packer: Packer,
        entropy: Entropy,
        previous: Iterable[Secret] = (),
    ) -> None:
        secrets = list(dict.fromkeys(key for key in (current, *previous) if key.reveal()))
        if len(secrets) > KEYS_MAX:
            raise ValueError(f"{len(secrets)} keys, at most {KEYS_MAX} can be used")
        keys = [derived_key(secret) for secret in secrets]
        self._keys: Final = {key.kid: key for key in keys}
        self._current: Final = keys[0] if current.reveal() else None
        self._earlier: Final = tuple(EarlierKey(secret) for secret in secrets)
        self._packer: Final = packer
        self._entropy: Final = entropy

    def __repr__(self) -> str:
        return f"KeyRing(kid={self.kid!r}, keys={len(self._keys)})"

    @property
    def is_sealing(self) -> bool:
        """Whether there is a current key. If not, rows are stored as they are."""
        return self._current is not None

    @property
    def kid(self) -> str:
        """The public id of the current key, for reports; "" when there is none."""
        return "" if self._current is None else self._current.kid

    def seal(self, payload: bytes, row: RowIdentity) -> Wrapper:
        """Seal a payload for one row with the current key. Only while `is_sealing`.

        Args:
            payload: JSON text; it comes back byte for byte.
            row: where it will be stored; it opens nowhere else.

        Raises:
            SealBroken: `TOO_LARGE`, and no other reason.
        """
        return self._sealed(self._packer.pack(payload), row)

    def open(self, wrapper: object, row: RowIdentity) -> bytes:
        """Open a row that was sealed with any key of the ring, here or in the earlier pipe.

        Args:
            wrapper: what stands in the row's payload column.
            row: which row that is.

        Raises:
            SealBroken: it stays closed, and `why` says what is wrong.
        """
        return self._packer.unpack(self._unsealed(wrapper, row))

    def reseal(self, wrapper: object, row: RowIdentity) -> Wrapper:
        """Seal what is inside a wrapper with the current key. Only while `is_sealing`.

        What is inside stays as it is: it is neither read nor compressed anew.

        Raises:
            SealBroken: it does not open.
        """
        return self._sealed(self._unsealed(wrapper, row), row)

    def needs_rotation(self, wrapper: object) -> bool:
        """Whether this is anything but a row in the current version under the current key.

        It looks at the labels only: a row that needs no rotation may still be broken. What is not
        sealed at all needs it too, and while nothing is sealed every row does.
        """
        if self._current is None:
            return True
        try:
            return _labels_of(wrapper).kid != self._current.kid
        except SealBroken:
            return True

    def _sealed(self, packed: bytes, row: RowIdentity) -> Wrapper:
        assert self._current is not None, "callers look at is_sealing first"
        return seal(packed, row, self._current, bytes.fromhex(self._entropy.token(NONCE_BYTES)))

    def _unsealed(self, wrapper: object, row: RowIdentity) -> bytes:
        given = _labels_of(wrapper)
        if given.kid is None:
            return opened_by_any(self._earlier, given.ciphertext)
        key = self._keys.get(given.kid)
        if key is None:
            raise SealBroken(WhyBroken.FOREIGN_KEY)
        return unseal(given.ciphertext, row, key)


class _Labelled(NamedTuple):
    """A wrapper that was looked at and not opened. No `kid`: the earlier pipe made it."""

    ciphertext: str
    kid: str | None


def _labels_of(wrapper: object) -> _Labelled:
    if not isinstance(wrapper, dict):
        raise SealBroken(WhyBroken.NOT_A_WRAPPER)
    version, ciphertext = wrapper.get("enc_v"), wrapper.get("ciphertext")
    # `True` is an int and equals 1, yet no version.
    if type(version) is not int or not isinstance(ciphertext, str):
        raise SealBroken(WhyBroken.NOT_A_WRAPPER)
    if version == earlier_seal.VERSION:
        return _Labelled(ciphertext, kid=None)
    if version != sealing.VERSION:
        raise SealBroken(WhyBroken.UNKNOWN_VERSION)
    kid = wrapper.get("kid")
    # Whatever else stood beside these would not be authenticated.
    if not isinstance(kid, str) or wrapper.keys() != _NAMES:
        raise SealBroken(WhyBroken.NOT_A_WRAPPER)
    return _Labelled(ciphertext, kid)
