"""Stage 9: the table of all runs, in long form and readable, beside the published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mocoda.artifacts import atomic_path, read_json
from mocoda.jobs import Job
from mocoda.tables import (
    RunKey,
    Runs,
    read_model_errors,
    read_runs,
    table_of_agents,
    table_of_model_errors,
    tables_markdown,
)
from mocoda.tables.lineage import model_facts, with_provenance
from mocoda.tables.markdown import agent_notes, measured_note


def agents_of(job: Job, runs: Runs, cards: dict[RunKey, dict[str, Any]]) -> pd.DataFrame:
    """The table of agents: all cells and seeds of the settings, and the scripted oracle."""
    return table_of_agents(
        runs.episodes,
        cards,
        job.wildcards["scale"],
        cells=[
            (agent, column["distribution"], column["dynamics"])
            for agent in job.settings["agents"]
            for column in job.settings["columns"]
        ],
        seeds=job.settings["seeds"],
        oracle=read_json(job.inputs["oracle_card"]) if "oracle_card" in job.inputs else None,
        curves=runs.curves,
    )


def models_of(job: Job, transitions_real: int) -> tuple[pd.DataFrame, list[str]]:
    """The table of model errors with notes of its own; UserError as `table_of_model_errors`."""
    settings = job.settings["model_error"]
    seeds = job.settings["seeds"][:1] if job.settings["shared_data"] else job.settings["seeds"]
    errors = read_model_errors(job.inputs["model_errors"])
    frame = table_of_model_errors(
        errors,
        job.wildcards["domain"],
        job.wildcards["scale"],
        dynamics=settings["dynamics"],
        distributions=[column["distribution"] for column in settings["columns"]],
        seeds=seeds,
        transitions_real=transitions_real,
        facts=model_facts(errors),
    )
    return frame, [measured_note(errors)]


def tables(job: Job) -> None:
    """Write `tables.csv`, `tables.md` and all episodes in one `episodes.parquet`.

    The inputs `model_errors` (files of the stage model_error) and `validity` are only there for
    domains in closed form; each then has a section of its own in `tables.md`.

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
    frame = agents_of(job, runs, cards)
    notes = agent_notes(job.settings["notes"], shared_data=job.settings["shared_data"])
    model_notes: list[str] = []
    if job.inputs.get("model_errors"):
        models, model_notes = models_of(job, int(frame["transitions_real"].min()))
        frame = pd.concat([models, frame], ignore_index=True)
    validity = pd.read_csv(job.inputs["validity"]) if job.inputs.get("validity") else None
    text = tables_markdown(frame, notes, model_notes=model_notes, validity=validity)
    with atomic_path(job.outputs["csv"]) as path:
        frame.to_csv(path, index=False)
    with atomic_path(job.outputs["markdown"]) as path:
        path.write_text(text)
    with atomic_path(job.outputs["episodes"]) as path:
        runs.episodes.to_parquet(path, index=False)
