"""What is played in the demo, and what has to come out. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.standin import ProviderFault, Wish
from bridge.standin.conversations import quotation
from bridge.standin.script_values import Piece, Voice
from bridge.standin.scripts import echo, named_script

ECHO: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One question and its answer.

    Attributes:
        title: what is going to happen, for the person who watches.
        model: an id as Open WebUI lists it.
        question: what the user asks.
        script: what the provider answers with; `ECHO` repeats the question.
        faults: what goes wrong first, one per request that will be made.
        tool_says: what the tool of the user gives back, or "": there is none. The model calls
            it once and then repeats what it said.
        later_faults: what goes wrong when the model is to be told what the tool said.
        cut_after: deltas after which the provider breaks off, or None.
        stop_after: chunks after which the user presses stop, or None.
        shows_tree: whether the supervision tree is shown as it is at the first word.
        moral: what it means that this went well.
    """

    title: str
    model: str
    question: str
    script: str
    moral: str
    faults: tuple[ProviderFault, ...] = ()
    tool_says: str = ""
    later_faults: tuple[ProviderFault, ...] = ()
    cut_after: int | None = None
    stop_after: int | None = None
    shows_tree: bool = False

    def wishes(self, pace_ms: float) -> tuple[Wish, ...]:
        """Return what the provider is to do with the requests of this scene, in order."""
        failures = tuple(Wish(fault=fault) for fault in self.faults)
        cut = None if self.cut_after is None else ProviderFault.CUT_MID_FRAME
        answer = Wish(script=self.script, pace_ms=pace_ms, fault=cut, after=self.cut_after)
        if not self.tool_says:
            return (*failures, answer)
        # The conversation knows by the calls in a request which answer comes next.
        return (*failures, answer, *(Wish(fault=fault) for fault in self.later_faults), answer)

    @property
    def text(self) -> str:
        """The answer as far as the provider tells it; words around a tool are two paragraphs."""
        told = "".join(self._told(Voice.TEXT)[: self.cut_after])
        return f"{told}\n\n{quotation((self.tool_says,))}" if self.tool_says else told

    @property
    def thinking(self) -> str:
        """The reasoning before it."""
        return "".join(self._told(Voice.THINKING))

    def _told(self, voice: Voice) -> list[str]:
        script = named_script(self.script) if self.script else echo(self.question)
        assert script is not None, "the stand-in plays what the demo asks for"
        pieces = (beat for beat in script.beats if isinstance(beat, Piece))
        return [piece.text for piece in pieces if piece.voice is voice]


SCENES: Final = (
    Scene(
        title="A plain answer",
        model="standin.plain",
        question="What is a green room?",
        script="plain",
        moral="shown word by word, as it came",
    ),
    Scene(
        title="A model that thinks aloud",
        model="standin.thinking",
        question="What is seven times six?",
        script="thinking",
        moral="Open WebUI folds the thinking away; the answer stands apart from it",
    ),
    Scene(
        title="The provider fails twice before it answers",
        model="standin.echo",
        question="Is the stage ready, and may we let the audience in?",
        script=ECHO,
        faults=(ProviderFault.STATUS_429_RETRY_AFTER_SECONDS, ProviderFault.CONNECT_RESET),
        shows_tree=True,
        moral="a rate limit and a lost connection, and the user saw only a whole answer",
    ),
    Scene(
        title="The provider fails between a tool and the rest of the answer",
        model="standin.tool-call",
        question="Do the guests need an umbrella?",
        script="tool-call",
        tool_says="14 degrees, light rain",
        later_faults=(ProviderFault.STATUS_502,),
        moral="asked again with what the tool said, and the tool ran once",
    ),
    Scene(
        title="The connection breaks in the middle of an answer",
        model="standin.long",
        question="Tell me how the evening begins.",
        script="long",
        cut_after=38,
        moral="what was shown stays, nothing is asked twice, and the user is told",
    ),
    Scene(
        title="The user presses stop",
        model="standin.long",
        question="Tell me the whole evening.",
        script="long",
        stop_after=30,
        moral="what was shown stays, and the provider is left at once",
    ),
)
