"""The artefacts of a run as bytes that two runs of one configuration must share.

What may differ between two such runs is named here and nowhere else: how long a job took, how much
memory it used, how many cores it was given, and what repeats these figures.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from mocoda.artifacts import canonical_json

MEASURED = ("seconds", "peak_memory_mb", "threads")  # of a job, in its provenance
TIMED_TABLES = ("tables.csv", "tables.md")  # have a column of seconds, of minutes


def steady_provenance(facts: dict[str, Any]) -> dict[str, Any]:
    """Provenance without what was measured, and without checksums of files that repeat it."""
    kept = {name: value for name, value in facts.items() if name not in MEASURED}
    for part, timed in (("inputs", ("provenance.json", *TIMED_TABLES)), ("outputs", TIMED_TABLES)):
        kept[part] = {
            name: digest for name, digest in facts[part].items() if not name.endswith(timed)
        }
    return kept


def steady_bytes(file: Path) -> bytes:
    """What two runs of one configuration must share of a file."""
    if file.name.endswith("provenance.json"):
        return canonical_json(steady_provenance(json.loads(file.read_text()))).encode()
    if file.name == "tables.csv":
        return pd.read_csv(file, dtype=str).drop(columns="seconds").to_csv().encode()
    if file.name == "tables.md":
        text, times = re.subn(r"\| [\d.,]+ \|$", "|", file.read_text(), flags=re.MULTILINE)
        assert times, f"{file} has no column of minutes"
        return text.encode()
    return file.read_bytes()


def artefacts(folder: Path) -> dict[str, str]:
    """sha256 of the steady bytes of all that a run of the tiny scale wrote, by path."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(steady_bytes(file)).hexdigest()
        for top in ("data", "results")
        for file in sorted((folder / top / "hooksweep2" / "tiny").rglob("*"))
        if file.is_file() and not file.name.startswith(".")
    }


def differences(first: Path, second: Path) -> list[str]:
    """Artefacts of two runs that differ, or that one of them lacks."""
    here, there = artefacts(first), artefacts(second)
    return sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
