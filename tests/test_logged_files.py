"""Files of logged transitions: which columns are read, in which forms, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_logged import read, walks, write

from mocoda.errors import UserError
from mocoda.logged_files import read_columns_of

LISTS: dict[str, Any] = {name: [list(row) for row in values] for name, values in walks().items()}


def of_type(kind: pa.DataType) -> dict[str, pa.Array]:
    """The columns as lists of one type or another."""
    return {name: pa.array(values, kind) for name, values in LISTS.items()}


def tensors() -> dict[str, pa.Array]:
    """The columns as Arrow's tensors."""
    found = {}
    for name, values in walks().items():
        found[name] = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(values))
    return found


@pytest.mark.parametrize(
    ("name", "contents", "told"),
    [
        ("rows.csv", b"1,2", "ends in .parquet or .npz"),
        ("rows.parquet", b"nonsense", "a .parquet file of plain numbers"),
        ("rows.npz", b"nonsense", "a .npz file of plain numbers"),
        ("rows.npz", b"", "a .npz file of plain numbers"),
        ("rows.npz", None, "the file that collect_empirical.file names"),
    ],
)
def test_files_that_cannot_be_read_are_refused(
    tmp_path: Path, name: str, contents: bytes | None, told: str
) -> None:
    path = tmp_path / name
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(UserError) as caught:
        read(path)
    assert told in str(caught.value)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    """A file from elsewhere could run anything by them."""
    np.savez(tmp_path / "rows.npz", observations=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match="arrays of Python objects are not read"):
        read(tmp_path / "rows.npz")


def test_lists_of_unequal_length_are_named_by_their_row(tmp_path: Path) -> None:
    columns = {name: list(values) for name, values in walks().items()}
    columns["observations"][3] = columns["observations"][3][:1]
    pd.DataFrame(columns).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(UserError, match="column 'observations', row 3: expected a list as long"):
        read(tmp_path / "rows.parquet")


@pytest.mark.parametrize(
    "columns",
    [
        of_type(pa.list_(pa.float64())),
        of_type(pa.large_list(pa.float32())),
        of_type(pa.list_(pa.float64(), 2)),
        tensors(),
        {f"{name}_{i}": values[:, i] for name, values in walks().items() for i in range(2)},
    ],
    ids=["lists", "large lists", "fixed lists", "tensors", "numbers"],
)
def test_vectors_have_many_forms_in_parquet(tmp_path: Path, columns: dict[str, Any]) -> None:
    """In two row groups, beside columns that hold no numbers and that no one asked for."""
    others = {
        "infos": pa.array([b"png"] * 20),
        "contacts": pa.array([[1.0] * (i % 3) for i in range(20)]),
        "lucky": pa.array([None, True] * 10),
    }
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({**others, **columns}), path, row_group_size=13)
    found, unread = read_columns_of(path)
    assert unread == list(others)
    assert set(found) == set(walks())
    for name, values in walks().items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6)


def test_an_index_of_pandas_is_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame(LISTS, index=pd.Index(np.arange(20) // 5 + 7, name="episode"))
    frame.to_parquet(tmp_path / "rows.parquet")
    assert set(read(tmp_path / "rows.parquet").episode) == {7, 8, 9, 10}


def test_arrays_that_nobody_asked_for_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", infos=np.array([{"a": 1}], dtype=object), **walks())
    found, unread = read_columns_of(tmp_path / "rows.npz")
    assert unread == ["infos"]
    assert set(found) == set(walks())


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"truncated": pa.array([None] + [True] * 19)}, "'truncated', row 0: expected a value in"),
        ({"reward": pa.array([1.0] * 19 + [None])}, "'reward', row 19: expected a value in"),
        (
            {"actions": pa.array([[1.0, None] if i == 3 else [1.0, 1.0] for i in range(20)])},
            "'actions', row 3: expected a value in each row",
        ),
        ({"reward": pa.array(["a"] * 20)}, "'reward': expected numbers, or lists of numbers"),
        ({"actions": pa.array([[[1.0]]] * 20)}, "'actions': expected numbers, or lists of numbers"),
        ({"observations_0": pa.array([1.0] * 20)}, "found observations and observations_0"),
        ({"goal_1": pa.array([1.0] * 20)}, "found goal_1 without goal_0"),
        (
            {"goal_0": pa.array([1.0] * 20), "goal_1": pa.array([[1.0]] * 20)},
            "found goal_0, … of shapes [[20], [20, 1]]",
        ),
    ],
)
def test_columns_that_are_none_are_refused(
    tmp_path: Path, columns: dict[str, pa.Array], told: str
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({**of_type(pa.list_(pa.float64())), **columns}), path)
    with pytest.raises(UserError) as caught:
        read_columns_of(path)
    assert told in str(caught.value)


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.Table.from_arrays([pa.array([0, 1]), pa.array([0, 0])], ["episode", "episode"])
    pq.write_table(table, path)
    with pytest.raises(UserError, match="column 'episode': expected one column of that name"):
        read_columns_of(path)


def test_a_folder_of_parts_is_refused(tmp_path: Path) -> None:
    """Their order would be that of their names, and no change in them be seen."""
    (tmp_path / "rows.parquet").mkdir()
    with pytest.raises(UserError, match="found a folder"):
        read_columns_of(tmp_path / "rows.parquet")


@pytest.mark.parametrize("ending", [".npz", ".parquet"])
def test_damage_is_no_traceback(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path, walks(), ending)
    whole = path.read_bytes()
    generator = np.random.default_rng(5)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in generator.integers(0, len(whole), 8):
            damaged[place] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            read_columns_of(path)
        except UserError:
            refused += 1
    assert refused
