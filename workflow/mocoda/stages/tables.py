"""Stage 9: the table of all runs, in long form and readable, beside the published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mocoda.artifacts import atomic_path, read_json, short_hash
from mocoda.jobs import Job
from mocoda.tables import RunKey, read_runs, table3, tables_markdown


def lineage(file: Path, found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Settings hash and code version of each stage that a file comes from, by stage.

    Follows the provenance beside each artefact back to the empirical data. The oracle is left out:
    nothing is trained on it.
    """
    for record in sorted(file.parent.glob("*provenance.json")):
        facts = read_json(record)
        stage = facts["stage"]
        if file.name in facts["outputs"] and stage != "collect_oracle" and stage not in found:
            found[stage] = (facts["config_hash"], facts["code_version"])
            for source in facts["inputs"]:
                lineage(Path(source), found)
    return found


def with_provenance(card: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A run's card with its seconds (training and evaluation) and hashes of its whole chain."""
    training = read_json(folder / "provenance.json")
    evaluation = read_json(folder / "evaluation_provenance.json")
    chain = lineage(folder / "episodes.parquet", {})
    return {
        **card,
        "seconds": training["seconds"] + evaluation["seconds"],
        "config_hash": short_hash({stage: settings for stage, (settings, _) in chain.items()}),
        "code_version": short_hash({stage: code for stage, (_, code) in chain.items()}),
    }


def tables(job: Job) -> None:
    """Write `tables.csv`, `tables.md` and all episodes in one `episodes.parquet`.

    Raises UserError if a run of the table is missing, doubled or does not fit its neighbours.
    """
    runs = read_runs(job.inputs["episodes"])
    folders: dict[RunKey, Path] = {}
    for file in map(Path, job.inputs["episodes"]):
        row = pd.read_parquet(file, columns=["agent", "distribution", "dynamics", "seed"]).iloc[0]
        folders[RunKey(row["agent"], row["distribution"], row["dynamics"], int(row["seed"]))] = (
            file.parent
        )
    cards = {key: with_provenance(card, folders[key]) for key, card in runs.cards.items()}
    oracle = read_json(job.inputs["oracle_card"])
    cells = [
        (agent, column["distribution"], column["dynamics"])
        for agent in job.settings["agents"]
        for column in job.settings["columns"]
    ]
    frame = table3(
        runs.episodes,
        cards,
        job.wildcards["scale"],
        cells=cells,
        seeds=job.settings["seeds"],
        ceilings={"scripted oracle (two boxes)": (oracle["successes"], oracle["episodes"])},
    )
    notes = [
        "Policies: the final checkpoint of each run, never the best one.",
        *job.settings["notes"],
        "A seed is a whole chain: its own data, parents, dynamics and agent."
        if not job.settings["shared_data"]
        else "All seeds share the data, parents and dynamics of the first, as in the paper.",
    ]
    with atomic_path(job.outputs["csv"]) as path:
        frame.to_csv(path, index=False)
    with atomic_path(job.outputs["markdown"]) as path:
        path.write_text(tables_markdown(frame, notes))
    with atomic_path(job.outputs["episodes"]) as path:
        runs.episodes.to_parquet(path, index=False)
