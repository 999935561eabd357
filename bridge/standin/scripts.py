"""The conversations that the stand-in can play. Pure; every text here is our own."""

from __future__ import annotations

from bridge.standin.images import png_base64
from bridge.standin.script_values import (
    Beat,
    Close,
    Finish,
    Piece,
    Script,
    Telling,
    Unheard,
    Voice,
    call_pieces,
    pieces_of,
)

ECHO_CHARACTERS_MAX = 2000
GENERATED_WORDS = "a green room is where the players wait until they are called on stage "

_PLAIN = (
    "A green room is the place behind the stage where people wait before they go on. "
    "Nobody remembers for certain why it is called green. "
    "What counts is that it is quiet, and that somebody calls you in time."
)
_PARAGRAPH = (
    "The first light came on and the house went silent. Somebody in the third row put a "
    "paper bag away. From the side one could see the dust move in the beam, slowly, as if it "
    "had all evening, and hear the stage manager count under her breath."
)
_MARKDOWN = """# Checklist for tonight

Three things **must** happen, and one *should*:

1. Doors open at `19:30`
2. Lights at 20:00
   - spot on the left first
   - then the whole stage
3. Curtain

> Whoever is late waits in the lobby.

| Cue | When | Who |
|-----|-----:|-----|
| A1  | 0:00 | light |
| A2  | 1:45 | sound |

```python
def cue(name: str) -> str:
    return f"go, {name}!"
```

The angle is $\\alpha = \\frac{\\pi}{4}$, and [the plan](https://example.org/plan) shows it.
"""
_MULTI_BYTE = (
    "Grüße aus Zürich \U0001f44b; naïve café, Ωμέγα, Привет, 你好世界, こんにちは, שלום, नमस्ते. "
    "A family: \U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466, "
    "a flag: \U0001f3f3\ufe0f\u200d\U0001f308, a tone: \U0001f44d\U0001f3fd, "
    "a clef: \U0001d11e, combined: e\u0301 and ä, wide: \uff21\uff22\uff23. Done \u2705"
)
_THINKING = (
    "The question is short, so the answer should be short as well. "
    "Seven times six is forty-two; checking: seven times five is thirty-five, plus seven."
)
_SUMMARY_PARTS = (
    "**Weighing the options**\n\nThere are two ways to read the question; the simpler one fits.",
    "**Checking the result**\n\nThe sum is right in both readings, so it can be stated plainly.",
)
# Opaque to everybody; the last part mimics the mark of where it was made.
_SEALED = "c3RhbmQtaW4gc2VhbGVkIHJlYXNvbmluZw==.eyJlbmRwb2ludF9zbHVnIjoic3RhbmRpbiJ9"
_REFUSAL = "I'm sorry, but that is something I won't help with."
_ANSWER = "The answer is 42."
_ARGUMENTS = '{"city":"Zürich","unit":"celsius"}'
_ARGUMENTS_CUT = '{"city":"Züri'


def _text(text: str, item: int = 0, part: int = 0) -> tuple[Piece, ...]:
    return pieces_of(Voice.TEXT, text, item=item, part=part)


def _thinking(text: str, item: int = 0) -> tuple[Piece, ...]:
    return pieces_of(Voice.THINKING, text, item=item)


def _summary(item: int = 0) -> tuple[Piece, ...]:
    return tuple(
        piece
        for part, text in enumerate(_SUMMARY_PARTS)
        for piece in pieces_of(Voice.SUMMARY, text, item=item, part=part)
    )


def _interleaved(first: tuple[Piece, ...], second: tuple[Piece, ...]) -> tuple[Beat, ...]:
    """Let the second begin when the first is half told, then take turns; both stay open."""
    half = len(first) // 2
    beats: list[Beat] = list(first[:half])
    rest = list(first[half:])
    for piece in second:
        beats.append(piece)
        if rest:
            beats.append(rest.pop(0))
    return (*beats, *rest)


