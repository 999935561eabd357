"""What the pages tell people to type is understood by the programs it is for."""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli import COMMANDS
from bridge.config.setting_groups import TimingSettings
from bridge.demo.scenes import SCENES
from bridge.owui.error_templates import check, render
from bridge.owui.error_values import PLACEHOLDERS
from bridge.owui.log_timing import TimingLog
from bridge.standin.catalog import OBJECTION_MODEL_PREFIX, STANDIN_AUTHOR, is_known_model
from bridge.standin.plan import wish_of_model
from bridge.standin.wishes import parse_plan, parse_spec
from tests.tidy.house import ROOT
from tests.tidy.pages import PAGES, blocks, code_words

ALL_TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
PROGRAMS = blocks(ALL_TEXT, "python")
SHELL = "\n".join(blocks(ALL_TEXT, "sh"))
TIMEOUT_S = 30.0


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_every_program_in_the_pages_runs(program: str) -> None:
    environment = os.environ | {"PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()


def commands() -> list[list[str]]:
    """Every line that begins with our own command, in blocks and in the text."""
    lines = [*SHELL.splitlines(), *code_words(ALL_TEXT)]
    ours = [line for line in lines if line.startswith("greenroom ")]
    # A line of the log begins with the same word.
    return [shlex.split(line, comments=True)[1:] for line in ours if ":" not in line]


def test_every_command_in_the_pages_is_understood() -> None:
    known = {command.name: command for command in COMMANDS}
    found = commands()
    assert {words[0] for words in found} >= {"demo", "sim", "standin", "pipe"}
    for name, *words in found:
        parser = argparse.ArgumentParser()
        known[name].add_arguments(parser)
        parser.parse_args(words)


def test_every_address_and_plan_for_the_stand_in_is_understood() -> None:
    specs = re.findall(r"/s/(\S+?)/api/v1", SHELL)
    plans = re.findall(r"/_control -d '(.+)'", SHELL)
    assert specs
    assert plans
    for spec in specs:
        assert parse_spec(spec).fault is not None
    for plan in plans:
        assert len(parse_plan(plan.encode())) == len(json.loads(plan))


def test_every_model_of_the_stand_in_that_is_named_plays_something() -> None:
    named = set(re.findall(rf"\b{STANDIN_AUTHOR}/[a-z][a-z-]*", ALL_TEXT))
    assert any(OBJECTION_MODEL_PREFIX in name for name in named)
    assert [name for name in named if not (is_known_model(name) or wish_of_model(name))] == []


def test_the_example_of_an_error_text_is_one_that_can_be_shown() -> None:
    (template,) = blocks(ALL_TEXT, "text")
    assert check(template, PLACEHOLDERS) == ""
    told = PLACEHOLDERS | {"heading": "It failed.", "advice": "Wait.", "error_id": "0123"}
    assert render(template, told) == "**It failed.**\n\nWait."


class Watch:
    """A clock that stands."""

    def now_s(self) -> float:
        return 812.404113

    def wall_s(self) -> float:
        return 1.0


def test_the_example_of_the_timing_log_is_a_line_of_it(tmp_path: Path) -> None:
    file = tmp_path / "timing.jsonl"
    timing = TimingLog(Watch())
    timing.configure(TimingSettings(is_enabled=True, path=str(file)))
    with timing.span("receive", "974aa86476f36b8e"):
        pass
    assert timing.close()
    written = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    (shown,) = (json.loads(block) for block in blocks(ALL_TEXT, "json"))
    assert list(written) == list(shown)
    assert written | {"ts": shown["ts"]} == shown


def test_the_picture_of_the_demo_shows_scenes_that_there_are() -> None:
    picture = (ROOT / "docs" / "images" / "demo.svg").read_text(encoding="utf-8")
    shown = re.findall(r'class="b"[^>]*>(\d+/\d+)  ([^<]+)<', picture)
    scenes = [(f"{number}/{len(SCENES)}", each.title) for number, each in enumerate(SCENES, 1)]
    assert shown
    assert [scene for scene in shown if scene not in scenes] == [], (
        "draw it anew: python docs/demo_picture.py > docs/images/demo.svg"
    )
