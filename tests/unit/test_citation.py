"""Pages and documents as sources (SPEC 92)."""

from __future__ import annotations

import json
from typing import cast

import pytest

from actors.values import Annotated, Source
from bridge.transforms.citation import (
    TEXT_CHARS_MAX,
    clean_url,
    host_name,
    source_of_citation,
    source_of_tool,
)
from bridge.transforms.json_text import JsonValue


def cited(url: str = "https://www.news.example/a", **more: str) -> dict[str, JsonValue]:
    source = source_of_citation(Annotated(output_index=0, url=url, **more))
    assert source is not None
    return source[1].emitted()


def first(event: dict[str, JsonValue], key: str) -> JsonValue:
    data = cast("dict[str, list[JsonValue]]", event["data"])
    return data[key][0]


@pytest.mark.parametrize(
    ("marked", "clean"),
    [
        ("https://a.example/?utm_source=openai", "https://a.example/"),
        ("https://a.example/?q=1&utm_source=openai", "https://a.example/?q=1"),
        ("https://a.example/?utm_source=openai&q=1", "https://a.example/?q=1"),
        ("https://a.example/?p=0&utm_source=openai&q=1", "https://a.example/?p=0&q=1"),
        ("https://a.example/?utm_source=openai#part", "https://a.example/#part"),
        ("https://a.example/?utm_source=openair", "https://a.example/?utm_source=openair"),
        ("https://a.example/?utm_source=news", "https://a.example/?utm_source=news"),
        ("https://a.example/utm_source=openai", "https://a.example/utm_source=openai"),
    ],
)
def test_the_mark_of_the_provider_is_taken_off_an_address(marked: str, clean: str) -> None:
    assert clean_url(marked) == clean


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.news.example/a", "news.example"),
        ("https://user@news.example:8443/a", "news.example"),
        ("no address", ""),
        ("https://[broken", ""),
    ],
)
def test_a_host_is_named_as_people_say_it(url: str, host: str) -> None:
    assert host_name(url) == host


def test_a_cited_page_is_a_source_with_host_title_and_address() -> None:
    event = cited(
        "https://www.news.example/a?utm_source=openai", title=" Big news ", text="It happened."
    )
    assert event == {
        "type": "source",
        "data": {
            "source": {"name": "news.example", "url": "https://www.news.example/a"},
            "document": ["It happened."],
            "metadata": [
                {
                    "source": "https://www.news.example/a",
                    "name": "news.example",
                    "title": "Big news",
                }
            ],
        },
    }


@pytest.mark.parametrize(
    "said",
    [
        {"date": "2026-01-02"},
        {"url_citation": {"published_date": "2026-01-02"}},
        {"date": 7, "publishedDate": " 2026-01-02 "},
    ],
)
def test_a_date_is_told_where_the_provider_knows_one(said: dict[str, JsonValue]) -> None:
    metadata = first(cited(json=json.dumps(said)), "metadata")
    assert isinstance(metadata, dict)
    assert metadata["date"] == "2026-01-02"


@pytest.mark.parametrize("said", ["", "{", "[1]", '{"date":""}', '"\ud800"'])
def test_without_a_date_none_is_told(said: str) -> None:
    metadata = first(cited(json=said), "metadata")
    assert isinstance(metadata, dict)
    assert "date" not in metadata


def test_what_a_page_says_is_kept_to_a_bound() -> None:
    document = first(cited(text="x" * (TEXT_CHARS_MAX + 1)), "document")
    assert document == "x" * TEXT_CHARS_MAX


def test_a_page_without_title_or_text_shows_its_address() -> None:
    assert first(cited(), "document") == "https://www.news.example/a"


def test_a_parsed_file_is_no_source() -> None:
    assert source_of_citation(Annotated(output_index=0, title="a.pdf")) is None


def test_the_same_page_has_one_name_with_and_without_the_mark() -> None:
    names = {
        found[0]
        for url in ("https://a.example/x", "https://a.example/x?utm_source=openai")
        if (found := source_of_citation(Annotated(output_index=0, url=url)))
    }
    assert names == {"https://a.example/x"}


def test_a_source_of_a_tool_needs_no_address() -> None:
    name, event = source_of_tool(Source(name="handbook.pdf", text="Page one"))
    assert "handbook.pdf" in name
    assert event.emitted()["data"] == {
        "source": {"name": "handbook.pdf"},
        "document": ["Page one"],
        "metadata": [{"source": "handbook.pdf", "name": "handbook.pdf", "title": "handbook.pdf"}],
    }


def test_two_passages_of_one_document_are_two_sources() -> None:
    one, two = (source_of_tool(Source(name="a", text=text))[0] for text in ("x", "y"))
    assert one != two
    assert source_of_tool(Source(name="a", text="x"))[0] == one
