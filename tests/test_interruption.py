"""Signals: a job that keeps state saves it first, any other ends at once, and none looks done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from mocoda import interruption
from mocoda.checkpoints import Checkpoint
from mocoda.interruption import Interrupted, interruptible


@pytest.fixture(autouse=True)
def signals_are_heard() -> Iterator[None]:
    """Also where the tests were started by `nohup` or behind a shell's `&`, which ignore some."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in interruption.SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    """A signal to this process, and time for Python to notice it."""
    os.kill(os.getpid(), number)
    time.sleep(0.01)


def interrupted(work: Callable[[], None]) -> Interrupted:
    """Run as a job runs what a signal must end."""
    with pytest.raises(Interrupted) as caught, interruptible():
        work()
    return caught.value


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_job_without_state_ends_at_once(number: signal.Signals) -> None:
    reached: list[str] = []

    def work() -> None:
        send(number)
        reached.append("what comes after")

    end = interrupted(work)
    assert not reached
    assert end.code == 128 + number
    assert end.signal == number.name


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_job_with_state_goes_on_to_its_checkpoint_and_ends_after_it(
    number: signal.Signals, tmp_path: Path
) -> None:
    checkpoint = Checkpoint(tmp_path, seconds=3600)
    reached: list[str] = []

    def work() -> None:
        assert checkpoint.load() is None
        assert not checkpoint.due
        send(number)
        assert checkpoint.due
        reached.append("the checkpoint")
        checkpoint.save({"updates": torch.tensor(7)})
        reached.append("what comes after")

    interrupted(work)
    assert reached == ["the checkpoint"]
    saved = Checkpoint(tmp_path).load()
    assert saved is not None
    assert int(saved["updates"]) == 7


def test_the_same_signal_twice_still_waits_but_a_second_ctrl_c_does_not(tmp_path: Path) -> None:
    reached: list[str] = []

    def work() -> None:
        Checkpoint(tmp_path).load()
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        reached.append("twice")
        send(signal.SIGINT)
        reached.append("what comes after")

    assert interrupted(work).signal == "SIGTERM"
    assert reached == ["twice"]


def test_no_checkpoint_within_the_grace_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "GRACE_SECONDS", 0.05)
    reached: list[str] = []

    def work() -> None:
        Checkpoint(tmp_path).load()
        send(signal.SIGTERM)
        reached.append("the wait")
        time.sleep(10)
        reached.append("what comes after")

    interrupted(work)
    assert reached == ["the wait"]


def test_what_is_ignored_stays_ignored_and_handlers_come_back() -> None:
    """`nohup` has a process ignore SIGHUP."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        with interruptible():
            send(signal.SIGHUP)
            assert not interruption.requested()
            assert signal.getsignal(signal.SIGTERM) is not terminate
        assert signal.getsignal(signal.SIGTERM) is terminate
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_of_one_job_does_not_end_the_next(tmp_path: Path) -> None:
    interrupted(lambda: send(signal.SIGTERM))
    with interruptible():
        Checkpoint(tmp_path, seconds=0).save({"updates": torch.tensor(1)})
    assert not interruption.requested()
