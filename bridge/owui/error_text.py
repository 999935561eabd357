"""The sentences people read in Open WebUI when something went wrong. Pure.

Every other part of the house reports facts; here they become words: what happened, what to do,
and the id that stands in the log as well. The provider's own message may be repeated to the
person who asked, bounded and made harmless as Markdown. It is never logged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil
from typing import Final

from actors.ports import (
    AccessRefused,
    AnswerMalformed,
    AuthRejected,
    BudgetInFlight,
    ConnectionFailed,
    CreditsExhausted,
    PortError,
    ProviderError,
    ProviderTimedOut,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    StreamBroken,
)
from actors.request import ChatNotStarted
from bridge.config.errors import ConfigError, ValveProblem
from bridge.transforms.request_body import RequestFault, RequestInvalid

DETAIL_CHARS_MAX: Final = 400
_ABOUT_CHARS_MAX: Final = 200
_MINUTE_S: Final = 60
_TOO_LARGE: Final = 413

_MARKDOWN_MARKS: Final = re.compile(r"([\\`*_\[\]$|~!])")
_KEYS: Final = re.compile(r"\bsk-[A-Za-z0-9_\-]{6,}")


class Condition(Enum):
    """What can stand in the way of a request without any port having failed."""

    SERVER_BUSY = "server_busy"
    BREAKER_OPEN = "breaker_open"
    STARTUP = "startup"
    MODEL_UNKNOWN = "model_unknown"
    KEY_MISSING = "key_missing"
    KEY_UNDECRYPTABLE = "key_undecryptable"
    BASE_URL_INVALID = "base_url_invalid"
    PACKAGE_MISSING = "package_missing"
    STOPPED = "stopped"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One failure in words.

    `happened` and `advice` are ours, `about` is what they speak of (a model id, an address, a
    package, a reason), `detail` the provider's message; both come from outside.
    """

    happened: str
    advice: str
    error_id: str = ""
    about: str = ""
    detail: str = ""

    def markdown(self) -> str:
        """Return a short paragraph for the chat."""
        paragraphs = [f"**{self.happened}**{_joined(_harmless(self.about))}", self.advice]
        if self.detail:
            paragraphs.append(f"> {_harmless(self.detail)}")
        if self.error_id:
            paragraphs.append(f"Error id: `{self.error_id}`")
        return "\n\n".join(paragraphs)

    def line(self) -> str:
        """Return one plain line, for a toast, a status line or an error box."""
        said = f"{self.happened}{_joined(self.about)} {self.advice}"
        said += f" ({self.detail})" if self.detail else ""
        return said + (f" Error id: {self.error_id}" if self.error_id else "")


def explain(error: BaseException, *, error_id: str = "") -> Explanation:
    """Put an error into words; one that is no weather and no answer is a bug of ours."""
    if isinstance(error, PortError):
        return _explain_port_error(error, error_id)
    if isinstance(error, RequestInvalid):
        return _explain_request(error, error_id)
    if isinstance(error, ConfigError):
        return Explanation(
            happened=f"The setting {error.problem.valve} cannot be used.",
            advice=f"An administrator has to change it; accepted is: {error.problem.accepted}.",
            about=error.problem.value,
            error_id=error_id,
        )
    return explain_condition(Condition.INTERNAL, error_id=error_id)


def explain_condition(
    condition: Condition,
    *,
    error_id: str = "",
    about: str = "",
    retry_after_s: float | None = None,
) -> Explanation:
    """Put a condition into words.

    Args:
        condition: what stands in the way.
        error_id: 16 hex digits that stand in the log as well, or "".
        about: the model, address, package or reason it is about, where there is one.
        retry_after_s: seconds after which a try makes sense, or None when nobody knows.
    """
    happened, advice = _CONDITIONS[condition]
    return Explanation(
        happened=happened,
        advice=advice.format(when=_when(retry_after_s)),
        about=_shortened(about, _ABOUT_CHARS_MAX),
        error_id=error_id,
    )


def setup_name(condition: Condition, *, about: str = "") -> str:
    """Return the name of the one entry that stands in the model list when nothing works yet."""
    about = _shortened(about, _ABOUT_CHARS_MAX).removesuffix(".")
    return f"Greenroom setup: {_SETUP_NAMES.get(condition, 'not ready yet')}{_joined(about)}"


