"""`greenroom sim` as a person types it: figures, verdict, files, exit status."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path

import pytest

from bridge.chaos.campaign import Campaign, first_failure
from bridge.chaos.report import campaign_text, failure_lines, verdict_text
from bridge.chaos.runner import Stage, choices_of
from bridge.chaos.sometimes import never_met, required
from bridge.cli import main
from tests.chaos.planted import DEFECTS


def test_a_campaign_tells_its_figures_and_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert main(["sim", "--seeds", "4", "--jobs", "1", "--json", str(file)]) == 0
    told = capsys.readouterr().out
    assert "seeds       4 (0 to 3)" in told
    assert "steps/s" in told
    assert "PASS" in told
    figures = json.loads(file.read_bytes())
    assert figures["verdict"] == "pass"
    assert figures["campaign"]["seeds"] == 4
    assert figures["campaign"]["fired"]


def test_one_seed_tells_its_digest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seed", "7"]) == 0
    assert Stage().run(choices_of(7))[1].digest in capsys.readouterr().out


def test_a_replay_file_is_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, verdict = Stage().run(choices_of(3))
    file = tmp_path / "seed-3.json"
    file.write_text(run.replay(version="test").to_json(), encoding="utf-8")
    assert main(["sim", "--replay", str(file)]) == 0
    assert verdict.digest in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "Cannot read"), ("{}", "is no replay file")]
)
def test_a_replay_file_that_is_none_is_refused(
    content: str | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "replay.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert main(["sim", "--replay", str(file)]) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", [["--shrink", "small.json"], ["--seed", "7", "--shrink", "small.json"]]
)
def test_only_a_failing_seed_can_be_shrunk(
    line: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Should one be written after all, then not where the tests are started.
    with chdir(tmp_path):
        assert main(["sim", *line]) == 2
    assert capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_no_run_at_all_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["sim", "--seeds", "0"])
    assert left.value.code == 2
    assert "1 or more" in capsys.readouterr().err


def test_a_failure_names_its_seed_its_promise_and_how_to_replay_it() -> None:
    verdict = first_failure(range(10), DEFECTS[1].parts)
    assert verdict is not None
    told = "\n".join(failure_lines(verdict))
    assert f"FAIL seed {verdict.seed}" in told
    assert f"make sim SEED={verdict.seed}" in told
    assert f"greenroom sim --seed {verdict.seed} --shrink" in told
    assert "promised: 9: once the faults stop, everything works again" in told
    assert all(line in verdict_text(verdict) for line in verdict.story)


def test_a_campaign_that_met_too_little_fails() -> None:
    campaign = Campaign(
        first_seed=0,
        seeds=500,
        jobs=1,
        visits=1,
        steps=1,
        simulated_s=1.0,
        failed=0,
        failures=(),
        missing=never_met(dict.fromkeys(required() - {"breaker opened: tool"}, 1)),
        fired={},
        messages={},
    )
    assert campaign.missing == ("breaker opened: tool",)
    assert not campaign.is_pass
    assert "never met" in campaign_text(campaign, 1.0)
