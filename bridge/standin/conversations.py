"""Conversations of several answers: the model calls tools, hears their outputs and goes on. Pure.

Which answer comes next is told by the request alone: the ids of the calls in it say which
rounds are over. So one model serves any number of conversations at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from bridge.standin.frames import Json, JsonObject
from bridge.standin.heard import Heard, OfferedTool
from bridge.standin.objections import Objection
from bridge.standin.script_values import (
    Beat,
    Close,
    Piece,
    Script,
    Telling,
    Voice,
    call_pieces,
    pieces_of,
)
from bridge.standin.scripts import library, named_script

OUTPUT_CHARACTERS_MAX = 2000

# Opaque to everybody; the last part mimics the mark of where it was made.
_MARK = ".eyJlbmRwb2ludF9zbHVnIjoic3RhbmRpbiJ9"
_CITIES = ("Zürich", "Oslo", "Lima")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One answer for each round of calls; afterwards the outputs are quoted.

    Attributes:
        rounds: the answers with calls.
        is_endless: the last one is repeated for ever, as round after round.
        calls_what_is_offered: the model calls the first tool of the request, whatever it is.
        objections: what the model does not take.
    """

    name: str
    shows: str
    rounds: tuple[Script, ...] = ()
    is_endless: bool = False
    calls_what_is_offered: bool = False
    objections: tuple[Objection, ...] = ()

    def answer_to(self, heard: Heard) -> Script:
        """Return what the model says next."""
        number = heard.rounds_over
        if self.calls_what_is_offered and not number and heard.tools:
            return _call_of(heard.tools[0])
        if number < len(self.rounds):
            return replace(self.rounds[number], round_number=number)
        if self.is_endless:
            return replace(self.rounds[-1], round_number=number)
        return quoting(tuple(output.text for output in heard.newest_outputs))


def quotation(outputs: tuple[str, ...]) -> str:
    """Return the text with which a conversation ends."""
    if not outputs:
        return "There was nothing to call."
    quoted = " ".join(f"«{output[:OUTPUT_CHARACTERS_MAX]}»" for output in outputs)
    return f"The tools said: {quoted}"


def quoting(outputs: tuple[str, ...]) -> Script:
    """Return an answer that repeats what the tools gave back."""
    return Script(
        name="quoting",
        shows="what the tools gave back",
        beats=pieces_of(Voice.TEXT, quotation(outputs), item=0),
    )


def _round(*beats: Beat, telling: Telling = Telling.BY_DELTAS) -> Script:
    return Script(name="round", shows="an answer with calls", beats=beats, telling=telling)


def _weather(item: int, city: str) -> tuple[Piece, ...]:
    arguments = msgspec.json.encode({"city": city, "unit": "celsius"}).decode()
    return call_pieces(item, "get_weather", arguments[:9], arguments[9:])


def _look(city: str) -> Script:
    words = pieces_of(Voice.TEXT, f"I look at {city}. ", item=0)
    return _round(*words, Close(item=0), *_weather(1, city))


def _sealed_round(city: str) -> Script:
    summary = pieces_of(Voice.SUMMARY, f"**Looking outside**\n\nFirst {city}.", item=0)
    sealed = Piece(item=0, voice=Voice.SEALED, text=f"c2VhbGVk{len(city)}{_MARK}")
    return _round(*summary, sealed, Close(item=0), *_weather(1, city))


def _signed_round(city: str) -> Script:
    thinking = pieces_of(Voice.THINKING, f"I have to look at {city} first.", item=0)
    signature = Piece(item=0, voice=Voice.SIGNATURE, text=f"EqQBc2lnbmVk{len(city)}==")
    return _round(*thinking, signature, Close(item=0), *_weather(1, city))