def valves_name(problems: Sequence[ValveProblem]) -> str:
    """Return the name of the entry beside the models that tells of settings not obeyed."""
    return f"Greenroom setup: check {', '.join(problem.valve for problem in problems)}"


def explain_valves(problems: Sequence[ValveProblem]) -> Explanation:
    """Put settings that are not obeyed into words."""
    items = (
        f"- `{problem.valve}`{_joined(_harmless(problem.value))}: {_harmless(problem.accepted)}"
        for problem in problems
    )
    return Explanation(
        happened="Some settings cannot be used; their defaults rule meanwhile.",
        advice="An administrator has to change these valves of this function:\n\n"
        + "\n".join(items),
    )


def cut_notice(error: BaseException, *, error_id: str) -> str:
    """Return what follows an answer that broke off; the text before it stays (SPEC 83)."""
    explanation = explain(error, error_id=error_id)
    # The usual advice speaks of a failed request; here a part of the answer is there to keep.
    detail = f" ({_harmless(explanation.detail)})" if explanation.detail else ""
    return (
        f"\n\n---\n\n**The answer was cut off.** {explanation.happened}{detail} "
        f"The text above is all that arrived; ask again for the whole answer."
        f"\n\nError id: `{error_id}`"
    )


# Happened, advice. `{when}` becomes "now" or "in 12 seconds".
_CONDITIONS: Final = {
    Condition.SERVER_BUSY: (
        "Server busy (503).",
        "Too many requests are waiting already. Please try again {when}.",
    ),
    Condition.BREAKER_OPEN: (
        "After several failures your requests are temporarily disabled.",
        "Please try again {when}; one request is then let through as a test.",
    ),
    Condition.STARTUP: (
        "Service unavailable due to startup issues.",
        "The model list could not be loaded yet. It is tried again with your next message.",
    ),
    Condition.MODEL_UNKNOWN: (
        "This model is not on offer.",
        "It may have been renamed or withdrawn. Please reload the page and pick another model.",
    ),
    Condition.KEY_MISSING: (
        "There is no OpenRouter API key yet.",
        "An administrator has to enter one in the valve API_KEY of this function "
        "(keys are made at https://openrouter.ai/settings/keys).",
    ),
    Condition.KEY_UNDECRYPTABLE: (
        "The stored API key cannot be decrypted.",
        "An administrator has to re-enter it in the valve API_KEY: WEBUI_SECRET_KEY has "
        "probably changed since it was stored. OpenRouter keys begin with sk-.",
    ),
    Condition.BASE_URL_INVALID: (
        "The address of the provider cannot be used.",
        "An administrator has to correct the valve BASE_URL; an address looks like "
        "https://openrouter.ai/api/v1.",
    ),
    Condition.PACKAGE_MISSING: (
        "A Python package that this function needs is not installed.",
        "An administrator has to install it in Open WebUI's environment and restart the server.",
    ),
    Condition.STOPPED: (
        "The answer was stopped, because this function is being shut down or restarted.",
        "What stands above, if anything, is all that arrived. Please ask again {when}.",
    ),
    Condition.INTERNAL: (
        "Something went wrong inside this function.",
        "Please try again. If it happens again, tell an administrator the error id.",
    ),
}

_SETUP_NAMES: Final = {
    Condition.KEY_MISSING: "no API key",
    Condition.KEY_UNDECRYPTABLE: "the stored API key cannot be decrypted",
    Condition.BASE_URL_INVALID: "BASE_URL is not an address",
    Condition.STARTUP: "the model catalog could not be loaded",
    Condition.PACKAGE_MISSING: "a Python package is missing",
}

