"""Whatever the framing and wherever the reads end, the same payloads come out."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.openrouter.sse_decoder import SseDecoder

LINES = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=8)
EVENTS = st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=8)
NOISE = st.sampled_from(["", ": \n\n", ":\n", "id: 1\n", "event: x\n", "\n", "database: 1\n"])
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Payloads, and a stream that frames them."""
    events = draw(EVENTS)
    framed = draw(st.sampled_from(["", "\ufeff"]))
    for lines in events:
        framed += draw(NOISE)
        framed += "".join(f"data: {line}\n" for line in lines) + "\n"
    body = framed.replace("\n", draw(LINE_ENDS)).encode()
    return ["\n".join(lines).encode() for lines in events], body


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = sorted(place % (len(body) + 1) for place in places)
    return [body[start:end] for start, end in zip([0, *edges], [*edges, len(body)], strict=True)]


@given(stream=streams(), places=st.lists(st.integers(min_value=0), max_size=30))
def test_no_cut_and_no_framing_changes_the_payloads(
    stream: tuple[list[bytes], bytes], places: list[int]
) -> None:
    expected, body = stream
    decoder = SseDecoder()
    told = [payload for chunk in cut(body, places) for payload in decoder.feed(chunk)]
    assert told + decoder.finish() == expected


@given(body=st.binary(max_size=200), places=st.lists(st.integers(min_value=0), max_size=30))
def test_rubbish_is_cut_the_same_however_it_arrives(body: bytes, places: list[int]) -> None:
    whole, cut_up = SseDecoder(), SseDecoder()
    at_once = whole.feed(body) + whole.finish()
    told = [payload for chunk in cut(body, places) for payload in cut_up.feed(chunk)]
    assert told + cut_up.finish() == at_once
