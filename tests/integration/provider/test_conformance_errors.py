"""Every recorded error becomes the right error, and gets the right text (SPEC 179, 183, 187)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import pytest

from actors.ports import (
    AccessRefused,
    AuthRejected,
    BudgetInFlight,
    CreditsExhausted,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
)
from actors.values import StreamFailure
from bridge.config.setting_groups import ErrorTemplates
from bridge.openrouter.errors import provider_error, stream_error
from bridge.owui.error_kinds import TemplateKind, template_kind
from bridge.owui.error_text import ErrorContext, explain, failure_markdown
from tests.integration.conformance import folder

pytestmark = pytest.mark.conformance

Expected = tuple[type[ProviderError], TemplateKind]

REFUSED = (RequestRejected, TemplateKind.OPENROUTER_ERROR)
DOWN = (ProviderUnavailable, TemplateKind.SERVICE_ERROR)
LIMITED = (RateLimited, TemplateKind.RATE_LIMIT)
NO_CREDIT = (CreditsExhausted, TemplateKind.INSUFFICIENT_CREDITS)
BY_STATUS: Mapping[int, Expected] = {
    400: REFUSED,
    401: (AuthRejected, TemplateKind.AUTHENTICATION_ERROR),
    402: NO_CREDIT,
    403: (AccessRefused, TemplateKind.OPENROUTER_ERROR),
    404: REFUSED,
    408: (ProviderTimedOut, TemplateKind.SERVER_TIMEOUT),
    413: REFUSED,
    429: LIMITED,
    502: DOWN,
    503: DOWN,
    524: (ProviderTimedOut, TemplateKind.SERVICE_ERROR),
    529: DOWN,
}
BY_WORD: Mapping[str, Expected] = {
    "rate_limit_exceeded": LIMITED,
    "server_error": DOWN,
    "insufficient_quota": NO_CREDIT,
}
# What the index says about a case, where its status alone does not tell.
BY_TAG: Mapping[str, Expected] = {
    "daily-quota": (QuotaExhausted, TemplateKind.RATE_LIMIT),
    "limit_source:openrouter_in_flight_budget": (
        BudgetInFlight,
        TemplateKind.INSUFFICIENT_CREDITS,
    ),
    "no-error-object": (ProviderUnavailable, TemplateKind.OPENROUTER_ERROR),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the index that tells an error, and the error it became."""

    file: str
    tags: frozenset[str]
    status: int
    told: object
    error: ProviderError
    sentences: tuple[str, ...]

    def expected(self) -> Expected:
        for tag in self.tags & BY_TAG.keys():
            return BY_TAG[tag]
        code = self.told.get("code") if isinstance(self.told, dict) else None
        if self.status == 200 and isinstance(code, str):
            return BY_WORD[code]
        return BY_STATUS[code if self.status == 200 and isinstance(code, int) else self.status]


@cache
def cases() -> tuple[Case, ...]:
    """All rows with an error; none without the folder."""
    streams = folder()
    if streams is None:
        return ()
    rows = map(json.loads, (streams / "index.jsonl").read_text("utf-8").splitlines())
    return tuple(case for row in rows if (case := case_of(row)) is not None)


def case_of(row: dict[str, object]) -> Case | None:
    tags = frozenset(str(tag) for tag in as_list(row["shows"]))
    expect, status = row["expect"], row["http_status"]
    assert isinstance(expect, dict)
    assert isinstance(status, int)
    told = expect.get("error")
    if status < 400 and not told and "no-error-object" not in tags:
        return None
    streams = folder()
    assert streams is not None
    body = (streams / str(row["file"])).read_bytes()
    if row["transport"] == "sse":
        event = event_of_error(body)
        error = stream_error(StreamFailure(json=event))
        told = told if isinstance(told, dict) else json.loads(event).get("error")
    else:
        event = body.decode()
        headers = row["headers"]
        assert isinstance(headers, dict)
        error = provider_error(status, headers, body)
        if status == 200:
            told = json.loads(event).get("error")
    return Case(
        file=str(row["file"]),
        tags=tags,
        status=status,
        told=told,
        error=error,
        sentences=tuple(sentences(json.loads(event))),
    )


def event_of_error(body: bytes) -> str:
    """The event of a stream that tells the error."""
    signs = re.compile(r'"error":\s*[{"]|"finish_reason":\s*"error"|"type":\s*"error"')
    lines = body.decode().splitlines()
    return next(line.removeprefix("data: ") for line in lines if signs.search(line))


def sentences(value: object) -> Iterator[str]:
    """Every string with a blank in it: what people wrote, and not a word of a protocol."""
    if isinstance(value, str) and " " in value:
        yield value
    for inner in as_list(value) if not isinstance(value, dict) else value.values():
        yield from sentences(inner)


def as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


CASES = cases()
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)


@each
def test_a_recorded_error_gets_its_class_and_its_text(case: Case) -> None:
    assert (type(case.error), template_kind(case.error)) == case.expected()


@each
def test_a_recorded_error_is_told_with_what_the_other_side_said(case: Case) -> None:
    about, error_id = ErrorContext(requested_model="maker/model"), "0123456789abcdef"
    text = failure_markdown(case.error, templates=ErrorTemplates(), error_id=error_id, about=about)
    assert text.startswith(f"**{explain(case.error).happened}**")
    assert text.endswith(f"`{error_id}`")
    assert ("\n> " in text) == bool(case.error.facts.detail)
    said = case.error.facts.said
    assert said is not None
    assert said.raw_body


@each
def test_nothing_of_a_recorded_error_reaches_a_log(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("greenroom.pipe")
    try:
        raise case.error
    except ProviderError as error:
        log.warning("failed: %s %r %r", error, error, error.facts, exc_info=True)
    written = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert "failed: " in written
    # A company's name may be logged, and can hold a blank.
    provider = case.error.facts.provider
    assert [said for said in case.sentences if said in written and said != provider] == []


def test_the_index_has_errors_of_every_kind() -> None:
    kinds = {template_kind(case.error) for case in CASES}
    assert kinds >= {
        TemplateKind.OPENROUTER_ERROR,
        TemplateKind.AUTHENTICATION_ERROR,
        TemplateKind.INSUFFICIENT_CREDITS,
        TemplateKind.RATE_LIMIT,
        TemplateKind.SERVER_TIMEOUT,
        TemplateKind.SERVICE_ERROR,
    }
    assert len([case for case in CASES if case.status == 200]) >= 8
