"""The table of the runs that are finished: of a sweep that still goes on, or of several machines.

    python -m mocoda.join_runs FOLDER [FOLDER ...] --output FOLDER

A FOLDER is `results/<domain>/<scale>` of this or another project folder, with its data beside it if
the errors of the models are wanted, or one that this command has written: `episodes.parquet`,
`curves.parquet`, `cards.json` and, where there are any, `model_errors.parquet` and `oracle.json`,
all that it takes to join those runs with others later. `tables.csv`, `tables.md`, `results.png` and
`curves.png` are written beside them: every cell with the seeds that it has. Whether a run is of the
present settings only Snakemake can tell; seeds of one cell that were trained unlike each other are
refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TypeVar

import pandas as pd
import yaml

from mocoda import figures
from mocoda.artifacts import atomic_path
from mocoda.config import DomainConfig, load
from mocoda.errors import UserError
from mocoda.tables import RunKey, table_of_agents, table_of_model_errors, tables_markdown
from mocoda.tables.checks import KEYS
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

Cell = TypeVar("Cell", bound=Hashable)


def read_folder(folder: Path) -> FinishedRuns:
    """The finished runs of a scale's folder, or of one that this command has written."""
    if (folder / CARDS).is_file():
        return read_saved(folder)
    settings = settings_of(folder.resolve().parent.name, folder.resolve().name)
    return read_finished(folder, settings.data_scale if settings else None)


def by_seeds(pairs: Iterable[tuple[Cell, int]]) -> dict[tuple[int, ...], list[Cell]]:
    """Cells by the seeds that they have, both in the order of their first appearance."""
    seeds: dict[Cell, list[int]] = {}
    for cell, seed in pairs:
        seeds.setdefault(cell, []).append(seed)
    found: dict[tuple[int, ...], list[Cell]] = {}
    for cell, own in seeds.items():
        found.setdefault(tuple(sorted(set(own))), []).append(cell)
    return found


def agents_table(finished: FinishedRuns, scale: str) -> pd.DataFrame:
    """The table of agents, each cell with the seeds that it has."""
    runs = finished.runs
    keys = sorted(runs.cards, key=lambda key: (agent_order(key.agent), column_order(key[1:3])))
    of_episodes = pd.MultiIndex.from_frame(runs.episodes[list(KEYS)])
    parts = []
    for seeds, cells in by_seeds((key[:3], key.seed) for key in keys).items():
        own = [RunKey(*cell, seed) for cell in cells for seed in seeds]
        parts.append(
            table_of_agents(
                runs.episodes[of_episodes.isin(own)],
                runs.cards,
                scale,
                cells=cells,
                seeds=seeds,
                oracle=finished.oracle,
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    # Each part has the oracle's row, the same one.
    oracle = frame["distribution"] == NONE
    return pd.concat([frame[~oracle], frame[oracle].head(1)], ignore_index=True)


def models_table(
    errors: pd.DataFrame, domain: str, scale: str, transitions_real: int
) -> pd.DataFrame:
    """The table of model errors, each model with the seeds that it has."""
    facts = {
        (str(row["dynamics"]), int(row["seed"])): {name: row[name] for name in MODEL_FACTS}
        for _, row in errors.iterrows()
    }
    parts = []
    for seeds, models in by_seeds(sorted(facts, key=lambda key: model_order(key[0]))).items():
        parts.append(
            table_of_model_errors(
                errors[errors["dynamics"].isin(models)],
                domain,
                scale,
                dynamics=models,
                distributions=errors["distribution"].drop_duplicates(),
                seeds=seeds,
                transitions_real=transitions_real,
                facts=facts,
            )
        )
    return pd.concat(parts, ignore_index=True)


def tables_of(finished: FinishedRuns) -> tuple[pd.DataFrame, str]:
    """The long form (columns `COLUMNS`) and its Markdown; UserError as of the tables' makers."""
    episodes = finished.runs.episodes
    domain, scale = (str(episodes[name].iloc[0]) for name in ("domain", "scale"))
    frame = agents_table(finished, scale)
    model_notes = []
    if finished.model_errors is not None:
        real = int(frame["transitions_real"].min())
        models = models_table(finished.model_errors, domain, scale, real)
        frame = pd.concat([models, frame], ignore_index=True)
        model_notes = [measured_note(finished.model_errors)]
    settings = settings_of(domain, scale)
    notes = [
        *(agent_notes(settings.tables.notes, shared_data=settings.shared_data) if settings else []),
        "Made of the runs that were finished; not every cell need have all seeds.",
    ]
    return frame, tables_markdown(frame, notes, model_notes=model_notes)


def settings_of(domain: str, scale: str) -> DomainConfig | None:
    """The settings of a scale; None for one that the configuration does not have."""
    text = (Path(__file__).parents[2] / "config.yaml").read_text()
    scales = load(yaml.safe_load(text)).domains.get(domain, {})
    return scales.get(scale)


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
        figures.save(figures.bars(frame), arguments.output / "results.png")
        figures.save(figures.curves(finished.runs.curves), arguments.output / "curves.png")
    except UserError as error:
        sys.exit(f"Error: {error}")
    print(f"{len(finished.runs.cards)} runs: {arguments.output / 'tables.md'}")
    for folder in finished.unfinished:
        print(f"not finished, left out: {folder}")


if __name__ == "__main__":
    main()
