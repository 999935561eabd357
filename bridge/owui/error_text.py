"""The sentences people read in Open WebUI when something went wrong. Pure.

Every other part of the house reports facts; here they become words: what happened, what to do,
and the id that stands in the log as well. The provider's own message may be repeated to the
person who asked, bounded and made harmless as Markdown. It is never logged.

`failure_markdown` is what stands in a chat, in the text that an admin has set for its kind;
`explain` and `explain_condition` are the bare words for lists, lines and toasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from actors.ports import PortError
from bridge.config.errors import ConfigError, ValveProblem
from bridge.config.setting_groups import ErrorTemplates
from bridge.owui.error_kinds import Condition, TemplateKind, template_kind
from bridge.owui.error_markup import harmless, shortened
from bridge.owui.error_templates import TemplateBroken, check, render
from bridge.owui.error_values import (
    PLACEHOLDERS,
    ErrorContext,
    common_values,
    port_error_values,
    restriction_values,
)
from bridge.owui.error_words import CONDITIONS, PORT_ERRORS, REQUEST_FAULTS, SETUP_NAMES
from bridge.transforms.request_body import RequestFault, RequestInvalid

__all__ = [
    "Condition",
    "ErrorContext",
    "Explanation",
    "cut_notice",
    "explain",
    "explain_condition",
    "explain_valves",
    "failure_markdown",
    "model_restricted_markdown",
    "setup_name",
    "template_problems",
    "tool_rounds_markdown",
    "valves_name",
    "valves_warning",
]

DETAIL_CHARS_MAX: Final = 400
_ABOUT_CHARS_MAX: Final = 200
_MINUTE_S: Final = 60
_TOO_LARGE: Final = 413


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
        paragraphs = [f"**{self.happened}**{_joined(harmless(self.about))}", self.advice]
        if self.detail:
            paragraphs.append(f"> {harmless(self.detail)}")
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
    happened, advice = CONDITIONS[condition]
    return Explanation(
        happened=happened,
        advice=advice.format(when=_when(retry_after_s)),
        about=shortened(about, _ABOUT_CHARS_MAX),
        error_id=error_id,
    )


def setup_name(condition: Condition, *, about: str = "") -> str:
    """Return the name of the one entry that stands in the model list when nothing works yet."""
    about = shortened(about, _ABOUT_CHARS_MAX).removesuffix(".")
    return f"Greenroom setup: {SETUP_NAMES.get(condition, 'not ready yet')}{_joined(about)}"


def valves_name(problems: Sequence[ValveProblem]) -> str:
    """Return the name of the entry beside the models that tells of settings not obeyed."""
    return f"Greenroom setup: check {', '.join(problem.valve for problem in problems)}"


def explain_valves(problems: Sequence[ValveProblem]) -> Explanation:
    """Put settings that are not obeyed into words."""
    items = (
        f"- `{problem.valve}`{_joined(harmless(problem.value))} "
        f"should be {harmless(problem.accepted)}"
        for problem in problems
    )
    return Explanation(
        happened="Some settings cannot be used; their defaults rule meanwhile.",
        advice="An administrator has to change these valves of this function:\n\n"
        + "\n".join(items),
    )


def valves_warning(problems: Sequence[ValveProblem]) -> str:
    """Return one line about settings that are not obeyed, for a toast (SPEC 11, 28)."""
    told = (
        f"{problem.valve}{_joined(problem.value)} should be {problem.accepted}"
        for problem in problems
    )
    return f"Not obeyed, so the default or the admin's value rules: {'; '.join(told)}."


def failure_markdown(
    failure: BaseException | Condition,
    *,
    templates: ErrorTemplates,
    error_id: str,
    about: ErrorContext,
    reason: str = "",
    retry_after_s: float | None = None,
) -> str:
    """Return what stands in the chat in the place of an answer (SPEC 179).

    Args:
        failure: what went wrong.
        templates: the texts as an admin set them.
        error_id: 16 hex digits that stand in the log as well.
        about: the request.
        reason: what a condition is about: an address, a package, a model.
        retry_after_s: seconds after which a try makes sense; errors of a port know it themselves.
    """
    if isinstance(failure, Condition):
        words = explain_condition(
            failure, error_id=error_id, about=reason, retry_after_s=retry_after_s
        )
    else:
        words = explain(failure, error_id=error_id)
    kind = template_kind(failure)
    if kind is None:
        return words.markdown()
    values = common_values(about, templates, error_id) | _word_values(words, retry_after_s)
    if isinstance(failure, PortError):
        values |= port_error_values(failure, about)
    elif not isinstance(failure, Condition):
        values["error_type"] = type(failure).__name__
    if kind is TemplateKind.MODEL_RESTRICTED:
        values["requested_model"] = values["requested_model"] or values["reason"]
        values["restriction_reasons"] = harmless("not_in_catalog")
    return _rendered(kind, templates, values, words)


def model_restricted_markdown(
    reasons: Sequence[str],
    *,
    templates: ErrorTemplates,
    error_id: str,
    about: ErrorContext,
    model_id_filter: str = "",
    free_model_filter: str = "",
    tool_calling_filter: str = "",
) -> str:
    """Return what stands in the chat when the valves do not allow a model (SPEC 127).

    Args:
        reasons: `not_in_catalog`, `MODEL_ID`, `FREE_MODEL_FILTER=only` and the like.
        templates: the texts as an admin set them.
        error_id: 16 hex digits that stand in the log as well.
        about: the request; `requested_model` names the model.
        model_id_filter: MODEL_ID, if it keeps the model out; the other two alike.
        free_model_filter: see there.
        tool_calling_filter: see there.
    """
    words = explain_condition(Condition.MODEL_UNKNOWN, error_id=error_id)
    values = common_values(about, templates, error_id) | _word_values(words, None)
    values |= restriction_values(reasons, model_id_filter, free_model_filter, tool_calling_filter)
    return _rendered(TemplateKind.MODEL_RESTRICTED, templates, values, words)


def tool_rounds_markdown(
    rounds_max: int, *, templates: ErrorTemplates, error_id: str, about: ErrorContext
) -> str:
    """Return what stands at the end of an answer that used up its rounds of tools (SPEC 69)."""
    words = Explanation(
        happened=f"The answer ended after {rounds_max} rounds of tool calls.",
        advice="Ask the model to go on.",
        error_id=error_id,
    )
    values = common_values(about, templates, error_id) | _word_values(words, None)
    values["max_function_call_loops"] = str(rounds_max)
    return _rendered(TemplateKind.MAX_FUNCTION_CALL_LOOPS_REACHED, templates, values, words)


def template_problems(templates: ErrorTemplates) -> tuple[ValveProblem, ...]:
    """Return the valves whose text cannot be shown as it is, or not all of it (SPEC 185)."""
    told = ((kind, check(kind.template(templates), PLACEHOLDERS)) for kind in TemplateKind)
    return tuple(
        ValveProblem(valve=kind.valve, value="", accepted=f"another text: {why}")
        for kind, why in told
        if why
    )


def cut_notice(error: BaseException, *, error_id: str) -> str:
    """Return what follows an answer that broke off; the text before it stays (SPEC 83)."""
    explanation = explain(error, error_id=error_id)
    # The usual advice speaks of a failed request; here a part of the answer is there to keep.
    detail = f" ({harmless(explanation.detail)})" if explanation.detail else ""
    return (
        f"\n\n---\n\n**The answer was cut off.** {explanation.happened}{detail} "
        f"The text above is all that arrived; ask again for the whole answer."
        f"\n\nError id: `{error_id}`"
    )


def _rendered(
    kind: TemplateKind, templates: ErrorTemplates, values: dict[str, str], words: Explanation
) -> str:
    """Fill the text of this kind; a broken or empty one leaves what happened and the id."""
    try:
        text = render(kind.template(templates), PLACEHOLDERS | values)
    except TemplateBroken:
        text = ""
    return (
        text
        or Explanation(
            happened=words.happened,
            advice="An administrator has to correct the text for this message.",
            error_id=words.error_id,
        ).markdown()
    )


def _word_values(words: Explanation, retry_after_s: float | None) -> dict[str, str]:
    """Return the values that our own words give."""
    seconds = "" if retry_after_s is None or retry_after_s <= 0 else str(ceil(retry_after_s))
    return {
        "heading": words.happened,
        "advice": words.advice,
        "detail": harmless(words.detail),
        "sanitized_detail": harmless(words.detail),
        "reason": harmless(words.about),
        "retry_after_seconds": seconds,
    }


def _explain_port_error(error: PortError, error_id: str) -> Explanation:
    facts = error.facts
    happened, advice = next(
        (happened, advice) for kind, happened, advice in PORT_ERRORS if isinstance(error, kind)
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
        detail=shortened(_with_provider(facts.provider, facts.detail), DETAIL_CHARS_MAX),
        error_id=error_id,
    )


def _explain_request(error: RequestInvalid, error_id: str) -> Explanation:
    happened, advice = REQUEST_FAULTS[error.fault]
    names_model = error.fault is RequestFault.MODEL_UNKNOWN
    return Explanation(
        happened=happened,
        advice=advice,
        about=shortened(error.got if names_model else "", _ABOUT_CHARS_MAX),
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


def _joined(about: str) -> str:
    return f" ({about})" if about else ""
