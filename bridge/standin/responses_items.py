"""The output items of `/responses`, as they grow."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.standin.call_ids import call_id
from bridge.standin.frames import Json, JsonObject
from bridge.standin.script_values import REASONING_VOICES, WHOLE_VOICES, Piece, Script, Voice

_PREFIXES = {Voice.TOOL_CALL: "fc", Voice.IMAGE: "ig", Voice.SEARCH: "ws"}
_PAGE = "https://example.org/halls"


@dataclass(slots=True, kw_only=True)
class Item:
    """One output item while it is told; its voice and name are those of its first piece."""

    index: int
    voice: Voice
    name: str = ""
    call_id: str = ""
    # Deltas by part; joined late, because a long answer has very many.
    told: dict[int, list[str]] = field(default_factory=dict)
    sealed: str = ""
    signature: str = ""
    sources: list[str] = field(default_factory=list)

    @classmethod
    def begun_by(cls, piece: Piece, script: Script, response_id: str) -> Item:
        """Return the empty item that a piece begins."""
        return cls(
            index=piece.item,
            voice=piece.voice,
            name=piece.name,
            call_id=call_id(response_id, script.round_number, piece.item),
        )

    def add(self, piece: Piece) -> None:
        """Take one more piece."""
        match piece.voice:
            case Voice.SEALED:
                self.sealed = piece.text
            case Voice.SIGNATURE:
                self.signature = piece.text
            case Voice.SOURCE:
                self.sources.append(piece.text)
            case _:
                self.told.setdefault(piece.part, []).append(piece.text)

    @property
    def is_reasoning(self) -> bool:
        """Whether it is what the model thought."""
        return self.voice in REASONING_VOICES

    @property
    def has_parts(self) -> bool:
        """Whether it is told part by part."""
        return self.voice is not Voice.TOOL_CALL and self.voice not in WHOLE_VOICES

    @property
    def kind(self) -> str:
        """The type that the provider gives it."""
        if self.is_reasoning:
            return "reasoning"
        match self.voice:
            case Voice.TOOL_CALL:
                return "function_call"
            case Voice.IMAGE:
                is_address = self.text(0).startswith("http")
                return "openrouter:image_generation" if is_address else "image_generation_call"
            case Voice.SEARCH:
                return "web_search_call"
            case _:
                return "message"

    def identity(self, *, is_terminal: bool = False) -> str:
        """Ids are made up per batch of events, so the terminal event tells another one."""
        prefix = "rs" if self.is_reasoning else _PREFIXES.get(self.voice, "msg")
        return f"{prefix}_tmp_{'z' if is_terminal else 'a'}{self.index:010d}"

    def text(self, part: int) -> str:
        """Return what was told of a part so far."""
        return "".join(self.told.get(part, ()))

    def begun(self) -> JsonObject:
        """Return the item as it is announced."""
        common: dict[str, Json] = {
            "id": self.identity(),
            "status": "in_progress",
            "type": self.kind,
        }
        if self.is_reasoning:
            return {**common, "summary": []}
        if self.voice is Voice.TOOL_CALL:
            return {**common, **self._call(arguments="")}
        if self.voice in WHOLE_VOICES:
            return common
        return {**common, "role": "assistant", "content": []}

    def finished(self, status: str, phase: str | None, *, is_terminal: bool = False) -> JsonObject:
        """Return the item whole."""
        common: dict[str, Json] = {
            "id": self.identity(is_terminal=is_terminal),
            "status": status,
            "type": self.kind,
        }
        if self.is_reasoning:
            return {**common, **self._reasoning()}
        match self.voice:
            case Voice.TOOL_CALL:
                return {**common, **self._call(arguments=self.text(0))}
            case Voice.IMAGE:
                return {**common, **self._image()}
            case Voice.SEARCH:
                return {**common, "action": search_action(self.name, self.text(0))}
            case _:
                content = [self.part(part) for part in sorted(self.told)]
                message = {**common, "role": "assistant", "content": content}
                return message if phase is None else {**message, "phase": phase}

    def _reasoning(self) -> JsonObject:
        is_summary = self.voice is Voice.SUMMARY
        parts = [self.part(part) for part in sorted(self.told)]
        item: dict[str, Json] = {"summary": parts if is_summary else []}
        if not is_summary and parts:
            item["content"] = parts
        if self.sealed:
            item["encrypted_content"] = self.sealed
            item["format"] = "openai-responses-v1"
        if self.signature:
            item["signature"] = self.signature
            item["format"] = "anthropic-claude-v1"
        return item

    def _call(self, *, arguments: str) -> JsonObject:
        return {"call_id": self.call_id, "name": self.name, "arguments": arguments}

    def _image(self) -> JsonObject:
        picture = self.text(0)
        is_address = picture.startswith("http")
        return {"result": picture, "imageUrl": picture} if is_address else {"result": picture}

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


def search_action(kind: str, about: str) -> JsonObject:
    """Return what a step of a search did: it looked for words, or opened an address."""
    match kind:
        case "open_page":
            return {"type": kind, "url": about}
        case "find_in_page":
            return {"type": kind, "url": _PAGE, "pattern": about}
        case _:
            sources = [{"type": "url", "url": _PAGE}]
            return {"type": "search", "query": about, "queries": [about], "sources": sources}
