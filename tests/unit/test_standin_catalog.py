from __future__ import annotations

import json
from typing import Any

from bridge.standin.catalog import catalog_document, is_known_model, known_rows
from bridge.standin.scripts import library


def rows(**query: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = json.loads(json.dumps(catalog_document(query)))["data"]
    return data


def test_ids_are_unique_and_every_script_is_a_model() -> None:
    ids = [row.id for row in known_rows()]
    assert len(ids) == len(set(ids))
    assert {f"standin/{script.name}" for script in library()} <= set(ids)
    assert len(ids) - len(library()) >= 40


def test_rows_have_the_fields_that_clients_read_and_no_prose() -> None:
    for row in rows(output_modalities="all"):
        assert {"id", "name", "context_length", "architecture", "pricing", "top_provider"} <= set(
            row
        )
        assert row["description"] == ""
        assert isinstance(row["pricing"]["prompt"], str)
        assert set(row["architecture"]) == {"input_modalities", "output_modalities"}


def test_the_plain_list_shows_only_models_that_write_text() -> None:
    plain = {row["id"] for row in rows()}
    everything = {row["id"] for row in rows(output_modalities="all")}
    assert "openai/gpt-image-1" in everything - plain
    assert "openai/gpt-4o-mini" in plain


def test_the_list_is_paged_when_asked() -> None:
    first = catalog_document({"limit": "10"})
    assert len(rows(limit="10")) == 10
    assert json.loads(json.dumps(first))["links"]["next"] == "/api/v1/models?limit=10&offset=10"
    assert rows(limit="10", offset="10")[0] == rows()[10]
    assert catalog_document({})["total_count"] == len(rows())


def test_suffixes_that_work_everywhere_need_no_row() -> None:
    assert is_known_model("openai/gpt-4o-mini:nitro")
    assert is_known_model("openai/gpt-oss-20b:free")
    assert not is_known_model("openai/gpt-4o-mini:free")
    assert not is_known_model("nobody/nothing")


def test_recordings_are_models_too() -> None:
    document = json.loads(json.dumps(catalog_document({}, ["one"])))
    assert document["data"][-1]["id"] == "recorded/one"
