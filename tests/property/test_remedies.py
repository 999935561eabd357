"""Whatever a provider says, a remedy changes the request, and none of them twice."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from actors.ports import ErrorFacts, ProviderError, ProviderSaid, RequestRejected
from actors.values import (
    ChatRequest,
    OpaquePart,
    Parameter,
    Reasoning,
    Role,
    TextPart,
    Turn,
    WireFormat,
)
from bridge.openrouter.remedies import OpenRouterRemedies

SENTENCES = st.lists(
    st.sampled_from(
        [
            "include_thoughts is only enabled when thinking is enabled",
            "Unsupported value: 'low'. Supported values are: ",
            "reasoning.effort must be one of ",
            "'high', ",
            "'none'",
            "Invalid signature in thinking block",
            "encrypted content",
            "could not be verified",
            "Not Found",
            "is not supported with the Responses API",
            "{",
            "[",
            "\n",
        ]
    )
    | st.text(max_size=20),
    max_size=6,
).map("".join)
ERRORS = st.builds(
    lambda status, detail, raw, code: RequestRejected(
        ErrorFacts(status=status, detail=detail, code=code, said=ProviderSaid(raw_body=raw))
    ),
    st.sampled_from([None, 400, 404, 422, 429, 500]),
    SENTENCES,
    SENTENCES,
    st.sampled_from(["", "wrong_endpoint", "x"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cache_control", "properties", "effort", "a"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
TEXTS = JSON.map(json.dumps) | st.text(max_size=20)
REQUESTS = st.builds(
    ChatRequest,
    request_id=st.just("r"),
    model=st.just("a/b"),
    items=st.lists(
        st.builds(Reasoning, wire=st.sampled_from(WireFormat), json=TEXTS)
        | st.builds(
            Turn,
            role=st.sampled_from(Role),
            parts=st.tuples(st.builds(OpaquePart, json=TEXTS) | st.builds(TextPart, text=TEXTS)),
        ),
        max_size=3,
    ).map(tuple),
    parameters=st.dictionaries(
        st.sampled_from(["reasoning", "reasoning_effort", "cache_control", "plugins", "top_p"]),
        TEXTS | st.just('{"effort":"low"}') | st.just('"low"'),
    ).map(lambda given: tuple(Parameter(name=n, json=text) for n, text in given.items())),
    wire=st.sampled_from(WireFormat),
    cache_ttl=st.sampled_from([None, "5m"]),
)


@given(request=REQUESTS, error=ERRORS, falls_back=st.booleans())
def test_every_remedy_changes_the_request_and_is_used_once(
    request: ChatRequest, error: ProviderError, falls_back: bool
) -> None:
    remedies = OpenRouterRemedies(falls_back_to_chat=falls_back)
    used: list[str] = []
    while (remedied := remedies.find(request, error, used)) is not None:
        assert remedied.name not in used
        assert remedied.request != request
        assert remedied.request.model == request.model
        used.append(remedied.name)
        request = remedied.request
    assert len(used) <= 5
    assert falls_back or "other-endpoint" not in used
