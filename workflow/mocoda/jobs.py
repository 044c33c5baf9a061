"""How a stage runs as a job: its log, threads, errors, provenance and the state that it resumes.

Every script in `workflow/scripts` is one call of `run_job`.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mocoda.artifacts import short_hash, write_json
from mocoda.checkpoints import Checkpoint
from mocoda.errors import UserError
from mocoda.provenance import checksums_of, describe_run, verify_inputs

STATE_FOLDER = Path(".state")


@dataclass(frozen=True)
class Job:
    """One run of one stage: where its inputs and outputs are, and what it was asked to do."""

    stage: str
    inputs: Mapping[str, Any]  # a name -> a path, or a list of paths
    outputs: Mapping[str, str]
    wildcards: Mapping[str, str]
    settings: dict[str, Any]
    code: str
    threads: int
    state: Path

    @property
    def config_hash(self) -> str:
        """Names the settings of this stage."""
        return short_hash(self.settings)

    @property
    def seed(self) -> int:
        return int(self.wildcards["seed"])

    @property
    def names(self) -> tuple[str, ...]:
        """Domain, stage, then the other wildcards: what the job's random streams are named by.

        The scale is left out, so that scales differ only in their settings.
        """
        rest = [
            str(value)
            for key, value in sorted(self.wildcards.items())
            if key not in ("domain", "scale")
        ]
        return (self.wildcards["domain"], self.stage, *rest)

    def checkpoint(self) -> Checkpoint:
        """Where this job keeps the state it resumes from."""
        return Checkpoint(self.state)

    def log(self, text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def run_job(snakemake: Any, stage: Callable[[Job], None]) -> None:
    """Run a stage for Snakemake: output to the rule's log, provenance beside its artefacts.

    A `UserError` ends the job with its text alone; any other error with its traceback.
    """
    started = time.monotonic()
    inputs = {
        str(k): (str(v) if isinstance(v, str) else [str(p) for p in v])
        for k, v in snakemake.input.items()
    }
    settings = json.loads(snakemake.params.settings)
    checksums = checksums_of(inputs)
    code = str(snakemake.params.code)
    work = short_hash([dict(snakemake.wildcards.items()), checksums, settings, code])
    job = Job(
        stage=str(snakemake.rule),
        inputs=inputs,
        outputs={str(k): str(v) for k, v in snakemake.output.items()},
        wildcards={str(k): str(v) for k, v in snakemake.wildcards.items()},
        settings=settings,
        code=code,
        threads=int(snakemake.threads),
        state=STATE_FOLDER / f"{snakemake.rule}-{work}",
    )
    torch.set_num_threads(job.threads)
    with Path(str(snakemake.log[0])).open("a", buffering=1) as log:
        terminal = sys.stderr
        sys.stdout = sys.stderr = log
        try:
            job.log(f"{job.stage} {dict(job.wildcards)} with {job.threads} thread(s)")
            verify_inputs(checksums)
            # The provenance counts the time of killed runs too.
            earlier = job.checkpoint().earlier
            stage(job)
            job.log(f"done in {time.monotonic() - started:.1f} s")
            if "provenance" in job.outputs:
                description = describe_run(
                    stage=job.stage,
                    wildcards=job.wildcards,
                    settings=job.settings,
                    config_hash=job.config_hash,
                    code=job.code,
                    threads=job.threads,
                    inputs=checksums,
                    outputs=job.outputs,
                    started=started - earlier,
                )
                write_json(job.outputs["provenance"], description)
            job.checkpoint().remove()
        except UserError as error:
            print(f"Error: {error}", file=log)
            print(f"\n{job.stage}: {error}\n", file=terminal)
            sys.exit(1)
        except BaseException as error:
            traceback.print_exc(file=log)
            print(
                f"\n{job.stage}: {type(error).__name__}: {error} (log: {snakemake.log[0]})",
                file=terminal,
            )
            raise
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, terminal
