"""Turns what happens in an answer into pieces: text, thinking, status lines, sources, images.

The plain flow of text goes past this file (`event_sink.py`). What comes here is whatever begins
or changes something: the first words, a new thought, a tool, a page that is cited, the end.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from actors.kernel.handover import HandOver
from actors.ports import Cancelled, Completed, Ending, Failed, ProviderError
from actors.values import (
    Annotated,
    ImageMade,
    Marked,
    Notice,
    Noticed,
    ReasoningAdvanced,
    ReasoningKind,
    RefusalAdvanced,
    SearchAdvanced,
    Shown,
    TextAdvanced,
    ToolCall,
    ToolCallBegan,
    ToolEnded,
    ToolsHandedOver,
    ToolStarted,
)
from bridge.owui.show_looks import Looks
from bridge.owui.show_pace import Phase, Reassurance, Stopwatch
from bridge.transforms import status_text as words
from bridge.transforms.chat_chunks import Piece, PieceKind
from bridge.transforms.citation import source_of_citation, source_of_tool
from bridge.transforms.image_text import image_markdown, inline_markdown, is_address
from bridge.transforms.json_text import JsonValue, json_text
from bridge.transforms.marks import marks_text
from bridge.transforms.reasoning_status import ThinkingMode, ThoughtLines
from bridge.transforms.side_event import STATUS, SideEvent, status
from bridge.transforms.tool_calls import call_deltas
from bridge.transforms.usage_text import Times, thought_text, usage_text, worked_text

SOURCES_MAX: Final = 500
IMAGES_MAX: Final = 100
# Side events that wait for an emitter; of more, the oldest go.
COLLECTED_MAX: Final = 1_000

# No item and no part has this place.
NOWHERE: Final = -1

_CONTENT, _REASONING, _EVENT, _TOOL_CALLS, _IMAGE = PieceKind
_WRITING: Final = Phase.WRITING
_RAW: Final = ReasoningKind.RAW
_STATUS: Final = ThinkingMode.STATUS
_BOX: Final = ThinkingMode.BOX
_GAP: Final = "\n\n"


class AnswerShow:
    """One answer on its way to the screen.

    Args:
        looks: how the reader wants it.
        pieces: where it goes; what is put there is never lost.
        loop: for time.
        can_store: whether somebody will find a place for `data:` images.

    Attributes:
        has_room: what the hand-over said last.
        text_item: the item whose text may simply be appended now, or `NOWHERE`.
        thought_item, thought_part, thought_kind: the same for thinking.
        images_waiting: how many images were put that need a place.
        calls: what whoever asked is to run.
        is_waiting: the newest status line is animated.
    """

    def __init__(
        self,
        looks: Looks,
        pieces: HandOver[Piece],
        loop: asyncio.AbstractEventLoop,
        *,
        can_store: bool,
    ) -> None:
        self._looks = looks
        self._pieces = pieces
        self._loop = loop
        self._can_store = can_store
        self._has_events = looks.has_events
        self._in_box = not looks.has_events or looks.thinking is not _STATUS
        self._lines = ThoughtLines() if looks.has_events and looks.thinking is not _BOX else None
        self._pace: Reassurance | None = None
        self._watch: Stopwatch | None = None
        self._status_line = ""
        self._collected: deque[SideEvent] = deque(maxlen=COLLECTED_MAX)
        # Text: the items that have begun since the last block, and whether text stands open.
        self._items: set[int] = set()
        self._is_open = False
        self._last_thought: tuple[int, int, ReasoningKind] | None = None
        # What was shown is remembered by name or by hash: an image may be megabytes.
        self._sources: set[str] = set()
        self._images: set[int] = set()
        self._running: dict[str, str] = {}
        self._has_worked = False
        self.has_room = True
        self.text_item = NOWHERE
        self.thought_item = NOWHERE
        self.thought_part = NOWHERE
        self.thought_kind = _RAW
        self.images_waiting = 0
        self.calls: tuple[ToolCall, ...] = ()
        self.is_waiting = False

    def begin(self) -> None:
        """Somebody waits from now on; harmless when repeated."""
        if self._has_events and self._watch is None and not self._pieces.is_closed:
            now_s = self._loop.time()
            self._watch = Stopwatch(now_s)
            self.say(words.THINKING)
            self._pace = Reassurance(self._loop, self.say, self._looks.entropy, now_s)

    def show(self, event: Shown) -> None:
        """Show one event, whatever it is."""
        if self._has_events:
            self.begin()
        match event:
            case TextAdvanced() | RefusalAdvanced():
                self._text(event.output_index, event.text)
            case ReasoningAdvanced():
                self._thought(event)
            case Annotated():
                self._cited(event)
            case SearchAdvanced():
                self._enter(Phase.WAITING)
                self._worked(words.searched(event))
            case ImageMade(url=url):
                self._pause()
                self._image(url)
            case ToolCallBegan(name=name):
                self._pause()
                self._enter(Phase.WRITING)
                self.say(words.tool_prepared(self._named(name)))
            case ToolStarted(call=call):
                self._tool_started(call)
            case ToolEnded():
                self._tool_ended(event)
            case ToolsHandedOver(calls=calls):
                self._handed_over(calls)
            case Noticed():
                self._noticed(event)
            case Marked(ids=ids):
                self._marked(ids)

    def say(self, event: SideEvent) -> None:
        """Show a side event, where there is somebody to look at it; a status is not repeated."""
        if not self._has_events or self._pieces.is_closed:
            return
        if event.kind == STATUS:
            if event.line == self._status_line:
                return
            self._status_line = event.line
            self.is_waiting = event.is_waiting
        if self._looks.is_streaming:
            line = event.line
            self.has_room = self._pieces.put((_EVENT, line), weight(line))
            return
        self._collected.append(event)
        # An empty text shows nothing, and wakes whoever takes: the event need not wait.
        self.has_room = self._pieces.put((_CONTENT, ""), weight(event.line))

    def take_events(self) -> list[dict[str, JsonValue]]:
        """Hand out what was collected for an emitter, each once."""
        events = [event.emitted() for event in self._collected]
        self._collected.clear()
        return events

    def finish(self, ending: Ending) -> None:
        """Say how it ended; nothing is said after that."""
        if not self._has_events:
            return
        self._pause()
        match ending:
            case Completed():
                self._completed(ending)
            case Failed(error=error):
                is_provider = isinstance(error, ProviderError)
                self.say(words.PROVIDER_ERROR if is_provider else words.INTERNAL_ERROR)
            case Cancelled():
                self.say(words.STOPPED)

    def abandon(self) -> None:
        """It ends without a word: leave nothing spinning."""
        if not self._has_events:
            return
        self._pause()
        if self.is_waiting:
            self.say(words.NOTHING)

    # --- text and thinking -----------------------------------------------------------------------

    def _text(self, item: int, text: str) -> None:
        if not text:
            return
        if self._has_events:
            self._pause()
            self._enter(_WRITING)
            self.say(words.RESPONDING)
        else:
            self.thought_item = NOWHERE
        if item not in self._items:
            # Two messages in one answer are two paragraphs.
            if self._is_open:
                text = _GAP + text
            self._items.add(item)
        self._is_open = True
        self.has_room = self._pieces.put((_CONTENT, text), weight(text))
        self.text_item = item

    def _thought(self, event: ReasoningAdvanced) -> None:
        text = event.text
        if not text:
            return
        self.hush()
        self._enter(Phase.THINKING)
        self.text_item = NOWHERE
        part = (event.output_index, event.part_index, event.kind)
        is_new = part != self._last_thought
        if self._lines is not None:
            self._tell_thought(self._lines, text, is_new=is_new)
        if self._in_box:
            # A title in the middle of a line is no title.
            has_gap = is_new and self._last_thought is not None
            self._put(_REASONING, _GAP + text if has_gap else text)
            if self._lines is None:
                self.thought_item, self.thought_part, self.thought_kind = part
        self._last_thought = part

    def _tell_thought(self, lines: ThoughtLines, text: str, *, is_new: bool) -> None:
        now_s = self._loop.time()
        told = lines.rest(now_s) if is_new else []
        for line in (*told, *lines.take(text, now_s)):
            self.say(words.thought(line))

    def hush(self) -> None:
        """Something has come, or nobody waits any more: call off what would be said meanwhile.

        The pace is let go of as well. It knows this show, and together they would stay in memory
        until the garbage collector looks.
        """
        pace, self._pace = self._pace, None
        if pace is not None:
            pace.stop()

    def _pause(self) -> None:
        """Something else than the flow of text or thinking comes."""
        if self._pace is not None:
            self.hush()
        self.text_item = self.thought_item = NOWHERE
        if self._lines is not None:
            for line in self._lines.rest(self._loop.time()):
                self.say(words.thought(line))

    def _block(self, markdown: str) -> None:
        """Show something that has to stand by itself."""
        self._open_block()
        self._put(_CONTENT, markdown.strip("\n") + _GAP)

    def _open_block(self) -> None:
        if self._is_open:
            self._put(_CONTENT, _GAP)
        self._is_open = False
        self._items.clear()

    # --- sources, images -------------------------------------------------------------------------

    def _cited(self, cited: Annotated) -> None:
        if self._has_events and (source := source_of_citation(cited)) is not None:
            self._source(*source)

    def _source(self, name: str, event: SideEvent) -> None:
        if name not in self._sources and len(self._sources) < SOURCES_MAX:
            self._sources.add(name)
            self.say(event)

    def _image(self, url: str) -> None:
        name = hash(url)
        if name in self._images or len(self._images) >= IMAGES_MAX:
            return
        self._images.add(name)
        if is_address(url):
            self._block(image_markdown(url))
        elif self._can_store:
            self._open_block()
            self._put(_IMAGE, url)
            self.images_waiting += 1
        else:
            self._block(inline_markdown(url))

    # --- tools -----------------------------------------------------------------------------------

    def _named(self, name: str) -> str:
        return words.one_line(self._looks.shown_name(name), words.NAME_CHARS_MAX) if name else ""

    def _tool_started(self, call: ToolCall) -> None:
        self._pause()
        self._enter(Phase.TOOLS)
        # The numbers of items begin again with the next round.
        self._items.clear()
        name = self._named(call.name)
        self._running[call.call_id] = name
        self._worked(words.tool_started(name))

    def _tool_ended(self, ended: ToolEnded) -> None:
        self._pause()
        self._items.clear()
        self._running.pop(ended.call.call_id, None)
        if not self._running:
            self._enter(Phase.WAITING)
        if self._has_events:
            self._worked(
                words.tool_ended(
                    self._named(ended.call.name),
                    is_failed=ended.is_failed,
                    elapsed_s=ended.elapsed_s,
                    running=tuple(self._running.values()),
                )
            )
            for source in ended.result.sources:
                self._source(*source_of_tool(source))
            if card := self._looks.card(ended):
                self._block(card)
        for url in ended.result.files:
            self._image(url)

    def _handed_over(self, calls: tuple[ToolCall, ...]) -> None:
        if not calls:
            return
        self._pause()
        named = self._looks.shown_name
        self.say(words.tools_handed_over([self._named(call.name) for call in calls]))
        if self._looks.is_streaming:
            self._put(
                _TOOL_CALLS, json_text(call_deltas(calls, named, first_index=len(self.calls)))
            )
        self.calls += calls

    # --- notices, the end ------------------------------------------------------------------------

    def _worked(self, event: SideEvent) -> None:
        self._has_worked = True
        self.hush()
        # What comes next is said again: these lines stand above it.
        self.text_item = NOWHERE
        self.say(event)

    def _noticed(self, notice: Noticed) -> None:
        self.say(words.noticed(notice, name=self._named(notice.about)))
        if notice.notice is Notice.TOOL_ROUNDS_SPENT and (text := self._looks.rounds_text(notice)):
            self._pause()
            self._block(text)

    def _marked(self, ids: tuple[str, ...]) -> None:
        """Name what is kept of the answer, for later turns: nobody sees these lines (SPEC 37)."""
        if ids:
            self._put(_CONTENT, marks_text(ids))

    def _completed(self, ending: Completed) -> None:
        """Say what it took, the one way or the other (SPEC 96)."""
        usage = ending.usage
        times = Times() if self._watch is None else self._watch.read(self._loop.time())
        if ending.has_calls and not self.is_waiting:
            # Open WebUI runs them and asks again: the end of that answer tells the rest.
            return
        if self._looks.has_final_usage:
            self.say(status(usage_text(usage, times), done=True))
        elif self._last_thought is not None or (usage is not None and usage.reasoning_tokens):
            self.say(status(thought_text(times.thought_s), done=True))
        elif self._has_worked:
            self.say(status(worked_text(times.total_s), done=True))
        else:
            self.say(words.NOTHING)

    def _enter(self, phase: Phase) -> None:
        if self._watch is not None:
            self._watch.enter(phase, self._loop.time())

    def _put(self, kind: PieceKind, text: str) -> None:
        self.has_room = self._pieces.put((kind, text), weight(text))


def weight(text: str) -> int:
    """Bound the bytes of a text from above, without encoding it."""
    return len(text) if text.isascii() else 4 * len(text)
