"""What a refusal is about, read out of the words of whoever refused. Pure.

No provider marks these cases with a code that all of them share, so their sentences are looked
at: those of OpenRouter, of the providers behind it, and of gateways in front of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from actors.ports import ProviderError
from bridge.transforms.efforts import EFFORTS

TEXT_CHARS_MAX: Final = 20_000
"""As much of a refusal as is looked at; all of it is bounded where it comes in."""

BAD_REQUEST: Final = 400

# Other answers say nothing about the request itself, or nothing that a change of it would cure.
_STATUSES_OF_OTHERS: Final = frozenset({401, 402, 403, 408, 429})

_THOUGHTS_REFUSED: Final = "include_thoughts is only enabled when thinking is enabled"

_REASONING_REJECTED: Final = (
    re.compile(r"invalid `?signature`? in `?thinking`? block"),
    re.compile(r"thinking block\W{1,3}invalid signature"),
    re.compile(r"thinking_signature_invalid"),
    re.compile(r"thinking\W{1,9}blocks? in the latest assistant message cannot be modified"),
    re.compile(r"encrypted content\b.{0,400}could not be (?:verified|decrypted|decoded|parsed)"),
    re.compile(r"invalid_encrypted_content"),
    re.compile(r"(?:missing|corrupted|invalid)\W+(?:an?\W+)?thought[_ ]signature"),
    re.compile(r"thought[_ ]signature\W+(?:is|was)\W+(?:missing|corrupted|invalid|not valid)"),
    re.compile(r"of type 'reasoning' was provided without its required following item"),
)

_LISTS_VALUES: Final = re.compile(
    r"(?:supported values(?: are)?|valid values(?: are)?|must be one of|expected one of"
    r"|one of the following|input should be)\W"
)
_REFUSED_VALUE: Final = re.compile(r"(?:unsupported|invalid) value:? ['\"`](\w+)['\"`]")
_WORDS: Final = re.compile(r"[a-z]+")
_LIST_CHARS_MAX: Final = 200
_LIST_END: Final = re.compile(r"[.;\n\[{]")
_LIST_OPENS: Final = " ['\"`{\n"
_BETWEEN_EFFORTS: Final = frozenset({"and", "or"})

_ENDPOINT_CODES: Final = frozenset({"wrong_endpoint", "unsupported_endpoint"})
_PATH: Final = r"/?(?:api/)?(?:v1/)?responses\b"
_ENDPOINT_REFUSED: Final = (
    re.compile(
        r"(?:not supported|unsupported|not available|not accessible) "
        rf"(?:with|in|by|on|via|for|through) (?:the )?{_PATH}"
    ),
    re.compile(rf"(?:does not|doesn't) support (?:the )?{_PATH}"),
    re.compile(rf"{_PATH}(?: api| endpoint)? (?:is not|isn't) (?:supported|available|enabled)"),
    re.compile(
        r"(?:use|try|only supports?|only supported (?:in|on|with|via)) (?:the )?"
        r"/?(?:v1/)?chat[/ ]completions"
    ),
    re.compile(
        r"(?:unknown|invalid|unsupported|unrecognized) (?:request )?(?:url|path|route|endpoint)\b"
        rf"[^\n]{{0,80}}{_PATH}"
    ),
)
_NO_SUCH_PATH_STATUSES: Final = frozenset({404, 405, 501})
_NO_SUCH_PATH: Final = re.compile(
    r"(?:error )?(?:40[45] |501 )?(?:page |path |route |resource )?"
    r"(?:not found|method not allowed|not implemented)\W*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalText:
    """The words of a refusal, in lower case; "" when it says nothing about the request."""

    text: str
    status: int | None
    codes: frozenset[str]


def refusal_text(error: ProviderError) -> RefusalText:
    """Gather what was said. It may quote the user: look at it, and keep nothing of it."""
    facts = error.facts
    status = facts.status
    codes = frozenset(code.lower() for code in (facts.code, facts.error_type) if code)
    if status in _STATUSES_OF_OTHERS:
        return RefusalText(text="", status=status, codes=frozenset())
    said = [facts.detail, facts.code, facts.error_type]
    if facts.said is not None:
        more = facts.said
        said += [more.message, more.upstream_message, more.upstream_type]
        said += [more.provider_raw_json, more.raw_body]
    text = "\n".join(each[:TEXT_CHARS_MAX] for each in said if each)
    return RefusalText(text=text.lower(), status=status, codes=codes)


def refuses_thoughts(refusal: RefusalText) -> bool:
    """Whether thoughts were asked for of a model whose thinking is off (SPEC 119)."""
    return _THOUGHTS_REFUSED in refusal.text


def rejects_reasoning(refusal: RefusalText) -> bool:
    """Whether thinking that was sent back is not taken (FACTS, Reasoning: "rejected")."""
    return any(sentence.search(refusal.text) for sentence in _REASONING_REJECTED)


def supported_efforts(refusal: RefusalText, sent: str) -> tuple[str, ...]:
    """Return the efforts that a refusal names as supported, as it lists them; none otherwise.

    Args:
        refusal: what was said.
        sent: the effort of the request. Other parameters are refused in the same words
            (verbosity knows `low` and `high` as well), so the sentence must be about effort, or
            about just this value and no parameter at all.
    """
    if "effort" not in refusal.text:
        refused = _REFUSED_VALUE.search(refusal.text)
        if refused is None or refused[1] != sent or "verbosity" in refusal.text:
            return ()
    ends = (found.end() for found in _LISTS_VALUES.finditer(refusal.text))
    lists = (tuple(_listed(refusal.text, end)) for end in ends)
    return next((efforts for efforts in lists if efforts), ())


def refuses_endpoint(refusal: RefusalText) -> bool:
    """Whether a model, or a gateway, does not take /responses (SPEC 101)."""
    if refusal.codes & _ENDPOINT_CODES:
        return True
    if refusal.status is not None and refusal.status in _NO_SUCH_PATH_STATUSES:
        said = refusal.text.strip()
        # OpenRouter words its own 404 in sentences; a path that nobody serves is not worded.
        if not said or _NO_SUCH_PATH.fullmatch(said.partition("\n")[0]):
            return True
    return any(sentence.search(refusal.text) for sentence in _ENDPOINT_REFUSED)


def _listed(text: str, start: int) -> Iterator[str]:
    """Read the words of a list up to the first that is no effort."""
    piece = text[start : start + _LIST_CHARS_MAX].lstrip(_LIST_OPENS)
    end = _LIST_END.search(piece)
    for word in _WORDS.findall(piece[: end.start()] if end else piece):
        if word in EFFORTS:
            yield word
        elif word not in _BETWEEN_EFFORTS:
            return
