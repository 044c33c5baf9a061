"""A job as Snakemake asks for it, without Snakemake."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace


def asked(folder: Path, *outputs: str, log: Path | None = None) -> SimpleNamespace:
    """What a script finds as `snakemake`: a stage `work` with these outputs in `folder`."""
    return SimpleNamespace(
        rule="work",
        input={},
        output={name.split(".")[0]: str(folder / name) for name in outputs},
        params=SimpleNamespace(settings='{"updates": 3}', code="0123456789ab"),
        wildcards={"domain": "hooksweep2", "scale": "tiny", "seed": "0"},
        threads=1,
        log=[str(log or folder / "work.log")],
    )
