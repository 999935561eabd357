"""One contender in a process of its own: a pipe file, called as Open WebUI calls it.

    python -m benchmarks.drive_pipe PIPE_FILE BASE_ADDRESS [VALVES]

VALVES is a JSON object: what is set beside the address and the key.
Reads one work a line as JSON and writes one line of figures for each, until the input ends.
`exec` of the module, one instance, `pipes()` once; then, for every request, new valves on the
shared instance, its tools bound anew, `pipe` with those arguments that its signature names, and
each yielded item turned into the line that Open WebUI would send.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import re
import resource
import sys
import time
import types
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.answers import Spec, parse_spec
from benchmarks.handed_tools import HandedTools
from benchmarks.loops import run
from benchmarks.memory import peak_mb, reset_peak, resident_mb
from benchmarks.quantiles import quantile

STAMP = re.compile(r"<(\d+)>")
FUNCTION = "bench"
NO_VALVES: Mapping[str, object] = types.MappingProxyType({})
USER = {"id": "user-1", "name": "A", "email": "a@example.com", "role": "user"}

# How a finished call is shown, in every version of Open WebUI: it is no text of the model's.
CARD = re.compile(r'\n*<details type="tool_calls".*?</details>\n*', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is measured at once.

    Attributes:
        name: for the table.
        spec: which answer the provider gives; see `answers.py`.
        streams: how many at once.
        requests: how many each of them makes, one after another.
        warm: requests before the clock starts.
        runs_long: measure memory after a tenth of the requests as well.
    """

    name: str
    spec: str
    streams: int = 1
    requests: int = 1
    warm: int = 8
    runs_long: bool = False

    @property
    def answer(self) -> Spec:
        """What the provider gives."""
        return parse_spec(self.spec)

    @property
    def is_paced(self) -> bool:
        """Whether the answer comes slowly, each delta with the time it was sent."""
        return self.answer.i > 0


@dataclass(slots=True)
class Tally:
    """What the requests of one work have shown so far."""

    first_s: list[float] = field(default_factory=list)
    taken_s: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    deltas: int = 0
    requests: int = 0


class Driven:
    """A loaded pipe, and what it takes to call it."""

    def __init__(self, path: Path, address: str, valves: Mapping[str, object] = NO_VALVES) -> None:
        module = types.ModuleType(f"function_{FUNCTION}")
        sys.modules[module.__name__] = module
        exec(path.read_text(encoding="utf-8"), vars(module))
        self._pipe: Any = vars(module)["Pipe"]()
        self._address = address
        self._own_valves = valves
        self._valves: dict[str, object] = {}
        self._parameters = set(inspect.signature(self._pipe.pipe).parameters)

    async def begin(self) -> None:
        """List the models once, as a server does for its first page."""
        self.point_to("n=1")
        self._renew_valves()
        listed = self._pipe.pipes()
        models = await listed if inspect.isawaitable(listed) else listed
        assert any(model["id"] == "bench.model" for model in models), "the catalog was not read"

    def point_to(self, spec: str) -> None:
        """Send the requests that follow to the answer of this spec."""
        self._valves = {
            "BASE_URL": f"{self._address}/{spec}/api/v1",
            "API_KEY": "sk-or-bench",
            "MAX_CONCURRENT_REQUESTS": 2000,
            **self._own_valves,
        }

    async def request(self, number: int, tools: HandedTools) -> AsyncIterator[str]:
        """Make one request and yield the lines of its answer."""
        self._renew_valves()
        model = f"{FUNCTION}.bench.model"
        ids = {name: f"{name}-{number}" for name in ("chat_id", "message_id", "session_id")}
        body: dict[str, object] = {
            "model": model,
            "stream": True,
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": "Tell me about the house by the lake."},
            ],
        }
        metadata = {**ids, "user_id": "user-1", "files": [], "variables": {}}
        if tools.registry:
            # One object in two places, as the newest Open WebUI has it.
            body["tools"], metadata["tools"] = tools.listed(), tools.registry
            metadata["params"] = {"function_calling": "native"}
        given: dict[str, object] = {
            "body": body,
            "__user__": dict(USER),
            "__metadata__": metadata,
            "__request__": None,
            "__event_emitter__": _to_browser,
            "__event_call__": _to_browser,
            "__task__": None,
            "__task_body__": None,
            "__tools__": tools.registry,
            "__files__": [],
            **{f"__{name}__": value for name, value in ids.items()},
        }
        answer = self._pipe.pipe(**{k: v for k, v in given.items() if k in self._parameters})
        items = await answer if inspect.isawaitable(answer) else answer
        async for item in items:
            yield line_of(item, model)

    def _renew_valves(self) -> None:
        self._pipe.valves = self._pipe.Valves(**self._valves)


