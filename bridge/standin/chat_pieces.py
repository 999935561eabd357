"""What the pieces of a script are in the words of `/chat/completions`, torn and whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from bridge.standin.call_ids import call_id
from bridge.standin.frames import Json, JsonObject
from bridge.standin.script_values import REASONING_VOICES, Piece, Script, Voice


class CallWriter:
    """Writes the pieces of calls; several may take turns, and each has an index of its own."""

    def __init__(self, script: Script, response_id: str) -> None:
        self._script = script
        self._response_id = response_id
        self._begun: set[int] = set()

    def piece(self, piece: Piece) -> JsonObject:
        """Return a piece of a call: id and name come with the first one only."""
        index = self._script.call_items.index(piece.item)
        if piece.item in self._begun:
            return {"index": index, "function": {"arguments": piece.text}}
        self._begun.add(piece.item)
        return {
            "index": index,
            "id": call_id(self._response_id, self._script.round_number, piece.item),
            "type": "function",
            "function": {"name": piece.name, "arguments": piece.text},
        }

    def whole(self) -> list[JsonObject]:
        """Return every call whole."""
        calls: list[JsonObject] = []
        names = self._script.call_names()
        for name, item in zip(names, self._script.call_items, strict=True):
            arguments = "".join(
                piece.text for piece in self._script.pieces_told if piece.item == item
            )
            # Wire fact: a call without arguments may lack the field altogether.
            said: JsonObject = {"arguments": arguments} if arguments else {}
            calls.append(
                {
                    "index": len(calls),
                    "id": call_id(self._response_id, self._script.round_number, item),
                    "type": "function",
                    "function": {"name": name, **said},
                }
            )
        return calls


def delta_of(piece: Piece, script: Script, calls: CallWriter) -> JsonObject | None:
    """Return the delta of one piece, or None when this endpoint does not tell of it."""
    match piece.voice:
        case Voice.TEXT:
            return {"content": piece.text}
        case Voice.REFUSAL:
            return {"content": "", "refusal": piece.text}
        case Voice.THINKING | Voice.SUMMARY:
            # Wire fact: the same text twice, a client shows one of them.
            detail = reasoning_detail(piece, script.reasoning_format)
            return {"content": "", "reasoning": piece.text, "reasoning_details": [detail]}
        case Voice.SEALED | Voice.SIGNATURE:
            detail = reasoning_detail(piece, script.reasoning_format)
            return {"content": "", "reasoning_details": [detail]}
        case Voice.SOURCE:
            return {"content": "", "annotations": [annotation(piece.text)]}
        case Voice.TOOL_CALL:
            return {"content": None, "tool_calls": [calls.piece(piece)]}
        case Voice.IMAGE:
            return {"content": "", "images": [image(piece.text)]}
        case Voice.SEARCH:
            return None
        case _:
            assert_never(piece.voice)


def message_of(script: Script, calls: CallWriter) -> JsonObject:
    """Return the whole message, for a request without `stream`."""
    message: dict[str, Json] = {
        "role": "assistant",
        "content": script.said(Voice.TEXT),
        "refusal": script.said(Voice.REFUSAL) or None,
        "reasoning": script.said(Voice.THINKING) + script.said(Voice.SUMMARY) or None,
    }
    beside: dict[str, Json] = {
        "reasoning_details": merged_details(script),
        "annotations": [annotation(url) for url in _all(script, Voice.SOURCE)],
        "images": [image(picture) for picture in _all(script, Voice.IMAGE)],
        "tool_calls": calls.whole(),
    }
    return message | {name: value for name, value in beside.items() if value}


def _all(script: Script, voice: Voice) -> Iterable[str]:
    return (piece.text for piece in script.pieces_told if piece.voice is voice)


def reasoning_detail(piece: Piece, reasoning_format: str) -> JsonObject:
    """Return a piece of reasoning; pieces of one type and index belong together."""
    common: dict[str, Json] = {"format": reasoning_format, "index": piece.part}
    match piece.voice:
        case Voice.SEALED:
            return {"type": "reasoning.encrypted", "data": piece.text, "id": "rs_standin", **common}
        case Voice.SUMMARY:
            return {"type": "reasoning.summary", "summary": piece.text, **common}
        case Voice.SIGNATURE:
            # Wire fact: the signature comes in a last detail without a text.
            return {"type": "reasoning.text", "signature": piece.text, **common}
        case _:
            return {"type": "reasoning.text", "text": piece.text, **common}


def merged_details(script: Script) -> list[JsonObject]:
    """Join the pieces of reasoning as a client has to send them back."""
    merged: dict[tuple[Json, Json], dict[str, Json]] = {}
    for piece in script.pieces_told:
        if piece.voice not in REASONING_VOICES:
            continue
        detail = reasoning_detail(piece, script.reasoning_format)
        known = merged.setdefault((detail["type"], detail["index"]), {})
        for name, value in detail.items():
            is_text = name in ("text", "summary")
            known[name] = f"{known.get(name, '')}{value}" if is_text else value
    return list(merged.values())


def annotation(url: str) -> JsonObject:
    """Return a web source. The places are all zero, as seen on the wire."""
    citation: JsonObject = {
        "url": url,
        "title": f"Found at {url}",
        "content": "",
        "start_index": 0,
        "end_index": 0,
    }
    return {"type": "url_citation", "url_citation": citation}


def image(picture: str) -> JsonObject:
    """Return a picture: an address as it is, bytes with the prefix that /responses leaves out."""
    url = picture if picture.startswith("http") else f"data:image/png;base64,{picture}"
    return {"type": "image_url", "image_url": {"url": url}}
