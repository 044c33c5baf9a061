"""The runs of a scale that are finished, as one small folder that tables are made from without the
data: of a sweep that still goes on, or of several machines that share the seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mocoda.agent_runs import RUN
from mocoda.artifacts import atomic_path, checksum, read_json, write_json
from mocoda.errors import UserError
from mocoda.provenance import checksums_of, verify_inputs
from mocoda.tables.checks import CARD_FIELDS, KEYS, RunKey, run_key
from mocoda.tables.lineage import model_facts, with_provenance
from mocoda.tables.model_error_files import check_errors, read_model_errors
from mocoda.tables.runs import Runs, read_runs, read_table

RUN_FILES = ("card.json", "curve.csv", "episodes.parquet")
RECORDS = ("provenance.json", "evaluation_provenance.json")
# What `save` writes.
EPISODES, CURVES, CARDS = "episodes.parquet", "curves.parquet", "cards.json"
MODEL_ERRORS, ORACLE = "model_errors.parquet", "oracle.json"
# Columns beside those of `read_model_errors`, of the model.
MODEL_FACTS = ("seconds", "config_hash", "code_version")
MODEL_KEYS = ("dynamics", "seed")


@dataclass(frozen=True)
class FinishedRuns:
    """runs : their cards have `CARD_FIELDS` alone. model_errors : as of
    `read_model_errors`, with `MODEL_FACTS`; None where no model was measured. oracle : its card.
    unfinished : folders of runs that are not, or no longer, what their card says."""

    runs: Runs
    model_errors: pd.DataFrame | None = None
    oracle: dict[str, Any] | None = None
    unfinished: tuple[Path, ...] = ()


def read_finished(results: Path, data_scale: str | None = None) -> FinishedRuns:
    """The finished runs below `results/<domain>/<scale>`, with the errors of the models and the
    oracle's card below `data/<domain>/<scale>` where they are there.

    data_scale : the scale that has the data, where the runs' own has none: its oracle is taken,
    its models are not.

    Raises UserError where no run is finished, and for files that are not what their stage wrote.
    """
    results = results.resolve()
    name = RUN.removeprefix("results/{domain}/{scale}/")
    folders = sorted(results.glob(name.format_map(defaultdict(lambda: "*"))))
    finished = [folder for folder in folders if is_finished(folder)]
    if not finished:
        raise UserError(
            results,
            expected=f"finished runs in folders {name}",
            found=f"{len(folders)} runs, none finished" if folders else "no runs",
            remedy="Name a folder results/<domain>/<scale>, or one that join_runs has written.",
        )
    root, domain, scale = results.parents[2], results.parent.name, results.name
    for folder in finished:
        verify_inputs(checksums_of({name: str(folder / name) for name in RUN_FILES}))
    runs = read_runs(folder / "episodes.parquet" for folder in finished)
    cards = {}
    for (key, card), folder in zip(runs.cards.items(), finished, strict=True):
        whole = with_provenance(card, folder, root)
        cards[key] = {name: whole[name] for name in CARD_FIELDS}
    data = root / "data" / domain
    measured = sorted(
        file
        for file in (data / scale).glob("seed_*/model_error/*/errors.csv")
        if file.with_name("provenance.json").is_file()
    )
    oracle = data / (data_scale or scale) / "oracle/card.json"
    return FinishedRuns(
        replace(runs, cards=cards),
        _with_facts(read_model_errors(measured), root) if measured else None,
        read_json(oracle) if oracle.is_file() else None,
        tuple(folder for folder in folders if folder not in finished),
    )


def is_finished(folder: Path) -> bool:
    """Whether a run was trained and its present policy evaluated."""
    if not all((folder / name).is_file() for name in (*RUN_FILES, *RECORDS)):
        return False
    evaluated = read_json(folder / "evaluation_provenance.json")["inputs"]
    of_card = [digest for path, digest in evaluated.items() if Path(path).name == "card.json"]
    return of_card == [checksum(folder / "card.json")]


def _with_facts(errors: pd.DataFrame, root: Path) -> pd.DataFrame:
    facts = model_facts(errors, root)
    own = [facts[str(name), int(seed)] for name, seed in errors[list(MODEL_KEYS)].to_numpy()]
    return errors.drop(columns="file").assign(
        **{name: [of_model[name] for of_model in own] for name in MODEL_FACTS}
    )


def save(finished: FinishedRuns, folder: Path) -> None:
    """Write what `read_saved` reads: a few files, whatever the number of runs.

    Raises UserError for the folder of a scale, whose files are the stage tables' own.
    """
    if (folder / "agents").exists():
        raise UserError(
            folder,
            expected="a folder of its own for the table of finished runs",
            found="the folder of a scale",
            remedy="Name another --output.",
        )
    frames = {
        EPISODES: finished.runs.episodes,
        CURVES: finished.runs.curves,
        MODEL_ERRORS: finished.model_errors,
    }
    for name, frame in frames.items():
        if frame is None:
            (folder / name).unlink(missing_ok=True)
        else:
            with atomic_path(folder / name) as path:
                frame.to_parquet(path, index=False)
    entries = [
        {**key._asdict(), **{name: card[name] for name in CARD_FIELDS}}
        for key, card in finished.runs.cards.items()
    ]
    write_json(folder / CARDS, entries)
    if finished.oracle is None:
        (folder / ORACLE).unlink(missing_ok=True)
    else:
        write_json(folder / ORACLE, finished.oracle)


def read_saved(folder: Path) -> FinishedRuns:
    """What `save` wrote; raises UserError naming a file that is missing or damaged."""
    cards = {}
    for entry in read_json(folder / CARDS):
        absent = [name for name in (*KEYS, *CARD_FIELDS) if name not in entry]
        if absent:
            raise UserError(folder / CARDS, expected=f"'{absent[0]}' of each run", found="none")
        cards[run_key(entry[name] for name in KEYS)] = {name: entry[name] for name in CARD_FIELDS}
    errors = None
    if (folder / MODEL_ERRORS).is_file():
        errors = read_table(folder / MODEL_ERRORS, "parquet")
        check_errors(errors, folder / MODEL_ERRORS)
    oracle = folder / ORACLE
    return FinishedRuns(
        Runs(
            read_table(folder / EPISODES, "parquet"), cards, read_table(folder / CURVES, "parquet")
        ),
        errors,
        read_json(oracle) if oracle.is_file() else None,
    )


def join(parts: Sequence[tuple[Path, FinishedRuns]]) -> FinishedRuns:
    """All runs of several folders; one that two folders hold alike counts once.

    Raises UserError where two folders hold different runs by the same name.
    """
    cards: dict[RunKey, dict[str, Any]] = {}
    origin: dict[RunKey, Path] = {}
    for folder, part in parts:
        for key, card in part.runs.cards.items():
            if cards.setdefault(key, card) != card:
                raise UserError(
                    f"{folder}, run {key}",
                    expected=f"the same run as in {origin[key]}",
                    found="another one",
                    remedy="Leave one of them out: a seed of a cell counts once.",
                )
            origin.setdefault(key, folder)
    errors = [part.model_errors for _, part in parts if part.model_errors is not None]
    oracles = [part.oracle for _, part in parts if part.oracle is not None]
    return FinishedRuns(
        Runs(
            _once(part.runs.episodes for _, part in parts),
            cards,
            _once(part.runs.curves for _, part in parts),
        ),
        _one_a_model(_once(errors)) if errors else None,
        oracles[0] if oracles else None,
        tuple(folder for _, part in parts for folder in part.unfinished),
    )


def _once(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(list(frames), ignore_index=True).drop_duplicates(ignore_index=True)


def _one_a_model(errors: pd.DataFrame) -> pd.DataFrame:
    cell = [*MODEL_KEYS, "distribution", "prediction"]
    twice = errors.duplicated(cell)
    if twice.any():
        row = errors[twice].iloc[0]
        raise UserError(
            f"model errors, ({', '.join(str(row[name]) for name in cell)})",
            expected="one model by that name",
            found="two, in different folders",
            remedy="Leave one of the folders out: a seed of a model counts once.",
        )
    return errors
