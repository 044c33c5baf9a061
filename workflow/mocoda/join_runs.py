"""The table of the runs that are finished: of a sweep that still goes on, or of several machines.

    python -m mocoda.join_runs FOLDER [FOLDER ...] --output FOLDER

A FOLDER is `results/<domain>/<scale>` of a project folder, whose data/ tells what the runs come
from (their hashes, the errors of the models, the oracle), or one that this command has written:
`episodes.parquet`, `curves.parquet`, `cards.json`, `model_errors.parquet`, `oracle.json` and their
checksums in `provenance.json`, which are all that it takes to join those runs with others later.
`tables.csv`, `tables.md`, `results.png` and `curves.png` are written beside them: every cell with
the seeds that it has, without the shares of valid rows. Whether a run is of the present settings
and code only Snakemake can tell; seeds of one cell that were made by different settings, or in
different arithmetic (`precision`), are refused. Seeds of a scale with `shared_data` cannot be
spread over machines: each would make data of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pandas as pd
import yaml

from mocoda import figures
from mocoda.artifacts import atomic_path
from mocoda.config import ConfigError, DomainConfig, load
from mocoda.config_scales import cells_of
from mocoda.errors import UserError
from mocoda.tables import RunKey, table_of_agents, table_of_model_errors, tables_markdown
from mocoda.tables.checks import CELL, common
from mocoda.tables.columns import NONE
from mocoda.tables.finished_runs import (
    CARDS,
    MODEL_FACTS,
    FinishedRuns,
    join,
    read_finished,
    read_saved,
    save,
)
from mocoda.tables.markdown import agent_notes, measured_note
from mocoda.tables.names import agent_order, column_order, model_order


def read_folder(folder: Path) -> FinishedRuns:
    """The finished runs of a scale's folder, or of one that this command has written."""
    if (folder / CARDS).is_file() and not (folder / "agents").is_dir():
        return read_saved(folder)
    place = Path(os.path.abspath(folder))
    settings = settings_of(place.parent.name, place.name)
    return read_finished(folder, settings.data_scale if settings else None)


def agents_table(finished: FinishedRuns) -> pd.DataFrame:
    """The table of agents, each cell with the seeds that it has.

    Raises UserError for a cell whose seeds come from chains of different settings, beside what
    `table_of_agents` refuses.
    """
    runs = finished.runs
    seeds: dict[tuple[str, str, str], list[int]] = {}
    for key in sorted(runs.cards, key=lambda key: (agent_order(key.agent), column_order(key[1:3]))):
        seeds.setdefault(key[:3], []).append(key.seed)
    episodes = dict(list(runs.episodes.groupby(list(CELL))))
    parts: list[pd.DataFrame] = []
    for cell, own in seeds.items():
        cards = {RunKey(*cell, seed): runs.cards[RunKey(*cell, seed)] for seed in sorted(own)}
        parts.append(
            table_of_agents(
                episodes[cell],
                cards,
                finished.scale[1],
                seeds=own,
                oracle=finished.oracle if len(parts) == len(seeds) - 1 else None,
                curves=runs.curves,
            )
        )
        common(cards, "config_hash")
    return pd.concat(parts, ignore_index=True)


def models_table(errors: pd.DataFrame, scale: tuple[str, str], real: int) -> pd.DataFrame:
    """The table of model errors, each cell with the seeds that it has; `real` rows were logged.

    Raises UserError for a model whose seeds come from chains of different settings, beside what
    `table_of_model_errors` refuses.
    """
    facts = {
        (str(row["dynamics"]), int(row["seed"])): {name: row[name] for name in MODEL_FACTS}
        for _, row in errors.iterrows()
    }
    parts = []
    for model in sorted(errors["dynamics"].unique(), key=model_order):
        common(
            {RunKey(NONE, NONE, *key): own for key, own in facts.items() if key[0] == model},
            "config_hash",
        )
        for distribution, cell in errors[errors["dynamics"] == model].groupby(
            "distribution", sort=False
        ):
            parts.append(
                table_of_model_errors(
                    cell,
                    *scale,
                    dynamics=[model],
                    distributions=[str(distribution)],
                    seeds=cell["seed"],
                    transitions_real=real,
                    facts=facts,
                )
            )
    return pd.concat(parts, ignore_index=True)


def tables_of(finished: FinishedRuns) -> tuple[pd.DataFrame, str]:
    """The long form (columns `COLUMNS`) and its Markdown; UserError as of the tables' makers."""
    partial = "Made of what was finished: not every cell need have all seeds."
    frame = agents_table(finished)
    model_notes = []
    if finished.model_errors is not None:
        real = int(frame["transitions_real"].min())
        models = models_table(finished.model_errors, finished.scale, real)
        frame = pd.concat([models, frame], ignore_index=True)
        model_notes = [measured_note(finished.model_errors), partial]
    settings = settings_of(*finished.scale)
    notes = agent_notes(settings.tables.notes, shared_data=settings.shared_data) if settings else []
    return frame, tables_markdown(frame, [*notes, partial], model_notes=model_notes)


def strangers(finished: FinishedRuns) -> list[RunKey]:
    """Runs that the configuration does not have (any more), if it has their scale."""
    settings = settings_of(*finished.scale)
    if settings is None:
        return []
    cells = set(cells_of(settings))
    return [
        key for key in finished.runs.cards if key[:3] not in cells or key.seed not in settings.seeds
    ]


def settings_of(domain: str, scale: str) -> DomainConfig | None:
    """The settings of a scale; None for one that the configuration does not have."""
    file = Path(__file__).parents[2] / "config.yaml"
    if not file.is_file():
        return None
    return load(yaml.safe_load(file.read_text())).domains.get(domain, {}).get(scale)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--output", required=True, type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    try:
        finished = join([(folder, read_folder(folder)) for folder in arguments.folders])
        frame, text = tables_of(finished)
        save(finished, arguments.output)
        with atomic_path(arguments.output / "tables.csv") as path:
            frame.to_csv(path, index=False)
        with atomic_path(arguments.output / "tables.md") as path:
            path.write_text(text)
        print(f"{len(finished.runs.cards)} runs: {arguments.output / 'tables.md'}")
        for folder in finished.unfinished:
            print(f"not finished, left out: {folder}")
        for key in strangers(finished):
            print(f"not in config.yaml, but counted: {key}")
        figures.save(figures.bars(frame), arguments.output / "results.png")
        if not finished.runs.curves.empty:
            figures.save(figures.curves(finished.runs.curves), arguments.output / "curves.png")
    except (UserError, ConfigError, yaml.YAMLError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
