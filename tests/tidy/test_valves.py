"""Every valve tells an admin what it does, and is read by somebody."""

from bridge.config.valves import Valves
from tests.tidy.house import name_of, product_files


def test_every_valve_has_a_sentence_for_an_admin() -> None:
    texts = {name: (field.description or "").strip() for name, field in Valves.model_fields.items()}
    assert texts
    assert [name for name, text in texts.items() if not text.endswith(".")] == []


def test_every_valve_has_a_default() -> None:
    assert [name for name, field in Valves.model_fields.items() if field.is_required()] == []


def test_every_valve_is_read() -> None:
    readers = [path for path in product_files() if name_of(path) != "bridge/config/valves.py"]
    code = "\n".join(path.read_text(encoding="utf-8") for path in readers)
    assert [name for name in Valves.model_fields if f".{name}" not in code] == []
