"""The words of status lines and toasts, and the shapes that Open WebUI draws."""

from __future__ import annotations

import pytest

from actors.values import Notice, Noticed, SearchAction, SearchAdvanced
from bridge.transforms import status_text as words
from bridge.transforms.json_text import JsonValue
from bridge.transforms.side_event import SideEvent


def data_of(event: SideEvent) -> dict[str, JsonValue]:
    data = event.emitted()["data"]
    assert isinstance(data, dict)
    return data


def searched(
    *queries: str,
    urls: tuple[str, ...] = (),
    action: SearchAction = SearchAction.SEARCH,
    is_done: bool = False,
) -> dict[str, JsonValue]:
    step = SearchAdvanced(
        output_index=0, action=action, queries=queries, urls=urls, is_done=is_done
    )
    return data_of(words.searched(step))


def test_the_lines_that_stay_last_do_not_spin() -> None:
    """CONTRACT 6: the browser animates a last line that is not done, for ever."""
    last = (words.RESPONDING, words.PROVIDER_ERROR, words.INTERNAL_ERROR, words.STOPPED)
    assert not any(event.is_waiting for event in (*last, words.NOTHING))
    assert all(event.is_waiting for event in (words.THINKING, *words.REASSURANCES))


def test_a_search_begins_with_words_alone() -> None:
    """SPEC 93."""
    assert searched() == {
        "description": "Searching the web",
        "done": False,
        "action": "web_search",
    }


def test_queries_are_drawn_each_once() -> None:
    """SPEC 93: a keyed list with two equal keys breaks the page."""
    assert searched("cats", "dogs\nhere", "cats", " ") == {
        "description": "Searching the web",
        "done": False,
        "action": "web_search_queries_generated",
        "queries": ["cats", "dogs here"],
    }


def test_addresses_are_counted_by_the_browser() -> None:
    """SPEC 93."""
    urls = ("https://a.example/?utm_source=openai", "javascript:x", "https://a.example/")
    assert searched("cats", urls=urls, is_done=True) == {
        "description": "Searched {{count}} sites",
        "done": True,
        "action": "web_search",
        "urls": ["https://a.example/"],
        "query": "cats",
    }


def test_no_more_addresses_are_drawn_than_a_page_can_hold() -> None:
    urls = tuple(f"https://a.example/{number}" for number in range(words.ADDRESSES_MAX + 5))
    shown = searched(urls=urls)["urls"]
    assert isinstance(shown, list)
    assert len(shown) == words.ADDRESSES_MAX


@pytest.mark.parametrize(
    ("action", "is_done", "description"),
    [
        (SearchAction.OPEN_PAGE, False, "Reading a.example"),
        (SearchAction.OPEN_PAGE, True, "Read a.example"),
        (SearchAction.FIND_IN_PAGE, False, "Searching in a.example for “cats”"),
        (SearchAction.FIND_IN_PAGE, True, "Searched in a.example for “cats”"),
    ],
)
def test_a_page_that_is_read_is_named(
    action: SearchAction, is_done: bool, description: str
) -> None:
    """SPEC 93."""
    queries = ("cats",) if action is SearchAction.FIND_IN_PAGE else ()
    shown = searched(*queries, urls=("https://a.example/x",), action=action, is_done=is_done)
    assert shown == {
        "description": description,
        "done": is_done,
        "action": "web_search",
        "urls": ["https://a.example/x"],
    }


def test_a_page_without_an_address_is_a_page() -> None:
    shown = searched(action=SearchAction.OPEN_PAGE)
    assert shown == {"description": "Reading a page", "done": False}


def test_a_tool_that_ends_while_others_run_leaves_the_line_waiting() -> None:
    running = words.tool_ended("a", is_failed=False, elapsed_s=1.25, running=("b", "c"))
    assert running.data["description"] == "a finished in 1.2 s; running b, c…"
    assert running.is_waiting
    last = words.tool_ended("a", is_failed=True, elapsed_s=0.04, running=())
    assert last.data["description"] == "a failed after 0.0 s"
    assert not last.is_waiting


def test_many_tools_are_not_all_named() -> None:
    line = words.tools_handed_over(["a", "b", "a", "c", "d", "e"])
    assert line.data["description"] == "Calling a, b, c and 2 more"


@pytest.mark.parametrize(
    ("notice", "kind", "held"),
    [
        (Noticed(notice=Notice.EFFORT_CHANGED, about="high"), "status", "“high”"),
        (Noticed(notice=Notice.EFFORT_CHANGED), "status", "nearest"),
        (Noticed(notice=Notice.REASONING_LEFT_OUT), "status", "reasoning settings"),
        (Noticed(notice=Notice.CACHE_MARKS_LEFT_OUT), "status", "cache marks"),
        (Noticed(notice=Notice.ENDPOINT_CHANGED), "status", "endpoint"),
        (Noticed(notice=Notice.TOOL_PAUSED, about="clock", amount=29.6), "status", "30 s"),
        (Noticed(notice=Notice.TOOL_PAUSED, about="clock"), "status", "clock"),
        (Noticed(notice=Notice.TOOL_ROUNDS_SPENT, amount=25), "notification", "25"),
        (Noticed(notice=Notice.TOOL_ROUNDS_SPENT), "notification", "the limit allows"),
        (Noticed(notice=Notice.CALL_CUT_OFF, about="clock"), "notification", "clock"),
    ],
)
def test_a_notice_is_a_line_or_a_toast_in_plain_words(
    notice: Noticed, kind: str, held: str
) -> None:
    """SPEC 69, 75, 120."""
    event = words.noticed(notice, name=notice.about)
    text = event.data["description" if kind == "status" else "content"]
    assert event.kind == kind
    assert isinstance(text, str)
    assert held in text


def test_every_notice_has_words() -> None:
    for notice in Notice:
        assert words.noticed(Noticed(notice=notice), name="").line


def test_a_line_is_one_line_of_bounded_length() -> None:
    assert words.one_line(" a\n b\u2028c ") == "a b c"
    assert words.one_line("x" * 10, 4) == "xxx…"
