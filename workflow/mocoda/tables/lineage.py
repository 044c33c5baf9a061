"""What a table's rows come from: hashes of the settings and the code of a file's whole chain, read
from the provenance beside each artefact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mocoda.artifacts import checksum, read_json, short_hash
from mocoda.errors import UserError
from mocoda.provenance import outputs_in

HERE = Path()  # paths in provenance files are relative to the project's folder


def lineage(
    file: Path, found: dict[str, tuple[str, str]], root: Path = HERE
) -> dict[str, tuple[str, str]]:
    """Settings hash and code version of each job that a file comes from, by stage and variants.

    Follows the provenance beside each artefact back to the empirical data. The oracle is left out:
    nothing is trained on it. Domain, scale and seed are no part of a job's name, so that the seeds
    of a cell, which are made alike, have the same hashes. root : the project's folder, which the
    paths in the provenance start from.

    Raises UserError for a source that is gone, `OutdatedError` for one that was made anew since.
    """
    for record in sorted(file.parent.glob("*provenance.json")):
        facts = read_json(record)
        variants = [
            str(value)
            for key, value in sorted(facts["wildcards"].items())
            if key not in ("domain", "scale", "seed")
        ]
        stage = facts["stage"]
        job = "/".join([stage, *variants])
        if file.name in facts["outputs"] and stage != "collect_oracle" and job not in found:
            found[job] = (settings_hash(facts), facts["code_version"])
            for source, digest in facts["inputs"].items():
                check_source(file, root / source, digest)
                lineage(root / source, found, root)
    return found


class OutdatedError(UserError):
    """A file was made of another version of a source than the one that is there now."""


def check_source(file: Path, source: Path, digest: str) -> None:
    """Refuse a source that is gone, or that was made anew since `file` was made of it: what it is
    now says nothing of `file`."""
    written = {
        name: of_file
        for record in sorted(source.parent.glob("*provenance.json"))
        for name, of_file in outputs_in(record).items()
    }
    # No stage made it: it is taken as it is.
    if source.name not in written and source.is_file():
        written[source.name] = checksum(source)
    if source.name not in written:
        raise UserError(
            source,
            expected=f"what {file} was made of, whose settings the table needs",
            found="no such file",
            remedy="Bring it back, or join the folder that join_runs wrote while it was there.",
        )
    if written[source.name] != digest:
        raise OutdatedError(
            source,
            expected=f"what {file} was made of (sha256 {digest[:12]}…)",
            found=f"another one, made since (sha256 {written[source.name][:12]}…)",
            remedy=f"Run the workflow for {file} again.",
        )


def settings_hash(facts: dict[str, Any]) -> str:
    """The hash of a job's settings, without which runs it trained side by side."""
    settings = facts.get("settings", {})
    if "runs" in settings:
        return short_hash({key: value for key, value in settings.items() if key != "runs"})
    return str(facts["config_hash"])


def chain_hashes(file: Path, root: Path = HERE) -> dict[str, str]:
    """One hash of the settings and one of the code of every stage that a file comes from."""
    chain = lineage(file, {}, root)
    return {
        "config_hash": short_hash({job: settings for job, (settings, _) in chain.items()}),
        "code_version": short_hash({job: code for job, (_, code) in chain.items()}),
    }


def with_provenance(card: dict[str, Any], folder: Path, root: Path = HERE) -> dict[str, Any]:
    """A run's card with its seconds (training and evaluation) and hashes of its whole chain."""
    training = read_json(folder / "provenance.json")
    evaluation = read_json(folder / "evaluation_provenance.json")
    # Of a job that trained several runs, this run's share.
    shared = card.get("side_by_side_seconds", 0.0)
    return {
        **card,
        "seconds": shared + training["seconds"] + evaluation["seconds"],
        **chain_hashes(folder / "episodes.parquet", root),
    }


def model_facts(errors: pd.DataFrame, root: Path = HERE) -> dict[tuple[str, int], dict[str, Any]]:
    """Seconds (training and measuring) and hashes of the whole chain, by (dynamics, seed)."""
    found = {}
    models = errors[["dynamics", "seed", "file"]].drop_duplicates()
    for dynamics, seed, file in models.itertuples(index=False):
        measuring = read_json(Path(file).with_name("provenance.json"))
        seconds = measuring["seconds"]
        # The model itself, not those whose rollouts it was measured on.
        for source in (root / path for path in measuring["inputs"]):
            if source.name == "dynamics.safetensors":
                seconds += read_json(source.with_name("provenance.json"))["seconds"]
        found[str(dynamics), int(seed)] = {"seconds": seconds, **chain_hashes(Path(file), root)}
    return found
