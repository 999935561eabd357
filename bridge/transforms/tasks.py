"""The small jobs that Open WebUI asks a model to do beside a chat: titles, tags and so on.

Pure. The request for one, and what stands in for an answer when there is none (SPEC 145-148).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from actors.values import ChatRequest, Model
from bridge.transforms.model_ids import NO_MODELS
from bridge.transforms.policy import NOBODY, Caller, RequestPolicy
from bridge.transforms.reasoning import with_effort
from bridge.transforms.request_body import read_plain_body
from bridge.transforms.request_policies import under_policy, with_tools, without_web_search

# Safe to be read as an answer: Open WebUI cuts JSON out of the text, and shows plain text as it is.
_LOCAL_ANSWERS: Final[Mapping[str, str]] = {
    "title_generation": '{"title":"Chat"}',
    "tags_generation": '{"tags":["General"]}',
    "follow_up_generation": '{"follow_ups":[]}',
    "query_generation": '{"queries":[]}',
    "function_calling": '{"tool_calls":[]}',
    "image_prompt_generation": '{"prompt":""}',
    "autocomplete_generation": '{"text":""}',
}
_ANY_TASK: Final = "task"
_NAME_CHARS_MAX: Final = 64


def task_request(
    body: object,
    *,
    request_id: str,
    function_id: str,
    model_ids: Mapping[str, str],
    policy: RequestPolicy,
    models: Mapping[str, Model] = NO_MODELS,
    caller: Caller = NOBODY,
    is_allowed: bool = True,
) -> ChatRequest:
    """Turn the body of a task into a request: one answer in one piece, without tools and search.

    All but the last are those of `read_body`. `is_allowed` says that the model is one of those
    on offer; then the effort is that of tasks, whatever the body says (SPEC 146).

    Raises:
        RequestInvalid: no model, a model that the catalog lacks, or no message.
    """
    read = read_plain_body(
        body,
        request_id=request_id,
        function_id=function_id,
        model_ids=model_ids,
        models=models,
        policy=policy,
    )
    request = replace(read.request, is_streaming=False)
    if is_allowed:
        request = with_effort(request, policy.task_effort)
    request = under_policy(
        request, model=read.model, policy=policy, caller=replace(caller, searches_web=False)
    )
    return without_web_search(with_tools(request, (), policy))


def task_name(task: object) -> str:
    """Return a task's name from what Open WebUI passes as `__task__`: a word, or an object."""
    if isinstance(task, Mapping):
        task = task.get("type") or task.get("task")
    name = str(task).strip() if isinstance(task, str) else ""
    return name[:_NAME_CHARS_MAX] or _ANY_TASK


def local_task_answer(task: object) -> str:
    """Return an answer that nobody had to be asked for (SPEC 148)."""
    return _LOCAL_ANSWERS.get(task_name(task), "")


def failed_task_text(task: object) -> str:
    """Return what stands for the answer after every try failed (SPEC 147)."""
    return f"[Task error] Unable to generate {task_name(task)}. Please retry later."