def _step(item: int, kind: str, about: str) -> Piece:
    return Piece(item=item, voice=Voice.SEARCH, name=kind, text=about)


def _sealed(item: int = 0) -> Piece:
    return Piece(item=item, voice=Voice.SEALED, text=_SEALED)


_LIBRARY: tuple[Script, ...] = (
    Script(name="plain", shows="three plain sentences", beats=_text(_PLAIN)),
    Script(
        name="long",
        shows="forty paragraphs",
        beats=_text("\n\n".join(f"{number}. {_PARAGRAPH}" for number in range(1, 41))),
    ),
    Script(name="markdown", shows="headings, lists, a table, code", beats=_text(_MARKDOWN)),
    Script(name="multi-byte", shows="emoji and many scripts", beats=_text(_MULTI_BYTE)),
    Script(
        name="thinking",
        shows="raw reasoning, then the answer",
        beats=(*_thinking(_THINKING), Close(item=0), *_text(_ANSWER, 1)),
    ),
    Script(
        name="summary",
        shows="two reasoning summaries with titles, then the answer",
        beats=(*_summary(), _sealed(), Close(item=0), *_text(_ANSWER, 1)),
    ),
    Script(
        name="sealed",
        shows="reasoning that only its maker can read, then the answer",
        beats=(_sealed(), Close(item=0), *_text(_ANSWER, 1)),
    ),
    Script(
        name="overlapping",
        shows="text that begins and ends while the reasoning is still open",
        beats=(*_interleaved(_thinking(_THINKING), _text(_ANSWER, 1)), Close(item=1)),
    ),
    Script(
        name="reversed",
        shows="the item with index 1 is added before the item with index 0",
        beats=(*_text(_ANSWER, 1), Close(item=1), *_thinking(_THINKING)),
    ),
    Script(
        name="two-messages",
        shows="a commentary and a final answer as two messages",
        beats=(*_text("Let me look that up. ", 0), Close(item=0), *_text(_ANSWER, 1)),
        phases=((0, "commentary"), (1, "final_answer")),
    ),
    Script(
        name="two-parts",
        shows="one message with two parts of text",
        beats=(*_text("First part. ", 0, 0), *_text("Second part.", 0, 1)),
    ),
    Script(
        name="sources",
        shows="a text with two web sources",
        beats=(
            *_text("Both halls are open tonight. "),
            Piece(item=0, voice=Voice.SOURCE, text="https://example.org/halls"),
            Piece(item=0, voice=Voice.SOURCE, text="https://example.com/tonight?utm_source=openai"),
            # Cited twice, to be listed once.
            Piece(item=0, voice=Voice.SOURCE, text="https://example.org/halls"),
        ),
    ),
    Script(
        name="search",
        shows="a search of three steps at the provider, then a text with a source",
        beats=(
            _step(0, "search", "halls that are open tonight"),
            Close(item=0),
            _step(1, "open_page", "https://example.org/halls"),
            Close(item=1),
            _step(2, "find_in_page", "tonight"),
            Close(item=2),
            *_text("One hall is open tonight. ", 3),
            Piece(item=3, voice=Voice.SOURCE, text="https://example.org/halls"),
        ),
    ),
    Script(
        name="image",
        shows="a few words and a picture",
        beats=(
            *_text("Here is a green square. "),
            Close(item=0),
            Piece(item=1, voice=Voice.IMAGE, text=png_base64(0, 128, 0)),
        ),
    ),
    Script(
        name="image-alone",
        shows="a picture without a word",
        beats=(Piece(item=0, voice=Voice.IMAGE, text=png_base64(128, 0, 0)),),
    ),
    Script(
        name="image-address",
        shows="a picture that is only an address",
        beats=(
            *_text("Here it is. "),
            Close(item=0),
            Piece(item=1, voice=Voice.IMAGE, text="https://example.org/green.png"),
        ),
    ),
    Script(
        name="signed",
        shows="raw reasoning with its maker's signature, then the answer",
        beats=(
            *_thinking(_THINKING),
            Piece(item=0, voice=Voice.SIGNATURE, text="EqQBc2lnbmVk=="),
            Close(item=0),
            *_text(_ANSWER, 1),
        ),
    ),
    Script(
        name="refusal",
        shows="a refusal",
        beats=pieces_of(Voice.REFUSAL, _REFUSAL, item=0),
    ),
    Script(
        name="incomplete",
        shows="a text that ends at the token limit",
        beats=_text("This sentence is going to end before it comes to its"),
        finish=Finish.LENGTH,
    ),
    Script(
        name="filtered",
        shows="a text that a content filter ended",
        beats=_text("The recipe begins with"),
        finish=Finish.FILTER,
    ),
    Script(
        name="unknown-events",
        shows="event and item types that nobody knows, around a good text",
        beats=(
            Unheard(event_type="response.debug"),
            Unheard(event_type="response.some_future_event"),
            *_text("Nothing unusual here."),
            Unheard(event_type="response.fusion_call.progress"),
        ),
    ),
    Script(
        name="stated-only",
        shows="a text without any delta, told when its item closes",
        beats=(*_thinking(_THINKING), Close(item=0), *_text(_PLAIN, 1)),
        telling=Telling.BY_STATEMENTS,
    ),
    Script(
        name="terminal-only",
        shows="a text that only the terminal event holds",
        beats=_text(_PLAIN),
        telling=Telling.AT_THE_END,
    ),
    Script(name="silent", shows="a complete answer without a word", beats=()),
    Script(
        name="tool-call",
        shows="a few words and a call of get_weather",
        beats=(
            *_text("I will look outside. "),
            Close(item=0),
            *call_pieces(1, "get_weather", _ARGUMENTS[:9], _ARGUMENTS[9:]),
        ),
    ),
    Script(
        name="tool-call-cut",
        shows="a call whose arguments the token limit cut in half",
        beats=call_pieces(0, "get_weather", _ARGUMENTS_CUT),
        finish=Finish.LENGTH,
    ),
)