async def _to_browser(_: object) -> None:
    """Take an event as a browser that does not answer would."""


def line_of(item: object, model: str) -> str:
    """Turn a yielded item into a line of the event stream."""
    if isinstance(item, bytes):
        item = item.decode()
    if isinstance(item, str) and item.startswith("data:"):
        return f"{item}\n\n"
    if isinstance(item, str):
        delta = {"index": 0, "delta": {"content": item}, "finish_reason": None}
        item = {"model": model, "object": "chat.completion.chunk", "choices": [delta]}
    return f"data: {json.dumps(item)}\n\n"


def text_in(line: str) -> str:
    """Read the answer's text out of a line; anything that went wrong ends the measurement."""
    document = json.loads(line.removeprefix("data:"))
    assert "error" not in document, "the pipe answered with an error"
    choices = document.get("choices")
    text = str(choices[0]["delta"].get("content") or "") if choices else ""
    return CARD.sub("", text) if "<details" in text else text


async def run_one(driven: Driven, work: Work, tally: Tally, number: int) -> None:
    """Make one request and check that all of its answer came, and that its tools were run."""
    answer, tools = work.answer, HandedTools(work.answer.t, USER)
    started_s = time.perf_counter()
    seen = 0
    first_s: float | None = None
    async for line in driven.request(number, tools):
        text = text_in(line)
        if not text:
            continue
        if first_s is None:
            first_s = time.perf_counter() - started_s
        if work.is_paced:
            now_ns = time.monotonic_ns()
            stamps = STAMP.findall(text)
            tally.late_ms.extend((now_ns - int(stamp)) / 1e6 for stamp in stamps)
            seen += len(stamps)
        else:
            seen += len(text)
    wanted = answer.n if work.is_paced else answer.n * answer.b
    assert seen == wanted, f"{seen} of {wanted} came"
    assert tools.runs == answer.t, f"{tools.runs} of {answer.t} tools were run"
    assert first_s is not None, "an answer has text"
    tally.first_s.append(first_s)
    tally.taken_s.append(time.perf_counter() - started_s)
    tally.deltas += answer.n
    tally.requests += 1


async def measure(driven: Driven, work: Work) -> dict[str, float]:
    """Do the work and say what it took."""
    driven.point_to(work.spec)
    if work.warm:
        await asyncio.gather(
            *(run_one(driven, work, Tally(), number) for number in range(work.warm))
        )
    await _settle()
    tally = Tally()
    before_mb = resident_mb()
    reset_peak()
    early_mb = 0.0

    async def reader(lane: int) -> None:
        nonlocal early_mb
        for number in range(work.requests):
            await run_one(driven, work, tally, lane * work.requests + number)
            if work.runs_long and tally.requests == work.streams * work.requests // 10:
                early_mb = resident_mb()

    cpu_s, wall_s = cpu_used_s(), time.perf_counter()
    await asyncio.gather(*(reader(lane) for lane in range(work.streams)))
    cpu_s, wall_s = cpu_used_s() - cpu_s, time.perf_counter() - wall_s
    figures = {
        "deltas_per_s": tally.deltas / wall_s,
        "requests_per_s": tally.requests / wall_s,
        "cpu_ms_per_request": cpu_s / tally.requests * 1e3,
        "cpu_us_per_delta": cpu_s / tally.deltas * 1e6,
        "first_p50_ms": quantile(tally.first_s, 0.5) * 1e3,
        "first_p99_ms": quantile(tally.first_s, 0.99) * 1e3,
        "taken_p50_ms": quantile(tally.taken_s, 0.5) * 1e3,
        "extra_mb": peak_mb() - before_mb,
    }
    if work.is_paced:
        figures["late_p50_ms"] = quantile(tally.late_ms, 0.5)
        figures["late_p99_ms"] = quantile(tally.late_ms, 0.99)
    if work.runs_long:
        figures["grown_mb"] = resident_mb() - early_mb
    return figures


async def _settle() -> None:
    """Let what the work before has left come to an end, so that it is not charged to this one."""
    await asyncio.sleep(0.3)
    gc.collect()


def cpu_used_s() -> float:
    """Processor time of this process, in user and kernel mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def serve(driven: Driven, say: Callable[[object], None]) -> NoReturn:
    """Answer every line of the input, then end the process."""
    await driven.begin()
    say({"ready": True})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        say(await measure(driven, Work(**json.loads(line))))
    # Connections that a contender keeps for later are no reason to wait, or to complain.
    os._exit(0)


def main() -> None:
    path, address, *valves = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Whatever the pipe prints must not pass for a figure.

    def say(value: object) -> None:
        print(json.dumps(value), file=out, flush=True)

    driven = Driven(Path(path), address, json.loads(valves[0]) if valves else NO_VALVES)
    run(serve(driven, say))


if __name__ == "__main__":
    main()
