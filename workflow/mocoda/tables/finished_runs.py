"""The runs of a scale that are finished, in a project folder or in a few files of their own: of a
sweep that still goes on, or of several machines."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mocoda.agent_runs import RUN
from mocoda.artifacts import atomic_path, checksum, read_json, write_json
from mocoda.errors import UserError
from mocoda.provenance import checksums_of, outputs_in, verify_inputs
from mocoda.tables.checks import CARD_FIELDS, KEYS, RunKey, run_key
from mocoda.tables.lineage import OutdatedError, chain_hashes, model_facts, with_provenance
from mocoda.tables.model_error_files import read_model_errors
from mocoda.tables.runs import Runs, read_runs, read_table

RUN_FILES = ("card.json", "curve.csv", "episodes.parquet")
TRAINED, EVALUATED = "provenance.json", "evaluation_provenance.json"
# What `save` writes, and last their checksums.
EPISODES, CURVES, CARDS = "episodes.parquet", "curves.parquet", "cards.json"
MODEL_ERRORS, ORACLE, CHECKSUMS = "model_errors.parquet", "oracle.json", "provenance.json"
# Columns beside those of `read_model_errors`, of the model.
MODEL_FACTS = ("seconds", "config_hash", "code_version")
MODEL_CELL = ["dynamics", "seed", "distribution", "prediction"]


@dataclass(frozen=True)
class FinishedRuns:
    """runs : their cards have `CARD_FIELDS` alone. model_errors : as of `read_model_errors` with
    `MODEL_FACTS`; None where no model was measured. oracle : its card. unfinished : folders of runs
    and models that are begun, but not trained and measured as they are now."""

    runs: Runs
    model_errors: pd.DataFrame | None = None
    oracle: dict[str, Any] | None = None
    unfinished: tuple[Path, ...] = ()

    @property
    def scale(self) -> tuple[str, str]:
        """(domain, scale) of the first run."""
        domain, scale = self.runs.episodes[["domain", "scale"]].iloc[0]
        return str(domain), str(scale)


def read_finished(results: Path, data_scale: str | None = None) -> FinishedRuns:
    """The finished runs below `results/<domain>/<scale>`, with the errors of the models and the
    oracle's card below `data/<domain>/<scale>` of the same project folder.

    data_scale : the scale that has the data, where the runs' own has none: its oracle is taken,
    its models are not.

    Raises UserError where no run is finished, where the folder is not named after its runs, and for
    files that are not what their stage wrote.
    """
    results = Path(os.path.abspath(results))  # a link keeps its place: the data lies beside it
    root, domain, scale = results.parent.parent.parent, results.parent.name, results.name
    name = RUN.removeprefix("results/{domain}/{scale}/")
    folders = [
        folder
        for folder in sorted(results.glob(name.format_map(defaultdict(lambda: "*"))))
        if folder.name.removeprefix("seed_").isdigit()
    ]
    read = {folder: _read_run(folder, results) for folder in folders}
    parts = [runs for runs in read.values() if runs is not None]
    if not parts:
        raise UserError(
            results,
            expected=f"finished runs in folders {name}",
            found=f"{len(folders)} runs, none finished" if folders else "no runs",
            remedy="Name a folder results/<domain>/<scale>, or one that join_runs has written.",
        )
    unfinished = [folder for folder, runs in read.items() if runs is None]
    data = root / "data" / domain
    measured = sorted((data / scale).glob("seed_*/model_error/*/errors.csv"))
    current = [file for file in measured if is_measured(file, root)]
    unfinished += [file.parent for file in measured if file not in current]
    oracle = data / (data_scale or scale) / "oracle/card.json"
    return FinishedRuns(
        _joined([(results, runs) for runs in parts]),
        _model_errors(current, root) if current else None,
        read_json(oracle) if oracle.is_file() else None,
        tuple(unfinished),
    )


def is_finished(folder: Path) -> bool:
    """Whether a run was trained and its present policy evaluated."""
    if not all((folder / name).is_file() for name in (*RUN_FILES, TRAINED, EVALUATED)):
        return False
    trained = outputs_in(folder / TRAINED)
    evaluated = read_json(folder / EVALUATED).get("inputs", {})
    of_inputs = {Path(path).name: digest for path, digest in evaluated.items()}
    return bool(of_inputs) and all(trained.get(name) == of_inputs[name] for name in of_inputs)


def is_measured(errors: Path, root: Path) -> bool:
    """Whether the errors in a file are those of the model that is there now, and of its data."""
    record = errors.with_name(TRAINED)
    if not record.is_file():
        return False
    inputs = {root / path: digest for path, digest in read_json(record)["inputs"].items()}
    models = {path: digest for path, digest in inputs.items() if path.suffix == ".safetensors"}
    if not all(
        path.with_name(TRAINED).is_file()
        and outputs_in(path.with_name(TRAINED)).get(path.name) == digest
        for path, digest in models.items()
    ):
        return False
    try:
        chain_hashes(errors, root)
    except OutdatedError:
        return False
    return True


def _read_run(folder: Path, results: Path) -> Runs | None:
    """A run below `results`, if it is finished: also where a workflow replaces it meanwhile."""
    try:
        if not is_finished(folder):
            return None
        files = {name: str(folder / name) for name in RUN_FILES}
        verify_inputs(checksums_of(files))
        runs = read_runs([folder / EPISODES])
        verify_inputs(checksums_of(files))  # nothing was replaced in between
        ((key, card),) = runs.cards.items()
        _check_place(runs.episodes, results)
        whole = with_provenance(card, folder, results.parent.parent.parent)
    except OutdatedError:
        return None  # trained on data that were made anew since
    except (OSError, UserError):
        if is_finished(folder):
            raise
        return None
    fields = {name: whole[name] for name in CARD_FIELDS if name in whole}
    return Runs(runs.episodes, {key: fields}, runs.curves)


def _check_place(episodes: pd.DataFrame, results: Path) -> None:
    """Refuse runs that were carried away from the project folder: what they come from is there."""
    domain, scale = episodes[["domain", "scale"]].iloc[0]
    if (results.parent.name, results.name) != (domain, scale):
        raise UserError(
            results,
            expected=f"the folder that its runs were made in, results/{domain}/{scale}",
            found=f"{results.parent.name}/{results.name}",
            remedy="Run join_runs in the project folder, and carry what it writes.",
        )


def _model_errors(files: Sequence[Path], root: Path) -> pd.DataFrame:
    verify_inputs(checksums_of({"errors": [str(file) for file in files]}))
    errors = read_model_errors(files)
    facts = model_facts(errors, root)
    own = [facts[str(name), int(seed)] for name, seed in errors[["dynamics", "seed"]].to_numpy()]
    return errors.drop(columns="file").assign(
        **{name: [of_model[name] for of_model in own] for name in MODEL_FACTS}
    )


def save(finished: FinishedRuns, folder: Path) -> None:
    """Write what `read_saved` reads: a few files, whatever the number of runs.

    Raises UserError for a folder with a table that `save` did not write.
    """
    if (folder / "agents").exists() or (
        (folder / "tables.csv").exists() and not (folder / CARDS).exists()
    ):
        raise UserError(
            folder,
            expected="a folder of its own for the table of finished runs",
            found="results of the workflow",
            remedy="Name another --output.",
        )
    (folder / CHECKSUMS).unlink(missing_ok=True)
    frames = {
        EPISODES: finished.runs.episodes,
        CURVES: finished.runs.curves,
        MODEL_ERRORS: finished.model_errors,
    }
    for name, frame in frames.items():
        (folder / name).unlink(missing_ok=True)
        if frame is not None:
            with atomic_path(folder / name) as path:
                frame.to_parquet(path, index=False)
    entries = [{**key._asdict(), **card} for key, card in finished.runs.cards.items()]
    write_json(folder / CARDS, entries)
    (folder / ORACLE).unlink(missing_ok=True)
    if finished.oracle is not None:
        write_json(folder / ORACLE, finished.oracle)
    written = [name for name in (*frames, CARDS, ORACLE) if (folder / name).is_file()]
    outputs = {name: checksum(folder / name) for name in written}
    write_json(folder / CHECKSUMS, {"stage": "join_runs", "outputs": outputs})


def read_saved(folder: Path) -> FinishedRuns:
    """What `save` wrote; raises UserError naming a file that is missing or another one."""
    for name, digest in outputs_in(folder / CHECKSUMS).items():
        if not (folder / name).is_file() or checksum(folder / name) != digest:
            raise UserError(
                folder / name,
                expected=f"the file that join_runs wrote (sha256 {digest[:12]}…)",
                found="another one" if (folder / name).is_file() else "none",
                remedy="Copy the whole folder again.",
            )
    cards = {
        run_key(entry[name] for name in KEYS): {k: v for k, v in entry.items() if k not in KEYS}
        for entry in read_json(folder / CARDS)
    }
    errors, oracle = folder / MODEL_ERRORS, folder / ORACLE
    return FinishedRuns(
        Runs(
            read_table(folder / EPISODES, "parquet"), cards, read_table(folder / CURVES, "parquet")
        ),
        read_table(errors, "parquet") if errors.is_file() else None,
        read_json(oracle) if oracle.is_file() else None,
    )


def join(parts: Sequence[tuple[Path, FinishedRuns]]) -> FinishedRuns:
    """All runs of several folders; one that two folders hold alike counts once.

    Raises UserError for folders of different scales, where two hold different runs or models by
    the same name, or different oracles.
    """
    first_folder, first = parts[0]
    for folder, part in parts:
        if part.scale != first.scale:
            raise UserError(
                folder,
                expected=f"runs of {'/'.join(first.scale)} as in {first_folder}",
                found=f"runs of {'/'.join(part.scale)}",
                remedy="Make one table for each.",
            )
    oracles = {str(part.oracle): part.oracle for _, part in parts if part.oracle is not None}
    if len(oracles) > 1:
        raise UserError(
            "the scripted oracle's card",
            expected="the same in all folders",
            found=f"{len(oracles)} different ones",
            remedy="Join runs of one version of the domain.",
        )
    return FinishedRuns(
        _joined([(folder, part.runs) for folder, part in parts]),
        _joined_errors([part.model_errors for _, part in parts if part.model_errors is not None]),
        next(iter(oracles.values()), None),
        tuple(folder for _, part in parts for folder in part.unfinished),
    )


def _joined(parts: Sequence[tuple[Path, Runs]]) -> Runs:
    taken: dict[RunKey, tuple[Path, dict[str, Any], pd.DataFrame]] = {}
    cards: dict[RunKey, dict[str, Any]] = {}
    episodes, curves = [], []
    for folder, runs in parts:
        of_curves = dict(list(runs.curves.groupby(list(KEYS))))
        for values, rows in runs.episodes.groupby(list(KEYS)):
            key = run_key(values)
            # Seconds are how it was run, not what it is.
            card = {k: v for k, v in runs.cards.get(key, {}).items() if k != "seconds"}
            rows = rows.sort_values("episode_seed", ignore_index=True)
            if key not in taken:
                taken[key] = folder, card, rows
                episodes.append(rows)
                curves.append(of_curves.get(values, runs.curves.head(0)))
                cards |= {key: runs.cards[key]} if key in runs.cards else {}
            # A column may hold NaN, which equals itself here.
            elif taken[key][1] != card or not taken[key][2].equals(rows):
                raise UserError(
                    f"{folder}, run {key}",
                    expected=f"the same run as in {taken[key][0]}",
                    found="another one",
                    remedy="Leave one of them out: a seed of a cell counts once.",
                )
    return Runs(pd.concat(episodes, ignore_index=True), cards, pd.concat(curves, ignore_index=True))


def _joined_errors(parts: Sequence[pd.DataFrame]) -> pd.DataFrame | None:
    if not parts:
        return None
    errors = pd.concat(parts, ignore_index=True)
    what = [name for name in errors if name != "seconds"]
    errors = errors.drop_duplicates(what, ignore_index=True)
    twice = errors.duplicated(MODEL_CELL)
    if twice.any():
        row = errors[twice].iloc[0]
        raise UserError(
            f"model errors, ({', '.join(str(row[name]) for name in MODEL_CELL)})",
            expected="one model by that name",
            found="two, in different folders",
            remedy="Leave one of the folders out: a seed of a model counts once.",
        )
    return errors
