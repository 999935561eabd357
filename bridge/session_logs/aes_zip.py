"""Zip files with AES, as WinZip, 7-Zip and others write and read them; by way of pyzipper.

pyzipper may be missing where the pipe runs, so nothing here needs it before it is used. What is
read comes from outside: whatever it is, it is either understood or a `ZipUnreadable`.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from importlib.util import find_spec
from io import BytesIO
from types import ModuleType
from typing import Any, BinaryIO, Final

from actors.log_values import Compression
from actors.ports import Secret

_pyzipper: ModuleType | None
try:
    import pyzipper  # type: ignore[import-untyped]  # it has no types of its own

    _pyzipper = pyzipper
except ImportError:
    _pyzipper = None

_lzma: ModuleType | None
try:
    import lzma

    _lzma = lzma
except ImportError:
    _lzma = None

UNPACKED_BYTES_MAX: Final = 268_435_456
"""What the members of one archive may hold together, where nobody says otherwise."""

_METHODS: Final = {
    Compression.STORED: zipfile.ZIP_STORED,
    Compression.DEFLATED: zipfile.ZIP_DEFLATED,
    Compression.BZIP2: zipfile.ZIP_BZIP2,
    Compression.LZMA: zipfile.ZIP_LZMA,
}
# A Python that was built without a library lacks the method; every Python has the others.
_BUILT_WITH: Final = {Compression.BZIP2: "_bz2", Compression.LZMA: "_lzma"}
# Bzip2 knows no level 0; the others that have levels do.
_LEVEL_MIN: Final = {Compression.BZIP2: 1}


# The head of a member: its flags, its size unpacked, how long its name and its extras are.
_HEAD: Final = struct.Struct("<6xH14xIHH")
_AES_EXTRA: Final = struct.Struct("<HHH2sBH")
_AES_ID: Final = 0x9901
# The version of the format that leaves out the checksum of what is encrypted: it would tell of it.
_WITHOUT_CHECKSUM: Final = 2
_ENCRYPTED: Final = 0x1
_SIZE_FOLLOWS: Final = 0x8
_SIZE_IS_LARGE: Final = 0xFFFFFFFF


class WhyUnreadable(Enum):
    """Why an archive cannot be read, in words for people."""

    NO_PACKAGE = "the package pyzipper is not installed"
    NO_ARCHIVE = "it is not an archive of session logs"
    WRONG_PASSWORD = "the password is wrong"  # noqa: S105 - words about one
    DAMAGED = "it is damaged"
    TOO_LARGE = "it is too large"


class ZipUnreadable(Exception):
    """An archive cannot be read."""

    def __init__(self, why: WhyUnreadable) -> None:
        self.why = why
        super().__init__(why.value)


def has_aes() -> bool:
    """Whether archives can be written and read here."""
    return _pyzipper is not None


def method_at_hand(wanted: Compression) -> Compression:
    """Return the compression that is wanted, or one that every Python has."""
    return wanted if find_spec(_BUILT_WITH.get(wanted, "zlib")) else Compression.DEFLATED


def write_members(
    file: BinaryIO,
    members: Mapping[str, bytes],
    password: Secret,
    *,
    compression: Compression,
    level: int | None,
) -> None:
    """Write an archive, its members in their order, each under AES-256."""
    assert _pyzipper is not None, "who writes archives has asked has_aes() before"
    assert password.reveal(), "an archive has a password"
    method = method_at_hand(compression)
    with _pyzipper.AESZipFile(
        file,
        "w",
        compression=_METHODS[method],
        compresslevel=None if level is None else max(level, _LEVEL_MIN.get(method, 0)),
        encryption=_pyzipper.WZ_AES,
        encryption_kwargs={"nbits": 256, "force_wz_aes_version": _WITHOUT_CHECKSUM},
    ) as archive:
        archive.setpassword(_encoded(password))
        for name, data in members.items():
            archive.writestr(name, data)


def read_members(
    data: bytes, names: Sequence[str], password: Secret, *, bytes_max: int = UNPACKED_BYTES_MAX
) -> dict[str, bytes]:
    """Read those of these members that an archive has; what else it holds is not looked at.

    Args:
        data: the archive.
        names: of the members.
        password: of the archive.
        bytes_max: what these members may hold together.

    Raises:
        ZipUnreadable: the archive is none, or another one, or the password does not fit.
    """
    if _pyzipper is None:
        raise ZipUnreadable(WhyUnreadable.NO_PACKAGE)
    if not zipfile.is_zipfile(BytesIO(data)):
        raise ZipUnreadable(WhyUnreadable.NO_ARCHIVE)
    try:
        return _members(_pyzipper, data, names, password, bytes_max)
    except _DAMAGES as error:
        # Its name for the error is all there is: pyzipper has no class of its own for it.
        is_password = isinstance(error, RuntimeError) and "password" in str(error)
        why = WhyUnreadable.WRONG_PASSWORD if is_password else WhyUnreadable.DAMAGED
        # Its words would name members, which anybody may have named.
        raise ZipUnreadable(why) from None


def holds_only(data: bytes, names: Collection[str]) -> bool:
    """Whether an archive that could be read holds these members and nothing else, each once."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        held = archive.namelist()
    return set(held) <= set(names) and len(set(held)) == len(held)


