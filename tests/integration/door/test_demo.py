"""The demo plays from the built file, checks what it shows, and says so when it differs."""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from io import StringIO
from pathlib import Path

import pytest

from bridge.demo.command import add_arguments, run_command
from bridge.demo.scenes import SCENES
from bridge.demo.screen import Screen
from bridge.demo.show import DemoFailed, LogTape, Show
from bridge.standin import StandIn
from tests.fixtures.onefile import REPOSITORY, clean_process

NOTICE = "**The answer was cut off.**"


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """A process without what the built file leaves in it."""
    with clean_process():
        yield


def demo(out: Path, root: Path = REPOSITORY) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["--out", str(out), "--pace-ms", "2"])
    args.root = root
    return run_command(args)


def test_all_scenes_go_as_scripted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(tmp_path) == 0
    shown = capsys.readouterr().out
    assert [shown.count(f"\n{number}/6  ") for number in range(1, 7)] == [1] * 6
    assert shown.count("\n  ok ") == len(SCENES)
    assert NOTICE in shown
    assert "\x1b" not in shown, "this is no terminal"
    assert "SseActor  life 3" in shown
    assert str(tmp_path / "greenroom_pipe.py") in shown
    assert (tmp_path / "greenroom_pipe.py").is_file()


def test_a_pipe_that_says_something_else_fails_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "changed"
    for package in ("actors", "supervisor", "bridge"):
        shutil.copytree(REPOSITORY / package, root / package)
    words = root / "bridge" / "owui" / "error_text.py"
    words.write_text(words.read_text(encoding="utf-8").replace(NOTICE, "**Sorry.**"))
    assert demo(tmp_path / "dist", root) == 1
    shown = capsys.readouterr().out
    assert "  failed    not as scripted: no notice of the cut" in shown
    assert "What next?" not in shown


def test_sources_that_make_no_pipe_file_fail_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "changed"
    for package in ("actors", "supervisor", "bridge"):
        shutil.copytree(REPOSITORY / package, root / package)
    with (root / "actors" / "values.py").open("a", encoding="utf-8") as values:
        values.write("\n# read out " + "from main memory\n")
    assert demo(tmp_path / "dist", root) == 1
    assert "no pipe file was written" in capsys.readouterr().out


class Parrot:
    """A door whose every answer is the same."""

    def __init__(self, *chunks: str) -> None:
        self.valves: object = None
        self._chunks = chunks

    async def pipes(self) -> list[dict[str, str]]:
        return [{"id": "parrot", "name": "Parrot"}]

    async def pipe(
        self,
        body: Mapping[str, object],
        __user__: Mapping[str, str] | None = None,
        *,
        __tools__: Mapping[str, object] | None = None,
    ) -> AsyncGenerator[str, None]:
        return self._said()

    async def close(self) -> None:
        """There is no tree."""

    async def _said(self) -> AsyncGenerator[str, None]:
        for chunk in self._chunks:
            yield f"data: {chunk}"


async def show_of(parrot: Parrot, scene_number: int) -> str:
    """Play one scene with a parrot and return why that failed."""
    screen = Screen(StringIO())
    async with await StandIn.start() as standin:
        show = Show(screen, standin, parrot, LogTape(screen), pace_ms=1)
        with pytest.raises(DemoFailed) as failed:
            await show.play(SCENES[scene_number - 1], f"{scene_number}/6")
    return str(failed.value)


def test_another_text_is_named_beside_the_expected_one() -> None:
    chunk = '{"choices":[{"delta":{"content":"Polly"},"finish_reason":"stop"}]}'
    reason = asyncio.run(show_of(Parrot(chunk), 1))
    assert reason.startswith("the answer should be 'A green room is")
    assert reason.endswith("and was 'Polly'")


def test_a_tool_that_did_not_run_is_missed_although_the_text_is_right() -> None:
    delta = json.dumps({"content": SCENES[3].text})
    chunk = f'{{"choices":[{{"delta":{delta},"finish_reason":"stop"}}]}}'
    reason = asyncio.run(show_of(Parrot(chunk), 4))
    assert reason == "the number of runs of the tool should be '1' and was '0'"


def test_nothing_is_written_between_the_lines_of_the_screen(tmp_path: Path) -> None:
    # In a process of its own: here the test runner listens to the log.
    command = [sys.executable, "-m", "bridge.cli", "demo", "--out", str(tmp_path), "--pace-ms", "2"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=40)
    assert ended.stderr == b""


def test_a_line_that_is_no_chunk_is_named() -> None:
    reason = asyncio.run(show_of(Parrot("[DONE]"), 1))
    assert reason.startswith("no chunk that Open WebUI can read")


def test_an_answer_that_is_over_before_the_stop_is_named() -> None:
    reason = asyncio.run(show_of(Parrot(), 6))
    assert reason == "the answer was over before the user could stop it"


def test_a_model_list_without_the_models_of_the_scenes_is_named() -> None:
    async def listed() -> None:
        screen = Screen(StringIO())
        async with await StandIn.start() as standin:
            show = Show(screen, standin, Parrot(), LogTape(screen), pace_ms=1)
            await show.list_models({"standin.plain"})

    with pytest.raises(DemoFailed, match=r"lacks standin\.plain; it has \['Parrot'\]"):
        asyncio.run(listed())
