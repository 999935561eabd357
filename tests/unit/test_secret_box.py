from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors.ports import Secret
from bridge.crypto.secret_box import (
    PREFIX,
    Opened,
    Undecryptable,
    WhyClosed,
    decrypt_valve,
    encrypt_valve,
)

VECTORS = Path(__file__).parents[1] / "fixtures" / "earlier_pipe.json"


def test_a_secret_stored_by_the_earlier_pipe_opens() -> None:
    vector = json.loads(VECTORS.read_text(encoding="utf-8"))["secret_valves"]
    opened = decrypt_valve(vector["stored"], vector["WEBUI_SECRET_KEY"])
    assert opened == Opened(secret=Secret(vector["plain"]))


@pytest.mark.parametrize("text", ["sk-or-v1-abc", "schlüssel 🔑", "\ud800 half", " spaced "])
def test_what_was_encrypted_opens_again(text: str) -> None:
    stored = encrypt_valve(text, "open sesame")
    assert stored.startswith(PREFIX)
    assert text not in stored
    assert decrypt_valve(stored, "open sesame") == Opened(secret=Secret(text))


def test_encrypting_twice_changes_nothing() -> None:
    stored = encrypt_valve("sk-abc", "k")
    assert encrypt_valve(stored, "k") == stored
    assert encrypt_valve(stored, "another key") == stored


def test_without_a_secret_key_the_text_stays_plain() -> None:
    assert encrypt_valve("sk-abc", "") == "sk-abc"


def test_an_empty_secret_is_not_encrypted() -> None:
    assert encrypt_valve("", "k") == ""


def test_text_that_was_never_encrypted_comes_back_as_it_is() -> None:
    assert decrypt_valve("sk-abc", "k") == Opened(secret=Secret("sk-abc"))
    assert decrypt_valve("", "") == Opened(secret=Secret(""))


def test_another_secret_key_is_told_from_a_missing_one() -> None:
    stored = encrypt_valve("sk-abc", "first")
    assert decrypt_valve(stored, "second") == Undecryptable(why=WhyClosed.WRONG_KEY)
    assert decrypt_valve(stored, "") == Undecryptable(why=WhyClosed.NO_KEY)


@pytest.mark.parametrize("token", ["", "gAAAA", "not base64 !", "ünïcode", "\ud800"])
def test_a_damaged_token_is_undecryptable(token: str) -> None:
    assert decrypt_valve(PREFIX + token, "k") == Undecryptable(why=WhyClosed.WRONG_KEY)


def test_an_opened_secret_does_not_show_itself() -> None:
    assert "sk-abc" not in repr(decrypt_valve("sk-abc", "k"))