def _members(
    package: ModuleType, data: bytes, names: Sequence[str], password: Secret, bytes_max: int
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with package.AESZipFile(BytesIO(data)) as archive:
        infos = {info.filename: info for info in archive.infolist() if info.filename in names}
        if not infos or not all(map(_is_sealed, infos.values())):
            raise ZipUnreadable(WhyUnreadable.NO_ARCHIVE)
        if sum(info.file_size for info in infos.values()) > bytes_max:
            raise ZipUnreadable(WhyUnreadable.TOO_LARGE)
        if not all(_agrees(data, info) for info in infos.values()):
            raise zipfile.BadZipFile
        archive.setpassword(_encoded(password) or b"\0")
        for name in names:
            if name in infos:
                found[name] = _unpacked(archive, infos[name])
    return found


def _is_sealed(info: Any) -> bool:
    """Whether a member says that it is encrypted, and that with AES."""
    return info.wz_aes_version is not None and bool(info.flag_bits & _ENCRYPTED)


def _agrees(data: bytes, info: Any) -> bool:
    """Whether the head of a member says the same of it as the list at the end.

    The seal covers what is encrypted and not how it is to be unpacked, so nothing else would
    notice when that has come to harm.
    """
    head = info.header_offset
    flags, size, name_bytes, extra_bytes = _HEAD.unpack_from(data, head)
    extra = data[head + _HEAD.size + name_bytes : head + _HEAD.size + name_bytes + extra_bytes]
    how = _AES_EXTRA.pack(
        _AES_ID, 7, info.wz_aes_version, b"AE", info.wz_aes_strength, info.compress_type
    )
    is_size = bool(flags & _SIZE_FOLLOWS) or size in {info.file_size, _SIZE_IS_LARGE}
    return is_size and how in extra


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read one member to its declared end, where its seal is checked."""
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
        # A lie about the size would leave the seal unchecked.
        if len(data) != info.file_size or member.read(1):
            raise zipfile.BadZipFile
    return data


def _encoded(password: Secret) -> bytes:
    return password.reveal().encode("utf-8", "surrogatepass")


def _damages() -> tuple[type[Exception], ...]:
    """List what the readers of zip and of its compressions raise for bytes that make no sense.

    A `BytesIO` has no weather: an `OSError` here is what bzip2 says of its data.
    """
    found: list[type[Exception]] = [
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        LookupError,
        OverflowError,
        MemoryError,
    ]
    if _pyzipper is not None:
        found.append(_pyzipper.BadZipFile)
    if _lzma is not None:
        found.append(_lzma.LZMAError)
    return tuple(found)


_DAMAGES: Final = _damages()
