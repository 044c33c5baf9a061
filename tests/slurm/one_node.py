"""A SLURM of one node on this machine, for as long as a `with` block lasts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
# Snakemake's plugin drops SLURM_CONF for its job steps, so the file must be where SLURM looks.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
TEMPLATE = Path(__file__).with_name("slurm.conf")
MARK = TEMPLATE.read_text().splitlines()[0]


class SkippedError(Exception):
    """This machine cannot run the test, or has a SLURM of its own, which must not be touched."""


def output(*command: str) -> str:
    """What a command prints; raises CalledProcessError if it fails."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_for(what: str, ready: Callable[[], bool], seconds: float) -> None:
    """Poll until `ready`; raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.5)


def refuse_existing() -> None:
    """Raise SkippedError where a SLURM runs or is configured that this test did not make."""
    for daemon in ("slurmctld", "slurmd"):
        found = subprocess.run(["pidof", daemon], capture_output=True, text=True).stdout.split()
        if found:
            raise SkippedError(
                f"{daemon} runs already (process {found[0]}). This test starts a SLURM of its own "
                "and leaves others alone: run it on another machine or in a container."
            )
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(MARK):
        raise SkippedError(
            f"{CONFIGURATION} exists: this machine belongs to a SLURM. Run the test on another "
            "machine or in a container."
        )


def install() -> None:
    """Install Debian's packages where they are missing; raises SkippedError where that fails."""
    if os.geteuid() != 0:
        raise SkippedError("it needs root, to install and start SLURM")
    if all(shutil.which(name) for name in ("slurmctld", "slurmd", "squeue", "munged")):
        return
    if shutil.which("apt-get") is None:
        raise SkippedError("it needs SLURM, or a Debian to install it on")
    # RUNLEVEL keeps the packages' own scripts from starting daemons.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *PACKAGES]
    for attempt in ("known", "updated"):
        if attempt == "updated":
            subprocess.run(["apt-get", "update", "--quiet"], env=environment, capture_output=True)
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            return
    raise SkippedError(f"apt-get could not install {', '.join(PACKAGES)}: {done.stderr[-300:]}")


@contextmanager
def one_node(folder: Path) -> Iterator[None]:
    """Run munged, slurmctld and slurmd with all their files in `folder`; stop them at the end."""
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    munge = folder / "munge"
    key = munge / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    CONFIGURATION.parent.mkdir(exist_ok=True)
    CONFIGURATION.write_text(
        TEMPLATE.read_text().format(
            host=socket.gethostname().split(".")[0],
            folder=folder,
            cpus=max(2, os.cpu_count() or 2),
        )
    )
    daemons: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            command = [shutil.which(name) or f"/usr/sbin/{name}", *arguments]
            # A session of its own: Ctrl-C must not stop a daemon before its jobs.
            daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            daemons.append(daemon)

    try:
        start(
            "munged",
            "--foreground",
            "--force",
            f"--socket={munge}/munge.socket",
            f"--key-file={key}",
            f"--pid-file={munge}/munged.pid",
            f"--log-file={munge}/munged.log",
            f"--seed-file={munge}/munged.seed",
        )
        wait_for("munged", (munge / "munge.socket").exists, 20)
        start("slurmctld", "-D", "-c")
        start("slurmd", "-D")
        wait_for("an idle node", node_is_idle, 60)
        yield
    except TimeoutError as error:
        logs = "\n".join((folder / f"{d}.log").read_text()[-1500:] for d in ("slurmctld", "slurmd"))
        raise RuntimeError(f"{error}\n{logs}") from error
    finally:
        stop(daemons)
        CONFIGURATION.unlink(missing_ok=True)


def node_is_idle() -> bool:
    """Whether SLURM answers and its node takes jobs."""
    found = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
    return found.stdout.strip() == "idle"


def stop(daemons: list[subprocess.Popen[bytes]]) -> None:
    """Cancel all jobs, then end the daemons, the last started first."""
    quiet = {"capture_output": True, "text": True, "timeout": 20}
    try:
        subprocess.run(["scancel", "--user=root"], **quiet)  # type: ignore[call-overload]
        wait_for("the jobs to end", lambda: not output("squeue", "-h"), 30)
    except (OSError, subprocess.SubprocessError, TimeoutError) as error:
        print(f"jobs may be left: {error}")
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(timeout=15)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
