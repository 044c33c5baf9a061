"""What made an artefact, written beside it; and the check of an input against what was written."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from mocoda.artifacts import checksum, read_json
from mocoda.errors import UserError

PACKAGES = ("mocoda", "numpy", "torch", "mujoco", "gymnasium", "zarr", "snakemake")


def files_of(paths: Mapping[str, Any]) -> list[Path]:
    """All paths that are files, in a fixed order; a value is a path or a list of paths."""
    found = []
    for _, value in sorted(paths.items()):
        found += [Path(p) for p in ([value] if isinstance(value, str) else list(value))]
    return [path for path in found if path.is_file()]


def checksums_of(paths: Mapping[str, Any]) -> dict[str, str]:
    """sha256 by path, of those that are files (a store is covered by its manifest)."""
    return {str(path): checksum(path) for path in files_of(paths)}


def verify_inputs(checksums: Mapping[str, str]) -> None:
    """Compare inputs with the checksums that their makers wrote beside them.

    Raises UserError that names the first file that is not what its stage wrote. A file without a
    provenance file beside it is taken as it is.
    """
    written: dict[Path, dict[str, str]] = {}
    for path, found in checksums.items():
        folder = Path(path).parent
        if folder not in written:
            written[folder] = {
                name: digest
                for file in sorted(folder.glob("*provenance.json"))
                for name, digest in outputs_in(file).items()
            }
        digest = written[folder].get(Path(path).name, found)
        if digest != found:
            raise UserError(
                path,
                expected=f"the contents that its stage wrote (sha256 {digest[:12]}…)",
                found=f"other contents (sha256 {found[:12]}…)",
                remedy="Delete it and run the same command again: its stage is run anew.",
            )


def outputs_in(file: Path) -> dict[str, str]:
    """Checksums by file name in a provenance file; raises UserError if it is damaged."""
    facts = read_json(file)
    outputs = facts.get("outputs", {}) if isinstance(facts, dict) else None
    if not isinstance(outputs, dict) or not all(isinstance(v, str) for v in outputs.values()):
        raise UserError(
            file,
            expected="the provenance that a stage wrote, with checksums of its outputs",
            found=f"{str(facts)[:60]}",
            remedy="Delete it and run the same command again: its stage is run anew.",
        )
    return dict(outputs)


def describe_run(
    *,
    stage: str,
    wildcards: Mapping[str, str],
    settings: Mapping[str, Any],
    config_hash: str,
    code: str,
    threads: int,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    started: float,
) -> dict[str, Any]:
    """Settings, inputs, outputs, code, packages, device, time (seconds) and peak memory (MB).

    inputs : checksums by path. outputs : name -> path; listed by file name, since a run's folder
    may be moved as a whole.
    """
    written = {
        Path(path).name: digest
        for path, digest in checksums_of(
            {name: path for name, path in outputs.items() if name != "provenance"}
        ).items()
    }
    return {
        "stage": stage,
        "wildcards": dict(wildcards),
        "settings": dict(settings),
        "config_hash": config_hash,
        "code_version": code,
        "inputs": dict(inputs),
        "outputs": written,
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "device": device_of(settings),
        "threads": threads,
        "seconds": round(time.monotonic() - started, 2),
        "peak_memory_mb": round(peak_memory() / 2**20, 1),
    }


def device_of(settings: Mapping[str, Any]) -> str:
    """What a job with these settings computed on."""
    training = settings.get("training")
    if isinstance(training, Mapping) and training.get("device") == "cuda":
        return f"cuda ({torch.cuda.get_device_name()})"
    return f"cpu ({platform.machine()})"


def peak_memory() -> int:
    """The most bytes that this process had in memory so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most  # kilobytes elsewhere
