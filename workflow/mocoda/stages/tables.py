"""Stage 9: the table of all runs, in long form and readable, beside the published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mocoda.artifacts import atomic_path, read_json, short_hash
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
from mocoda.tables.pivots import count_range


def lineage(file: Path, found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Settings hash and code version of each job that a file comes from, by stage and variants.

    Follows the provenance beside each artefact back to the empirical data. The oracle is left out:
    nothing is trained on it. Domain, scale and seed are no part of a job's name, so that the seeds
    of a cell, which are made alike, have the same hashes.
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
            found[job] = (facts["config_hash"], facts["code_version"])
            for source in facts["inputs"]:
                lineage(Path(source), found)
    return found


def chain_hashes(file: Path) -> dict[str, str]:
    """One hash of the settings and one of the code of every stage that a file comes from."""
    chain = lineage(file, {})
    return {
        "config_hash": short_hash({job: settings for job, (settings, _) in chain.items()}),
        "code_version": short_hash({job: code for job, (_, code) in chain.items()}),
    }


def with_provenance(card: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A run's card with its seconds (training and evaluation) and hashes of its whole chain."""
    training = read_json(folder / "provenance.json")
    evaluation = read_json(folder / "evaluation_provenance.json")
    # Of a job that trained several runs, this run's share.
    shared = card.get("side_by_side_seconds", 0.0)
    return {
        **card,
        "seconds": shared + training["seconds"] + evaluation["seconds"],
        **chain_hashes(folder / "episodes.parquet"),
    }


def model_facts(errors: pd.DataFrame) -> dict[tuple[str, int], dict[str, Any]]:
    """Seconds (training and measuring) and hashes of the whole chain, by (dynamics, seed)."""
    found = {}
    models = errors[["dynamics", "seed", "file"]].drop_duplicates()
    for dynamics, seed, file in models.itertuples(index=False):
        measuring = read_json(Path(file).with_name("provenance.json"))
        seconds = measuring["seconds"]
        # The model itself, not those whose rollouts it was measured on.
        for source in map(Path, measuring["inputs"]):
            if source.name == "dynamics.safetensors":
                seconds += read_json(source.with_name("provenance.json"))["seconds"]
        found[str(dynamics), int(seed)] = {"seconds": seconds, **chain_hashes(Path(file))}
    return found


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
    return frame, [f"Each cell and seed: {count_range(errors['rows'])} states and actions."]


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
    whole_chain = (
        "A seed is a whole chain: its own data, parents, dynamics and agent."
        if not job.settings["shared_data"]
        else "All seeds share the data, parents and dynamics of the first, as in the paper."
    )
    notes = [
        "Policies: the final checkpoint of each run, never the best one.",
        *job.settings["notes"],
        whole_chain,
    ]
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
