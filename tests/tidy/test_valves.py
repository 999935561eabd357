"""Every valve tells an admin what it does, and is read by somebody."""

import re

import pytest
from pydantic import BaseModel

from bridge.config.user_valves import UserValves
from bridge.config.valves import Valves
from tests.tidy.house import name_of, product_files

FORM_FILES = ("bridge/config/valve", "bridge/config/user_valves")


FORMS: tuple[type[BaseModel], ...] = (Valves, UserValves)


@pytest.mark.parametrize("form", FORMS)
def test_every_valve_has_a_sentence_for_people(form: type[BaseModel]) -> None:
    texts = {name: (field.description or "").strip() for name, field in form.model_fields.items()}
    assert texts
    assert [name for name, text in texts.items() if not text.endswith(".")] == []


@pytest.mark.parametrize("form", FORMS)
def test_every_valve_has_a_default(form: type[BaseModel]) -> None:
    assert [name for name, field in form.model_fields.items() if field.is_required()] == []


def test_a_user_can_only_set_what_an_admin_can() -> None:
    assert set(UserValves.model_fields) <= set(Valves.model_fields) - {"LOG_LEVEL"}


def test_every_valve_is_read() -> None:
    readers = [path for path in product_files() if not name_of(path).startswith(FORM_FILES)]
    code = "\n".join(path.read_text(encoding="utf-8") for path in readers)
    silent = [name for name in Valves.model_fields if not re.search(rf"\.{name}\b", code)]
    assert sorted(silent) == sorted(
        name
        for name, field in Valves.model_fields.items()
        if str(field.description).startswith("Has no effect")
    )
