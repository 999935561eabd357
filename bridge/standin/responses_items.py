"""The output items of `/responses`, as they grow."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.standin.frames import Json, JsonObject
from bridge.standin.script_values import Piece, Voice


@dataclass(slots=True, kw_only=True)
class Item:
    """One output item while it is told; its voice is that of its first piece."""

    index: int
    voice: Voice
    # Deltas by part; joined late, because a long answer has very many.
    told: dict[int, list[str]] = field(default_factory=dict)
    sealed: str = ""
    sources: list[str] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Take one more piece."""
        if piece.voice is Voice.SEALED:
            self.sealed = piece.text
        elif piece.voice is Voice.SOURCE:
            self.sources.append(piece.text)
        else:
            self.told.setdefault(piece.part, []).append(piece.text)

    def identity(self, *, is_terminal: bool = False) -> str:
        """Ids are made up per batch of events, so the terminal event tells another one."""
        prefix = {
            Voice.THINKING: "rs",
            Voice.SUMMARY: "rs",
            Voice.SEALED: "rs",
            Voice.TOOL_CALL: "fc",
        }.get(self.voice, "msg")
        return f"{prefix}_tmp_{'z' if is_terminal else 'a'}{self.index:010d}"

    def text(self, part: int) -> str:
        """Return what was told of a part so far."""
        return "".join(self.told.get(part, ()))

    def begun(self) -> JsonObject:
        """Return the item as it is announced."""
        common: dict[str, Json] = {"id": self.identity(), "status": "in_progress"}
        if self.voice in (Voice.THINKING, Voice.SUMMARY, Voice.SEALED):
            return {**common, "type": "reasoning", "summary": []}
        if self.voice is Voice.TOOL_CALL:
            return {**common, **self._call(arguments="")}
        return {**common, "type": "message", "role": "assistant", "content": []}

    def finished(self, status: str, phase: str | None, *, is_terminal: bool = False) -> JsonObject:
        """Return the item whole."""
        common: dict[str, Json] = {
            "id": self.identity(is_terminal=is_terminal),
            "status": status,
        }
        if self.voice in (Voice.THINKING, Voice.SUMMARY, Voice.SEALED):
            return {**common, **self._reasoning()}
        if self.voice is Voice.TOOL_CALL:
            return {**common, **self._call(arguments=self.text(0))}
        content = [self.part(part) for part in sorted(self.told)]
        message = {**common, "type": "message", "role": "assistant", "content": content}
        return message if phase is None else {**message, "phase": phase}

    def _reasoning(self) -> JsonObject:
        is_summary = self.voice is Voice.SUMMARY
        parts = [self.part(part) for part in sorted(self.told)]
        item: dict[str, Json] = {"type": "reasoning", "summary": parts if is_summary else []}
        if not is_summary and parts:
            item["content"] = parts
        if self.sealed:
            item["encrypted_content"] = self.sealed
            item["format"] = "openai-responses-v1"
        return item

    def _call(self, *, arguments: str) -> JsonObject:
        return {
            "type": "function_call",
            "call_id": f"call_standin_{self.index}",
            "name": "get_weather",
            "arguments": arguments,
        }

    def part(self, part: int, *, is_empty: bool = False) -> JsonObject:
        """Return one part of the item, empty as it is announced or as far as it was told."""
        text = "" if is_empty else self.text(part)
        match self.voice:
            case Voice.THINKING:
                return {"type": "reasoning_text", "text": text}
            case Voice.SUMMARY:
                return {"type": "summary_text", "text": text}
            case Voice.REFUSAL:
                return {"type": "refusal", "refusal": text}
            case _:
                sources = [] if is_empty else [source_annotation(url) for url in self.sources]
                return {
                    "type": "output_text",
                    "text": text,
                    "annotations": sources,
                    "logprobs": [],
                }


def source_annotation(url: str) -> JsonObject:
    """Return a web source. The places are all zero, as seen on the wire."""
    return {
        "type": "url_citation",
        "url": url,
        "title": f"Found at {url}",
        "start_index": 0,
        "end_index": 0,
    }
