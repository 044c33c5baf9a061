"""Columns that are no columns of transitions: refused by column and row."""

from __future__ import annotations

import numpy as np
import pytest
from spine_examples import logged_rows

from faults.planted import refused
from faults.rows import ROWS, Fault, cell, checked, whole
from mocoda.transitions import COLUMNS

REPAIR = "Remove or repair that row"
COLUMN = "column '{}'"


def bytes_as_bool(values: np.ndarray) -> np.ndarray:
    """A boolean column of which row 6 holds the byte 2, as a careless reader of bytes makes."""
    raw = values.astype(np.uint8)
    raw[6] = 2
    return raw.view(bool)


FAULTS = [
    *(
        Fault(
            f"{number} in {column}",
            cell(column, 23, float(number)),
            f"log.zarr, column '{column}', row 23",
            "finite numbers",
            number,
            REPAIR,
        )
        for column, number in (
            ("observation", "nan"),
            ("next_observation", "inf"),
            ("action", "nan"),
            ("goal", "nan"),
            ("reward", "-inf"),
        )
    ),
    *(
        Fault(
            f"{column} as {dtype}",
            whole(column, lambda values, dtype=dtype: values.astype(dtype)),
            COLUMN.format(column),
            f"dtype {np.dtype(COLUMNS[column])}",
            dtype,
            "Convert it",
        )
        for column, dtype in (
            ("observation", "float64"),
            ("terminated", "float32"),
            ("truncated", "uint8"),
            ("step", "int64"),
        )
    ),
    Fault(
        "terminated holds a 2",
        whole("terminated", bytes_as_bool),
        "column 'terminated', row 6",
        "0 or 1",
        "the byte 2",
        "Compare the column with 0",
    ),
    Fault(
        "ragged rewards",
        whole("reward", lambda values: [[1.0], [1.0, 2.0]]),
        "column 'reward'",
        "a NumPy array of dtype float32",
        "a list",
        "rows of unequal length",
    ),
    Fault(
        "ragged observations",
        whole("observation", lambda values: [*values, values[0][:5]]),
        "column 'observation'",
        "a NumPy array of dtype float32",
        "a list",
        "rows of unequal length",
    ),
    Fault(
        "too few goals",
        whole("goal", lambda values: values[:-1]),
        "column 'goal'",
        "2 dimension(s) and 40 rows",
        "shape (39, 6)",
        "one entry for each observation",
    ),
    Fault(
        "reward as a column",
        whole("reward", lambda values: values[:, None]),
        "column 'reward'",
        "1 dimension(s) and 40 rows",
        "shape (40, 1)",
        "one entry for each observation",
    ),
    Fault(
        "action of three columns",
        whole("action", lambda values: values[:, :3]),
        "column 'action'",
        "4 columns",
        "3 columns",
        "the domain's slots",
    ),
    Fault(
        "goal of two columns",
        whole("goal", lambda values: values[:, :2]),
        "column 'goal'",
        "6 columns",
        "2 columns",
        "goal",
    ),
    Fault(
        "action out of range",
        cell("action", 31, -1.5),
        "column 'action', row 31",
        "values in [-1, 1]",
        "-1.5",
        "Scale the actions",
    ),
    Fault(
        "unknown provenance",
        cell("provenance", 9, 7),
        "column 'provenance', row 9",
        "one of [0, 1, 2]",
        "7",
        "Mark logged rows with 0",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_told_by_column_and_row(fault: Fault) -> None:
    rows = fault.plant(logged_rows(ROWS))
    refused(
        lambda: checked(rows),
        where=fault.where,
        expected=fault.expected,
        found=fault.found,
        remedy=fault.remedy,
    )
