"""Gather the model errors that the stage model_error left on disk: one file a model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from mocoda.errors import UserError

ERROR_COLUMNS = (
    "distribution",
    "parents_from",
    "prediction",
    "rows",
    "error_norm",
    "mse",
    "dynamics",
    "seed",
    "updates",
)
CELL = ["dynamics", "distribution", "prediction"]
WHERE = "table of model errors"


def read_model_errors(files: Iterable[Path | str]) -> pd.DataFrame:
    """Each model's `errors.csv` with a column `file`, as the stage model_error wrote them.

    Raises UserError naming the file for one that cannot be read, lacks a column or rows, holds
    more than one model, or errors that are no finite numbers from 0 on, and for a cell that two
    files or rows hold.
    """
    frames = []
    for file in map(Path, files):
        try:
            frame = pd.read_csv(file)
        except (OSError, ValueError) as error:
            raise UserError(
                file,
                expected="a csv file written by the stage model_error",
                found=str(error) or type(error).__name__,
                remedy="Delete it and run the same command again: its stage is run anew.",
            ) from error
        check_errors(frame, file)
        if len(frame[["dynamics", "seed", "updates"]].drop_duplicates()) > 1:
            raise UserError(file, expected="the errors of one model", found="several models")
        frames.append(frame.assign(file=str(file)))
    if not frames:
        raise UserError(WHERE, expected="at least one file of errors", found="none")
    errors = pd.concat(frames, ignore_index=True)
    twice = errors.duplicated([*CELL, "seed"])
    if twice.any():
        row = errors[twice].iloc[0]
        first = errors[(errors[[*CELL, "seed"]] == row[[*CELL, "seed"]]).all(axis=1)].iloc[0]
        raise UserError(
            row["file"],
            expected="each model and data set once",
            found=f"{_cell(row)}, seed {row['seed']} also in {first['file']}",
        )
    return errors


def check_errors(frame: pd.DataFrame, file: Path) -> None:
    """Raises UserError naming the file for missing columns or rows, and for errors that are no
    finite numbers from 0 on."""
    absent = [name for name in ERROR_COLUMNS if name not in frame]
    if absent or frame.empty:
        raise UserError(
            file,
            expected=f"columns {', '.join(ERROR_COLUMNS)}",
            found=f"no column '{absent[0]}'" if absent else "no rows",
        )
    for name in ("error_norm", "mse"):
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if len(bad):
            raise UserError(
                f"{file}, row {bad[0]}, column '{name}'",
                expected="finite numbers from 0 on",
                found=str(frame[name].iloc[bad[0]]),
            )


def _cell(row: pd.Series) -> str:
    return f"({', '.join(str(row[name]) for name in CELL)})"
