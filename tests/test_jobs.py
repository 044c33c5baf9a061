"""A job's log and what the terminal shows of it: output, rate, time left, metrics, traceback."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from job_examples import asked
from spine_examples import REPOSITORY
from workflow_examples import RUN, snakemake

from mocoda.errors import UserError
from mocoda.interruption import Interrupted
from mocoda.jobs import Job, run_job

AGENT_LOG = "logs/hooksweep2/tiny/train_offline_agent/td3_bc/mocoda/locally_factored/seed_0.log"


def test_a_log_tells_rate_time_left_and_the_last_metrics(finished: Path) -> None:
    for log in ("train_dynamics/locally_factored/seed_0.log", AGENT_LOG.split("/tiny/")[1]):
        text = (finished / "logs/hooksweep2/tiny" / log).read_text()
        assert re.search(r"update (\d+)/\1, \d+/s, 0 s left: \w+ -?[\d.e+-]+, \w+ ", text), text
        assert re.search(r"done in [\d.]+ s$", text.strip())


def broken(job: Job) -> None:
    print("what it printed")
    raise RuntimeError("planted")


def refusing(job: Job) -> None:
    raise UserError("file", expected="one thing", found="another", remedy="Do this")


def stopped(job: Job) -> None:
    raise Interrupted(15)


def test_a_traceback_is_in_the_log_and_its_last_line_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        run_job(asked(tmp_path), broken)
    assert caught.value.code == 1
    log = (tmp_path / "work.log").read_text()
    assert "what it printed" in log
    assert "Traceback (most recent call last)" in log
    assert log.rstrip().endswith("RuntimeError: planted")
    told = capsys.readouterr()
    assert told.out == ""
    assert f"work: RuntimeError: planted (log: {tmp_path / 'work.log'})" in told.err
    assert "Traceback" not in told.err


def test_what_a_user_can_mend_has_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        run_job(asked(tmp_path), refusing)
    assert caught.value.code == 1
    text = "file: expected one thing; found another. Do this"
    assert f"Error: {text}" in (tmp_path / "work.log").read_text()
    assert f"work: {text}" in capsys.readouterr().err
    assert "Traceback" not in (tmp_path / "work.log").read_text()


def test_a_job_that_was_stopped_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        run_job(asked(tmp_path), stopped)
    assert caught.value.code == 128 + 15
    text = "work: stopped by SIGTERM. Run the same command again"
    assert text in (tmp_path / "work.log").read_text()
    assert text in capsys.readouterr().err


def test_a_crash_of_a_library_leaves_a_traceback_in_the_log(tmp_path: Path) -> None:
    script = (
        "import faulthandler, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from job_examples import asked\n"
        "from mocoda.jobs import run_job\n"
        "run_job(asked(Path('.')), lambda job: faulthandler._sigsegv())\n"
    )
    command = [sys.executable, "-c", script, str(REPOSITORY / "tests")]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode < 0
    log = (tmp_path / "work.log").read_text()
    assert "Fatal Python error: Segmentation fault" in log
    assert "in perform" in log


def test_what_a_killed_run_left_of_an_output_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    left = tmp_path / ".card.json.0123abcd.partial"
    other = tmp_path / ".other.json.0123abcd.partial"
    for file in (left, other):
        file.write_text("cut short")
    run_job(asked(tmp_path, "card.json"), lambda job: None)
    assert not left.exists()
    assert other.exists()


def test_the_terminal_shows_the_failing_rule_and_the_end_of_its_log(
    own: Path, tmp_path: Path
) -> None:
    """By the profile that is shipped."""
    package = tmp_path / "edited" / "mocoda"
    shutil.copytree(own / "package" / "mocoda", package)
    stage = package / "stages" / "agent_training.py"
    text = stage.read_text()
    line = '    domain = DOMAINS[job.wildcards["domain"]]\n'
    assert line in text
    stage.write_text(text.replace(line, f'    raise RuntimeError("planted")\n{line}', 1))
    profile = ("--workflow-profile", str(REPOSITORY / "profiles/default"))
    policy = str(RUN / "policy.safetensors")
    run = snakemake(own, *profile, target=policy, package=package)
    assert run.returncode != 0
    told = run.stdout + run.stderr
    assert f"train_offline_agent: RuntimeError: planted (log: {AGENT_LOG})" in told
    assert "Error in rule train_offline_agent" in told
    after = told.split("Error in rule train_offline_agent")[1]
    assert "Traceback (most recent call last)" in after
    assert "RuntimeError: planted" in after
    assert told.count("RuntimeError: planted") == 2  # the line, and the log
    assert not (own / policy).exists()
