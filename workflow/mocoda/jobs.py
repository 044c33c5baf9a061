"""How a stage runs as a job: its log, threads, errors, provenance and the state that it resumes.

Every script in `workflow/scripts` is one call of `run_job`.
"""

from __future__ import annotations

import errno
import faulthandler
import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

from mocoda.artifacts import remove_partial, short_hash, unwritable, write_json
from mocoda.checkpoints import Checkpoint
from mocoda.errors import UserError
from mocoda.interruption import Interrupted, interruptible
from mocoda.provenance import checksums_of, describe_run, verify_inputs

STATE_FOLDER = Path(".state")
# What the system says when there is no room to write.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


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


def job_of(snakemake: Any, checksums: Mapping[str, str]) -> Job:
    """The job that Snakemake asks for; `checksums` of its inputs name its state."""
    wildcards = {str(k): str(v) for k, v in snakemake.wildcards.items()}
    settings = json.loads(snakemake.params.settings)
    code = str(snakemake.params.code)
    work = short_hash([wildcards, checksums, settings, code])
    return Job(
        stage=str(snakemake.rule),
        inputs=inputs_of(snakemake),
        outputs={str(k): str(v) for k, v in snakemake.output.items()},
        wildcards=wildcards,
        settings=settings,
        code=code,
        threads=int(snakemake.threads),
        state=STATE_FOLDER / f"{snakemake.rule}-{work}",
    )


def inputs_of(snakemake: Any) -> dict[str, Any]:
    """A name -> a path, or a list of paths."""
    return {
        str(k): (str(v) if isinstance(v, str) else [str(p) for p in v])
        for k, v in snakemake.input.items()
    }


def run_job(snakemake: Any, stage: Callable[[Job], None]) -> None:
    """Run a stage for Snakemake: output to the rule's log, provenance beside its artefacts.

    Whatever goes wrong ends the job with a status that is not 0 and one line on the terminal. A
    `UserError`, a full disk and a signal say what to do; any other error puts its traceback in the
    log, which the profile has Snakemake show.
    """
    name = str(snakemake.log[0])
    log = Path(name).open("a", buffering=1)  # noqa: SIM115 - closing it may fail, see below
    output, terminal = sys.stdout, sys.stderr
    unheard = not faulthandler.is_enabled()
    try:
        sys.stdout = sys.stderr = log
        if unheard:
            faulthandler.enable(log)  # a crash in a library leaves a traceback too
        with interruptible():
            perform(snakemake, stage)
    except Interrupted as signal:
        text = f"stopped by {signal.signal}. Run the same command again: it goes on from its "
        tell(f"\n{snakemake.rule}: {text}last checkpoint, if it keeps one.\n", terminal, log)
        raise
    except UserError as error:
        tell(f"\n{snakemake.rule}: {error}\n", terminal)
        tell(f"Error: {error}", log)
        sys.exit(1)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            told = str(unwritable(Path(str(error.filename or name)), error))
            tell(f"\n{snakemake.rule}: {told}\n", terminal)
            tell(f"Error: {told}", log)
            sys.exit(1)
        text = f"{snakemake.rule}: {type(error).__name__}: {error} (log: {name})"
        tell(f"\n{text}\n", terminal)
        tell(traceback.format_exc(), log)
        sys.exit(1)
    finally:
        if unheard:
            faulthandler.disable()
        sys.stdout, sys.stderr = output, terminal
        with suppress(OSError):  # a full disk has no room for the last lines
            log.close()


def tell(text: str, *files: TextIO) -> None:
    """Print to each of the files; one that cannot be written to keeps nobody from the others."""
    for file in files:
        with suppress(OSError):
            print(text, file=file, flush=True)


def perform(snakemake: Any, stage: Callable[[Job], None]) -> None:
    """Check the inputs, run the stage, write its provenance, forget its state."""
    started = time.monotonic()
    checksums = checksums_of(inputs_of(snakemake))
    job = job_of(snakemake, checksums)
    torch.set_num_threads(job.threads)
    job.log(f"{job.stage} {dict(job.wildcards)} with {job.threads} thread(s)")
    for path in job.outputs.values():
        remove_partial(path)
    # What the user logged is no artefact, whatever lies beside it.
    theirs = job.inputs.get("logged")
    verify_inputs({path: digest for path, digest in checksums.items() if path != theirs})
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