_BY_NAME = {script.name: script for script in _LIBRARY}


def library() -> tuple[Script, ...]:
    """Return every script that has a name of its own."""
    return _LIBRARY


def named_script(name: str) -> Script | None:
    """Return the script of that name, or None."""
    return _BY_NAME.get(name)


def generated(n: int, size_bytes: int, reasoning_n: int = 0) -> Script:
    """Return an answer by size.

    Args:
        n: text deltas.
        size_bytes: bytes of each delta, all of them ASCII.
        reasoning_n: raw reasoning deltas of the same size before the text.
    """
    thinking = tuple(
        Piece(item=0, voice=Voice.THINKING, text=_slice_of_words(index, size_bytes))
        for index in range(reasoning_n)
    )
    text_item = 1 if reasoning_n else 0
    text = tuple(
        Piece(item=text_item, voice=Voice.TEXT, text=_slice_of_words(index, size_bytes))
        for index in range(n)
    )
    closing = (Close(item=0),) if reasoning_n else ()
    return Script(
        name="generated",
        shows=f"{n} deltas of {size_bytes} bytes",
        beats=(*thinking, *closing, *text),
    )


def _slice_of_words(index: int, size_bytes: int) -> str:
    start = (index * size_bytes) % len(GENERATED_WORDS)
    copies = (start + size_bytes) // len(GENERATED_WORDS) + 1
    return (GENERATED_WORDS * copies)[start : start + size_bytes]


def echo(question: str) -> Script:
    """Return a friendly answer that repeats the question, shortened if need be."""
    heard = question.strip()
    shortened = heard[:ECHO_CHARACTERS_MAX] + (" ..." if len(heard) > ECHO_CHARACTERS_MAX else "")
    text = (
        f"You said: {shortened}\n\nI am only a stand-in, but I heard every word."
        if heard
        else "You said nothing, and I am only a stand-in. Ask me something!"
    )
    return Script(name="echo", shows="what was asked, in a friendly way", beats=_text(text))