def _in_turns(*calls: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Let calls take turns; all stay open to the end."""
    longest = max(map(len, calls))
    return tuple(call[turn] for turn in range(longest) for call in calls if turn < len(call))


def _call_of(tool: OfferedTool) -> Script:
    arguments = msgspec.json.encode(example_arguments(tool.parameters)).decode()
    return _round(*call_pieces(0, tool.name, arguments))


def example_arguments(schema: JsonObject) -> JsonObject:
    """Make up a value for every required property of an object's schema."""
    properties, required = schema.get("properties"), schema.get("required")
    known = properties if isinstance(properties, dict) else {}
    names = required if isinstance(required, list) else []
    return {str(name): _example(known.get(str(name))) for name in names}


def _example(schema: Json) -> Json:
    if not isinstance(schema, dict):
        return "stand-in"
    choices: Json = schema.get("enum")
    if isinstance(choices, list) and choices:
        first: Json = choices[0]
        return first
    kinds: Json = schema.get("type")
    match next(iter(kinds), None) if isinstance(kinds, list) else kinds:
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return example_arguments(schema)
        case "null":
            return None
        case _:
            return "stand-in"


_CONVERSATIONS: tuple[Conversation, ...] = (
    Conversation(
        name="parallel-calls",
        shows="three calls at once whose pieces take turns, then what came of them",
        rounds=(
            _round(
                *_in_turns(
                    _weather(0, "Zürich"), _weather(1, "Oslo"), call_pieces(2, "get_time", "{}")
                )
            ),
        ),
    ),
    Conversation(
        name="no-arguments",
        shows="a call without arguments, spelt as an empty string",
        rounds=(_round(*call_pieces(0, "get_time", "")),),
    ),
    Conversation(
        name="missing-arguments",
        shows="an empty string where get_weather needs a city",
        rounds=(_round(*call_pieces(0, "get_weather", "")),),
    ),
    Conversation(
        name="garbled-arguments",
        shows="a finished call whose arguments are no JSON",
        rounds=(_round(*call_pieces(0, "get_weather", '{"city": Zürich')),),
    ),
    Conversation(
        name="listed-arguments",
        shows="a call whose arguments are JSON, but no object",
        rounds=(_round(*call_pieces(0, "get_weather", '["Zürich"]')),),
    ),
    Conversation(
        name="unknown-tool",
        shows="a call of a tool that nobody offered",
        rounds=(_round(*call_pieces(0, "no_such_tool", "{}")),),
    ),
    Conversation(
        name="stated-call",
        shows="a call without any delta, told when its item closes",
        rounds=(_round(*_weather(0, "Zürich"), telling=Telling.BY_STATEMENTS),),
    ),
    Conversation(
        name="three-rounds",
        shows="a call in each of three answers, every one after a few words",
        rounds=tuple(_look(city) for city in _CITIES),
    ),
    Conversation(
        name="endless-calls",
        shows="a call in every answer, for ever",
        rounds=(_look("Zürich"),),
        is_endless=True,
    ),
    Conversation(
        name="sealed-calls",
        shows="two rounds of calls after summaries and sealed reasoning",
        rounds=tuple(_sealed_round(city) for city in _CITIES[:2]),
    ),
    Conversation(
        name="signed-calls",
        shows="two rounds of calls after signed reasoning, which must come back unchanged",
        rounds=tuple(_signed_round(city) for city in _CITIES[:2]),
        objections=(Objection.LOST_REASONING,),
    ),
    Conversation(
        name="any-tool",
        shows="a call of whichever tool is offered first, then what came of it",
        calls_what_is_offered=True,
    ),
)

_BY_NAME = {
    **{
        script.name: Conversation(name=script.name, shows=script.shows, rounds=(script,))
        for script in library()
        if script.call_items
    },
    **{conversation.name: conversation for conversation in _CONVERSATIONS},
}


def conversations() -> tuple[Conversation, ...]:
    """Return every conversation that has a name of its own."""
    return _CONVERSATIONS


def named_conversation(name: str) -> Conversation | None:
    """Return the conversation of that name, or None."""
    return _BY_NAME.get(name)


def play(name: str, heard: Heard) -> Script | None:
    """Return what comes next under that name: of a conversation, or a script of one answer."""
    conversation = named_conversation(name)
    return named_script(name) if conversation is None else conversation.answer_to(heard)
