"""What the stand-in says when it is asked for a title, for tags and the like. Pure."""

from __future__ import annotations

import re

import msgspec

from bridge.standin.frames import Json, JsonObject
from bridge.standin.script_values import Script, Voice, pieces_of

TASK_HEAD = "### Task:"

_ANSWERS: dict[str, Json] = {
    "title": "A Quiet Word Backstage",
    "tags": ["Theatre", "Small Talk"],
    "follow_ups": ["When do the doors open?", "Who is on tonight?"],
    "queries": ["halls that are open tonight"],
}
# The prompts of Open WebUI end with an example of the JSON that they want.
_WANTED = re.compile(rf'"({"|".join(_ANSWERS)})"\s*:')


def is_task(question: str) -> bool:
    """Whether a question is one of Open WebUI's own."""
    return question.lstrip().startswith(TASK_HEAD)


def task_answer(question: str) -> Script:
    """Return the JSON that a task asks for; a title when it cannot be told."""
    found = _WANTED.search(question)
    name = found.group(1) if found is not None else "title"
    document: JsonObject = {name: _ANSWERS[name]}
    text = msgspec.json.encode(document).decode()
    return Script(
        name="task",
        shows="a title, tags, follow-ups or queries as JSON, whichever is asked for",
        beats=pieces_of(Voice.TEXT, text, item=0),
    )
