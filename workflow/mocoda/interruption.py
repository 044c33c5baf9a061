"""Signals that ask a job to end: what a batch system, `kill`, Ctrl-C and a closed terminal send.

A job that keeps state first writes it (`mocoda.checkpoints`), any other ends at once; both end with
a status that is not 0, so the workflow manager knows that the job is not done.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Seconds for the next checkpoint after a signal (our choice): a block of updates takes a second or
# two, and SLURM waits 30 s (KillWait) before it kills.
GRACE_SECONDS = 20.0


class Interrupted(SystemExit):
    """A signal ended the job. No `Exception`, so that nothing takes it for a failure to handle."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number).name


class _Request:
    """What this process was asked to do; signals belong to a process, so there is one."""

    number: int | None = None
    can_wait = False


def requested() -> bool:
    """Whether a signal asked this process to end."""
    return _Request.number is not None


def wait_for_checkpoint() -> None:
    """From now on a signal lets the job go on to its next checkpoint (`end_if_requested`).

    `GRACE_SECONDS` without a checkpoint, or a second Ctrl-C, end it where it is.
    """
    _Request.can_wait = True


def end_if_requested() -> None:
    """Raise `Interrupted` if a signal asked this process to end."""
    if _Request.number is not None:
        raise Interrupted(_Request.number)


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn signals into `Interrupted` within the block; what is ignored stays so (nohup)."""
    _Request.number, _Request.can_wait = None, False

    def ask(number: int, frame: FrameType | None) -> None:
        again = _Request.number is not None
        if not again:
            _Request.number = number
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)
        # Batch systems may send the same signal to a job and to its parts: that is no impatience.
        if not _Request.can_wait or (again and number in (signal.SIGALRM, signal.SIGINT)):
            end_if_requested()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    earlier = {
        number: signal.signal(number, ask)
        for number in (*SIGNALS, signal.SIGALRM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        _Request.number, _Request.can_wait = None, False
