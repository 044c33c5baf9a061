"""Run the workflow through a real SLURM of one node, and kill a training job by its time limit.

    python tests/slurm/run.py

Installs Debian's SLURM where root may, starts it, runs the smoke scale with `profiles/slurm` in a
folder of its own, sees the killed job resubmitted with more time and going on from its checkpoint,
runs one job with `profiles/cluster`, and stops everything. Ends with 0 and says "skipped" where it
lacks root or the packages, or the machine has a SLURM of its own; with 1 and a reason if it fails.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

import yaml
from one_node import SkippedError, install, one_node, output, refuse_existing

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGINS = ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_cluster_generic")
TARGETS = (
    "results/hooksweep2/smoke/tables.csv",
    "results/hooksweep2/smoke/agents/td3_bc/mocoda_p/locally_factored/seed_0/curve.csv",
)
LIMIT_SECONDS = 900.0


def main() -> int:
    """The exit code."""
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    started = time.monotonic()
    try:
        missing = [name for name in PLUGINS if importlib.util.find_spec(name) is None]
        if missing:
            raise SkippedError(f"{', '.join(missing)} missing: pip install -e '.[cluster]'")
        if os.geteuid() == 0:
            refuse_existing()
        install()
        with tempfile.TemporaryDirectory(prefix="mocoda-slurm-") as name:
            folder = Path(name)
            run = Run(folder)
            with one_node(folder):
                print(f"SLURM is up after {time.monotonic() - started:.0f} s", flush=True)
                run.smoke()
                run.generic()
    except SkippedError as reason:
        print(f"skipped: {reason}")
        return 0
    except RuntimeError as reason:
        print(f"failed after {time.monotonic() - started:.0f} s: {reason}", file=sys.stderr)
        return 1
    print(f"passed in {time.monotonic() - started:.0f} s")
    return 0


def interrupted(number: int, frame: FrameType | None) -> None:
    """Turn a signal into an exception, so that the daemons are stopped."""
    raise SystemExit(128 + number)


class Run:
    """The workflow in a copy of the checkout, which stays as it is while others edit theirs."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.work = folder / "work"
        self.work.mkdir()
        for name in ("Snakefile", "config.yaml"):
            self.checkout.mkdir(exist_ok=True)
            shutil.copy(CHECKOUT / name, self.checkout / name)
        for name in ("rules", "workflow", "profiles", "envs"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CHECKOUT / name, self.checkout / name, ignore=ignored)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(self.checkout / "workflow"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.environment.pop("SLURM_CONF", None)

    def start(self, profile: str, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake with a profile as it is, but for how long it waits and looks."""
        command = [sys.executable, "-m", "snakemake", "--profile", f"profiles/{profile}"]
        command += ["--directory", str(self.work), "--latency-wait", "5"]
        command += ["--seconds-between-status-checks", "3"]
        command += ["--configfile", str(Path(__file__).with_name("workload.yaml"))]
        log = (self.work.parent / f"{profile}.log").open("w")
        return subprocess.Popen(
            [*command, *arguments],
            cwd=self.checkout,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, snakemake: subprocess.Popen[str], profile: str) -> None:
        """Wait for Snakemake; raises RuntimeError with the end of its output if it fails."""
        if snakemake.wait(timeout=LIMIT_SECONDS) != 0:
            end = (self.work.parent / f"{profile}.log").read_text()[-4000:]
            raise RuntimeError(f"Snakemake failed with {profile}:\n{end}")

    def smoke(self) -> None:
        """All stages; the slow agent is killed by its time limit and saves its state before."""
        started = time.monotonic()
        # This SLURM keeps no accounts, so `sacct` knows nothing.
        options = ["--slurm-status-command", "squeue"]
        options += ["--slurm-init-seconds-before-status-checks", "3"]
        snakemake = self.start("slurm", *options, *TARGETS)
        try:
            killed = self.cut_short(snakemake)
            self.finish(snakemake, "slurm")
        finally:
            end(snakemake)
        jobs = submissions()
        for job in jobs:
            print("  " + "  ".join(job.values()))
        for job in jobs:
            check_request(job, self.checkout)
        states = {job["id"]: job["state"] for job in jobs}
        expect(states[killed] == "TIMEOUT", f"job {killed} should have been killed by its limit")
        later = [job for job in jobs if is_slow(job) and int(job["id"]) > int(killed)]
        expect(len(later) == 1, "the killed job should have been submitted again, once")
        expect(later[0]["limit"] == "2-00:00:00", "the second try should have twice the time")
        for target in TARGETS:
            expect((self.work / target).is_file(), f"{target} is missing")
        logs = list(self.work.glob("logs/hooksweep2/smoke/train_offline_agent/bcq/**/seed_0.log"))
        expect(len(logs) == 1, "the slow job's log is missing")
        lines = logs[0].read_text().splitlines()
        resumed = [line for line in lines if "going on from update" in line]
        print("\n".join(f"  {line[:110]}" for line in [*lines[:4], "…", *lines[-2:]]))
        expect(len(resumed) == 1, "the second try did not go on from a checkpoint")
        update = re.search(r"from update (\d+) of", resumed[0])
        expect(update is not None and int(update[1]) > 0, "it began at update 0")
        left = list((self.work / ".state").iterdir())
        expect(not left, f"training state was left behind: {left}")
        seconds = time.monotonic() - started
        print(f"profiles/slurm: {len(jobs)} submissions in {seconds:.0f} s", flush=True)

    def cut_short(self, snakemake: subprocess.Popen[str]) -> str:
        """End the slow job's time while it trains; its identifier.

        SLURM looks every 30 s, and sends SIGTERM to a job over its time, KillWait before SIGKILL.
        """
        end_at = time.monotonic() + LIMIT_SECONDS
        log = "logs/hooksweep2/smoke/train_offline_agent/bcq/**/seed_0.log"
        while snakemake.poll() is None and time.monotonic() < end_at:
            begun = any("transitions" in file.read_text() for file in self.work.glob(log))
            running = [j for j in submissions() if is_slow(j) and j["state"] == "RUNNING"]
            if begun and running:
                identifier = running[0]["id"]
                expect(running[0]["limit"] == "1-00:00:00", f"time of {running[0]}")
                time.sleep(3)  # from the data to the first updates
                output("scontrol", "update", f"JobId={identifier}", "EndTime=now")
                print(f"job {identifier} is training; its time is over", flush=True)
                return identifier
            time.sleep(1)
        text = (self.work.parent / "slurm.log").read_text()[-4000:]
        raise RuntimeError(f"the slow job ended before its time could be cut:\n{text}")

    def generic(self) -> None:
        """One job through profiles/cluster."""
        started = time.monotonic()
        before = len(submissions())
        target = "data/hooksweep2/smoke/oracle/card.json"
        snakemake = self.start("cluster", "--forcerun", "collect_oracle", "--", target)
        try:
            self.finish(snakemake, "cluster")
        finally:
            end(snakemake)
        jobs = submissions()[before:]
        expect(len(jobs) == 1 and jobs[0]["state"] == "COMPLETED", f"one job expected: {jobs}")
        expect((jobs[0]["limit"], jobs[0]["memory"]) == ("15:00", "2000M"), f"request: {jobs[0]}")
        print(f"profiles/cluster: 1 submission in {time.monotonic() - started:.0f} s", flush=True)


def end(snakemake: subprocess.Popen[str]) -> None:
    """End Snakemake if it still runs."""
    if snakemake.poll() is None:
        snakemake.terminate()
        try:
            snakemake.wait(timeout=20)
        except subprocess.TimeoutExpired:
            snakemake.kill()


def submissions() -> list[dict[str, str]]:
    """All jobs that SLURM knows, oldest first; the comment names rule and wildcards."""
    columns = {"id": "%i", "state": "%T", "limit": "%l", "memory": "%m", "cpus": "%C"}
    columns |= {"elapsed": "%M", "comment": "%k"}
    text = output("squeue", "-h", "--states=all", "--sort=i", "-o", "|".join(columns.values()))
    return [dict(zip(columns, line.split("|"), strict=True)) for line in text.splitlines()]


def is_slow(job: dict[str, str]) -> bool:
    """Whether a submission is the agent that is killed."""
    return "train_offline_agent" in job["comment"] and "bcq" in job["comment"]


def check_request(job: dict[str, str], checkout: Path) -> None:
    """Each stage asked for the memory and cores of its rule, and for the profile's time."""
    stages = yaml.safe_load((checkout / "profiles/slurm/config.yaml").read_text())["set-resources"]
    stage = next((n for n in stages if job["comment"].startswith(f"rule_{n}_wildcards")), None)
    expect(stage is not None, f"no stage of the profile: {job}")
    rules = "\n".join(path.read_text() for path in (checkout / "rules").glob("*.smk"))
    rule = rules[rules.index(f"rule {stage}:") :]
    memory, threads, minutes = (
        re.search(pattern, rule)[1]  # type: ignore[index]
        for pattern in (r"mem_mb=(\d+)", r"threads: (\d+)", r"runtime=(\d+)")
    )
    expect(job["memory"] == f"{memory}M", f"memory of {job}: expected {memory}M")
    expect(job["cpus"] == threads, f"cores of {job}: expected {threads}")
    if not is_slow(job):
        days, hours = divmod(int(minutes) // 60, 24)
        clock = f"{hours}:{int(minutes) % 60:02d}:00" if hours else f"{minutes}:00"
        clock = f"{days}-{hours:02d}:00:00" if days else clock
        expect(job["limit"] == clock, f"time of {job}: expected {clock}")


def expect(holds: bool, otherwise: str) -> None:
    """Raise RuntimeError with what is wrong, unless it holds."""
    if not holds:
        raise RuntimeError(otherwise)


if __name__ == "__main__":
    sys.exit(main())
