"""Whatever an id is, its archive stays inside the folder, and is no other id's (SPEC 172)."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath, PureWindowsPath

from hypothesis import example, given
from hypothesis import strategies as st

from actors.log_values import LogOwner
from bridge.session_logs.places import (
    COMPONENT_CHARS_MAX,
    aside_name,
    component,
    direct_name,
    folder_of,
    is_archive_name,
    is_aside_name,
    is_folder_name,
    merged_name,
)

SPELT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
DEVICES = ("CON", "prn", "aux.txt", "NUL", "com1", "LPT9.zip")
FILE_NAME_BYTES_MAX = 255


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


HOSTILE = st.sampled_from(
    [
        "",
        ".",
        "..",
        "...",
        "/",
        "/etc/passwd",
        "../../x",
        "a/b",
        "a\\b",
        "C:\\x",
        "a\0b",
        "\ud800",
        "-rf",
        "~",
        "a" * 4096,
        "é" * 4096,
        "ABC",
        "abc",
        "a.b",
        "a ",
        "a.",
        f"x{digest('a/b')}",
        f"a_b.x{digest('a/b')}",
        *DEVICES,
    ]
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
NEAR = st.text("aAbB01._-/x", max_size=6)
IDS = HOSTILE | ANY_TEXT | NEAR


def owner_of(user: str, chat: str, message: str, request: str) -> LogOwner:
    return LogOwner(user_id=user, chat_id=chat, message_id=message, request_id=request)


@given(IDS)
def test_a_name_is_made_of_harmless_characters_and_has_a_bound(text: str) -> None:
    name = component(text)
    assert SPELT.fullmatch(name)
    assert len(name) <= COMPONENT_CHARS_MAX <= 128
    assert name.strip(".") == name
    assert is_folder_name(name)


@given(IDS)
def test_a_name_is_one_step_down_on_every_system(text: str) -> None:
    name = component(text)
    assert PurePosixPath("base", name).parts == ("base", name)
    assert PureWindowsPath("base", name).parts == ("base", name)
    assert not PureWindowsPath(name).is_reserved()


@given(IDS, IDS)
@example("ABC", "abc")
@example("a/b", f"a_b.x{digest('a/b')}")
@example("a/b", "a\\b")
def test_two_ids_share_no_name_even_where_case_does_not_count(one: str, other: str) -> None:
    if one != other:
        assert component(one).lower() != component(other).lower()


@given(st.tuples(IDS, IDS), st.tuples(IDS, IDS))
@example(("m", "r"), ("m.r", "q"))
@example(("m", f"x{digest('a')}"), ("a", "b"))
@example(("a/b", "r"), ("a_b", f"x{digest('a/b')}"))
def test_no_two_archives_have_one_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Neither those of two messages, nor of two requests, nor of a message and a request."""
    message, message_2 = one[0], other[0]
    first, second = owner_of("u", "c", *one), owner_of("u", "c", *other)
    names = [merged_name(first), direct_name(first)]
    names_2 = [merged_name(second), direct_name(second)]
    assert len({name.lower() for name in names}) == 2
    assert (names[0].lower() == names_2[0].lower()) == (message == message_2)
    assert (names[1].lower() == names_2[1].lower()) == (one == other)
    assert names[0].lower() != names_2[1].lower()
    assert names[1].lower() != names_2[0].lower()


@given(IDS, IDS, st.integers(1, 1000))
def test_every_name_of_an_archive_is_known_as_one_and_fits_into_a_folder(
    message: str, request: str, number: int
) -> None:
    owner = owner_of("u", "c", message, request)
    for name in (merged_name(owner), direct_name(owner)):
        aside = aside_name(name, number)
        assert is_archive_name(name)
        assert not is_aside_name(name)
        assert is_aside_name(aside)
        assert max(len(name), len(aside)) <= FILE_NAME_BYTES_MAX - len(".12345678.unfinished")


@given(st.uuids(), st.uuids())
def test_ids_of_open_webui_are_their_own_names(user: object, chat: object) -> None:
    owner = owner_of(str(user), str(chat), "m", "r")
    assert folder_of(owner) == (str(user), str(chat))
