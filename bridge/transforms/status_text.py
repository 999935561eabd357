"""The words of every status line and toast. Pure, and the only place that has them.

Open WebUI 0.6.28 shows the first line of a status and cuts it, so what matters comes first. A
line is `done` unless something is sure to follow it: see `side_event.status`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import urlsplit

from actors.values import Notice, Noticed, SearchAction, SearchAdvanced
from bridge.transforms.citation import clean_url, host_name
from bridge.transforms.json_text import JsonValue
from bridge.transforms.side_event import SideEvent, status, toast

LINE_CHARS_MAX: Final = 400
NAMES_MAX: Final = 3
NAME_CHARS_MAX: Final = 80
ADDRESSES_MAX: Final = 50

THINKING: Final = status("Thinking…", done=False)

# Said one after the other while nothing at all has come (SPEC 87).
REASSURANCES: Final = (
    status("Waiting for the model…", done=False),
    status("Still waiting for the model…", done=False),
    status("The model is taking its time…", done=False),
    status("Nothing has come back yet; still waiting…", done=False),
)

# Done, although it goes on: the text itself shows that, and a stop leaves nothing spinning.
RESPONDING: Final = status("Responding to the user…", done=True)

PROVIDER_ERROR: Final = status("Encountered a provider error…", done=True)
INTERNAL_ERROR: Final = status("Something went wrong…", done=True)
STOPPED: Final = status("Stopped", done=True)
# The newest line decides: a hidden one takes the whole list from the screen.
NOTHING: Final = status("", done=True, hidden=True)


def one_line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """Put a text on one line that is not too long for a status."""
    line = " ".join(text.split())
    return line if len(line) <= chars_max else f"{line[: chars_max - 1]}…"


def thought(line: str) -> SideEvent:
    """A piece of the model's thinking, as a line."""
    return status(line, done=False)


# --- tools ---------------------------------------------------------------------------------------


def tool_prepared(name: str) -> SideEvent:
    """The model writes a call."""
    return status(f"Preparing {name}…" if name else "Preparing a tool call…", done=False)


def tool_started(name: str) -> SideEvent:
    """A tool has begun to run."""
    return status(f"Running {name}…", done=False)


def tool_ended(
    name: str, *, is_failed: bool, elapsed_s: float, running: Collection[str]
) -> SideEvent:
    """A tool is over; `running` are the names of those that are not."""
    if is_failed:
        happened = f"{name} failed after {elapsed_s:.1f} s"
    else:
        happened = f"{name} finished in {elapsed_s:.1f} s"
    if running:
        return status(f"{happened}; running {_names(running)}…", done=False)
    return status(happened, done=True)


def tools_handed_over(names: Sequence[str]) -> SideEvent:
    """Open WebUI runs these, and shows it in its own way."""
    return status(f"Calling {_names(names)}", done=True)


def _names(names: Collection[str]) -> str:
    unique = list(dict.fromkeys(names))
    shown = ", ".join(unique[:NAMES_MAX])
    more = len(unique) - NAMES_MAX
    return f"{shown} and {more} more" if more > 0 else shown


# --- search --------------------------------------------------------------------------------------


def searched(step: SearchAdvanced) -> SideEvent:
    """A step of a search at the provider, in the shapes that Open WebUI draws (SPEC 93).

    It draws queries for the action `web_search_queries_generated`, addresses for `web_search`,
    and puts the number of addresses where the text says `{{count}}`.
    """
    # Drawn as keyed lists: a second item of the same name breaks the page.
    queries = list(dict.fromkeys(query for query in map(one_line, step.queries) if query))
    urls = _addresses(step.urls)
    done = step.is_done
    match step.action:
        case SearchAction.SEARCH if urls:
            more: dict[str, JsonValue] = {"urls": urls}
            if queries:
                more["query"] = queries[0]
            return status("Searched {{count}} sites", done=done, action="web_search", **more)
        case SearchAction.SEARCH if queries:
            action = "web_search_queries_generated"
            return status("Searching the web", done=done, action=action, queries=queries)
        case SearchAction.SEARCH:
            words = "Searched the web" if done else "Searching the web"
            return status(words, done=done, action="web_search")
        case SearchAction.OPEN_PAGE:
            words = f"{'Read' if done else 'Reading'} {_place(urls)}"
        case SearchAction.FIND_IN_PAGE:
            words = f"{'Searched in' if done else 'Searching in'} {_place(urls)}"
            if queries:
                words = f"{words} for “{queries[0]}”"
    if urls:
        return status(one_line(words), done=done, action="web_search", urls=urls)
    return status(one_line(words), done=done)


def _addresses(urls: Sequence[str]) -> list[str]:
    """Keep what is a page, each once."""
    cleaned = (clean_url(url.strip()) for url in urls)
    pages = (url for url in cleaned if url.startswith(("https://", "http://")))
    return list(dict.fromkeys(pages))[:ADDRESSES_MAX]


def _place(urls: Sequence[str]) -> str:
    return (host_name(urls[0]) or urlsplit(urls[0]).path) if urls else "a page"


# --- notices -------------------------------------------------------------------------------------


def noticed(notice: Noticed, *, name: str) -> SideEvent:
    """What happened beside the answer, in plain words.

    Args:
        notice: what happened.
        name: what it is about, as people know it.
    """
    amount = notice.amount
    match notice.notice:
        case Notice.EFFORT_CHANGED:
            effort = f"using “{name}”" if name else "using the nearest one"
            return status(f"The model does not offer that reasoning effort; {effort}", done=False)
        case Notice.REASONING_LEFT_OUT:
            return status(
                "The model did not take the reasoning settings; asking without them", done=False
            )
        case Notice.CACHE_MARKS_LEFT_OUT:
            return status(
                "The provider did not take the prompt cache marks; asking without them",
                done=False,
            )
        case Notice.ENDPOINT_CHANGED:
            return status(
                "The model does not answer on this endpoint; asking on the other one", done=False
            )
        case Notice.TOOL_PAUSED:
            wait = "" if amount is None else f"; it is tried again in {max(1, round(amount))} s"
            return status(f"{name or 'A tool'} keeps failing and is paused{wait}", done=True)
        case Notice.TOOL_ROUNDS_SPENT:
            limit = "the limit" if amount is None else f"the limit of {round(amount)}"
            return toast(f"The model wanted more tool rounds than {limit} allows.")
        case Notice.STORAGE_PAUSED | Notice.STORAGE_UNAVAILABLE:
            return _storage(notice)
        case Notice.CALL_CUT_OFF:
            return toast(f"A call of {name or 'a tool'} broke off and was not run.")


def _storage(notice: Noticed) -> SideEvent:
    if notice.notice is Notice.STORAGE_PAUSED:
        wait = "" if notice.amount is None else f" for {max(1, round(notice.amount))} s"
        return toast(f"Storage keeps failing and is paused{wait}; chats go on without it.")
    return status("Storage unavailable: later turns know only the text of this answer", done=True)