# The first match rules, so special cases stand before what they are a kind of.
_PORT_ERRORS: Final[tuple[tuple[type[PortError], str, str], ...]] = (
    (
        ChatNotStarted,
        "This server could not begin the request.",
        "It is very busy, or about to stop. Please try again {when}.",
    ),
    (
        RateLimited,
        "The provider takes no more requests at the moment.",
        "Please try again {when}, or pick another model.",
    ),
    (
        QuotaExhausted,
        "The allowance for this model is used up.",
        "Trying again does not help before it is renewed. Please pick another model, or ask an "
        "administrator for more credit.",
    ),
    (
        ProviderUnavailable,
        "The provider is having trouble.",
        "This is usually over soon. Please try again {when}, or pick another model.",
    ),
    (
        ProviderTimedOut,
        "The provider did not answer in time.",
        "Please try again {when}. A shorter request or another model may be quicker.",
    ),
    (
        ConnectionFailed,
        "The provider could not be reached.",
        "Please try again {when}. If it goes on, an administrator should check the network and "
        "the valve BASE_URL.",
    ),
    (
        StreamBroken,
        "The connection to the provider broke off.",
        "Please try again {when}.",
    ),
    (
        AuthRejected,
        "The provider did not accept the API key.",
        "An administrator has to check the valve API_KEY: the key may be wrong, expired or "
        "revoked.",
    ),
    (
        CreditsExhausted,
        "There is not enough credit for this request.",
        "An administrator can add credit at https://openrouter.ai/settings/credits. A shorter "
        "answer or a cheaper model may still work.",
    ),
    (
        BudgetInFlight,
        "The credit left is reserved by requests that are still running.",
        "Please try again {when}.",
    ),
    (
        AccessRefused,
        "The provider refused this request.",
        "It may have been moderated, or this key or region may not use the model. Please "
        "rephrase it or pick another model.",
    ),
    (
        RequestRejected,
        "The provider could not accept this request.",
        "Please change it as the message says, or pick another model.",
    ),
    (
        AnswerMalformed,
        "The provider sent something that is no answer.",
        "Please try again {when}. If it goes on, an administrator should check the valve BASE_URL.",
    ),
    (ProviderError, "The provider reported an error.", "Please try again {when}."),
    (PortError, "Something this function depends on failed.", "Please try again {when}."),
)

_REQUEST_FAULTS: Final = {
    RequestFault.MODEL_MISSING: (
        "The request names no model.",
        "Please pick a model; the field `model` takes an id from the model list.",
    ),
    RequestFault.MODEL_UNKNOWN: _CONDITIONS[Condition.MODEL_UNKNOWN],
    RequestFault.MESSAGES_MISSING: (
        "The request holds no message that could be answered.",
        "Please write something; the field `messages` takes at least one message with a role "
        "and content.",
    ),
}


def _explain_port_error(error: PortError, error_id: str) -> Explanation:
    facts = error.facts
    happened, advice = next(
        (happened, advice) for kind, happened, advice in _PORT_ERRORS if isinstance(error, kind)
    )
    if facts.status == _TOO_LARGE:
        happened, advice = (
            "The request is too large for the provider.",
            "Please shorten the conversation or leave attachments out.",
        )
    if facts.status is not None:
        happened = f"{happened.removesuffix('.')} ({facts.status})."
    return Explanation(
        happened=happened,
        advice=advice.format(when=_when(facts.retry_after_s)),
        detail=_shortened(_with_provider(facts.provider, facts.detail), DETAIL_CHARS_MAX),
        error_id=error_id,
    )


def _explain_request(error: RequestInvalid, error_id: str) -> Explanation:
    happened, advice = _REQUEST_FAULTS[error.fault]
    names_model = error.fault is RequestFault.MODEL_UNKNOWN
    return Explanation(
        happened=happened,
        advice=advice,
        about=_shortened(error.got if names_model else "", _ABOUT_CHARS_MAX),
        error_id=error_id,
    )


def _with_provider(provider: str, detail: str) -> str:
    return f"{provider}: {detail}" if provider and detail else detail


def _when(retry_after_s: float | None) -> str:
    """Say when to try again, rounded up: too early would only fail once more."""
    if retry_after_s is None or retry_after_s <= 0:
        return "in a moment"
    if retry_after_s < 2 * _MINUTE_S:
        seconds = ceil(retry_after_s)
        return f"in {seconds} second" + ("s" if seconds > 1 else "")
    return f"in {ceil(retry_after_s / _MINUTE_S)} minutes"


def _shortened(text: str, chars_max: int) -> str:
    """Return one line without keys, cut to a bound."""
    # Twice the bound is more than enough to fill a line; the rest is not even looked at.
    line = _KEYS.sub("sk-…", " ".join(text[: 2 * chars_max].split()))
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"


def _harmless(line: str) -> str:
    r"""Take the meaning for Markdown, HTML and Open WebUI's own tags out of a line.

    An image would be fetched, and a `<details>` or `<think>` be understood by Open WebUI, which
    looks for them as text: a backslash does not stop it, an entity does.
    """
    return _MARKDOWN_MARKS.sub(r"\\\1", line).replace("<", "&lt;")


def _joined(about: str) -> str:
    return f" ({about})" if about else ""
