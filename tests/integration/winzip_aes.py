"""A second reader of AES zips, written from the published description of the format.

Ours writes by way of a library; that another program can open what it wrote is shown by reading it
without that library. Source: "AES Encryption Information: Encryption Specification AE-1 and AE-2",
winzip.com.
"""

from __future__ import annotations

import bz2
import hashlib
import hmac
import lzma
import struct
import zipfile
import zlib
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

EXTRA_AES = 0x9901
KEY_BYTES = 32
SALT_BYTES = 16
SEAL_BYTES = 10
ROUNDS = 1000
BLOCK_BYTES = 16


def read_with(path: Path, password: str) -> dict[str, bytes]:
    """Decrypt every member; an assertion fails where a check of the format does."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return {info.filename: _member(data, info, password) for info in archive.infolist()}


def _member(data: bytes, info: zipfile.ZipInfo, password: str) -> bytes:
    assert info.compress_type == 99, "the method of the header says AES"
    assert info.flag_bits & 1, "the member is marked as encrypted"
    header, extra_bytes, version, vendor, strength, method = struct.unpack(
        "<HHH2sBH", info.extra[:11]
    )
    assert (header, extra_bytes, vendor, strength) == (EXTRA_AES, 7, b"AE", 3)
    assert version == 2
    assert info.CRC == 0, "AE-2 leaves the checksum out: it would tell of the content"
    name_bytes, local_extra_bytes = struct.unpack_from("<HH", data, info.header_offset + 26)
    start = info.header_offset + 30 + name_bytes + local_extra_bytes
    body = data[start : start + info.compress_size]
    salt, check = body[:SALT_BYTES], body[SALT_BYTES : SALT_BYTES + 2]
    sealed, seal = body[SALT_BYTES + 2 : -SEAL_BYTES], body[-SEAL_BYTES:]
    keys = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, ROUNDS, 2 * KEY_BYTES + 2)
    assert check == keys[2 * KEY_BYTES :], "the password is wrong"
    expected = hmac.new(keys[KEY_BYTES : 2 * KEY_BYTES], sealed, "sha1").digest()
    assert seal == expected[:SEAL_BYTES], "the seal is broken"
    plain = _unpacked(_opened(sealed, keys[:KEY_BYTES]), method)
    assert len(plain) == info.file_size
    return plain


def _opened(sealed: bytes, key: bytes) -> bytes:
    """AES in counter mode; the counter begins at 1 and is little-endian."""
    blocks = -(-len(sealed) // BLOCK_BYTES)
    counters = b"".join(number.to_bytes(BLOCK_BYTES, "little") for number in range(1, blocks + 1))
    # Each block of the key stream stands for itself, which is what ECB does.
    stream = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(counters)
    return bytes(a ^ b for a, b in zip(sealed, stream, strict=False))


def _unpacked(data: bytes, method: int) -> bytes:
    match method:
        case zipfile.ZIP_STORED:
            return data
        case zipfile.ZIP_DEFLATED:
            return zlib.decompress(data, -15)
        case zipfile.ZIP_BZIP2:
            return bz2.decompress(data)
        case zipfile.ZIP_LZMA:
            properties, dictionary_bytes = data[4], struct.unpack_from("<I", data, 5)[0]
            lc, rest = properties % 9, properties // 9
            filters = [
                {
                    "id": lzma.FILTER_LZMA1,
                    "lc": lc,
                    "lp": rest % 5,
                    "pb": rest // 5,
                    "dict_size": dictionary_bytes,
                }
            ]
            return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(data[9:])
        case _:
            raise AssertionError(f"method {method} is not known")
