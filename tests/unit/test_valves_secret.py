from __future__ import annotations

from actors.ports import Secret
from bridge.config.valves import Valves
from bridge.crypto.secret_box import Opened, decrypt_valve
from tests.fixtures.environment import environment


def test_a_typed_key_is_stored_encrypted() -> None:
    with environment(WEBUI_SECRET_KEY="open sesame"):
        stored = Valves.model_validate({"API_KEY": " sk-abc\n"}).model_dump()["API_KEY"]
    assert type(stored) is str
    assert stored.startswith("encrypted:")
    assert decrypt_valve(stored, "open sesame") == Opened(secret=Secret("sk-abc"))


def test_loading_a_stored_key_changes_nothing() -> None:
    with environment(WEBUI_SECRET_KEY="open sesame"):
        stored = Valves.model_validate({"API_KEY": "sk-abc"}).model_dump()
        assert Valves.model_validate(stored).model_dump() == stored


def test_a_key_of_the_environment_is_encrypted_like_a_typed_one() -> None:
    with environment(WEBUI_SECRET_KEY="open sesame", OPENROUTER_API_KEY="sk-env"):
        assert Valves().API_KEY.startswith("encrypted:")


def test_without_a_secret_key_the_key_stays_plain() -> None:
    with environment():
        assert Valves.model_validate({"API_KEY": "sk-abc"}).model_dump()["API_KEY"] == "sk-abc"


def test_valves_do_not_show_their_key() -> None:
    with environment():
        assert "sk-abc" not in repr(Valves.model_validate({"API_KEY": "sk-abc"}))


def test_a_key_of_the_wrong_type_is_reported_without_its_value() -> None:
    (problem,) = Valves.model_validate({"API_KEY": ["sk-abc"]}).problems()
    assert (problem.valve, problem.value) == ("API_KEY", "")


def test_a_key_in_the_wrong_field_is_not_repeated() -> None:
    (problem,) = Valves.model_validate({"HTTP_SOCK_READ_SECONDS": "sk-or-v1-abc"}).problems()
    assert "abc" not in repr(problem)


def test_the_form_shows_a_masked_string_field() -> None:
    field = Valves.model_json_schema()["properties"]["API_KEY"]
    assert field["type"] == "string"
    assert field["input"] == {"type": "password"}
    assert "default" not in field
