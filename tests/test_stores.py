"""Stores of transitions: what is read is what was written, or the fault is named."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from spine_examples import WIDTHS, logged_rows

from mocoda.artifacts import checksum, read_json
from mocoda.errors import UserError
from mocoda.stores import (
    STORE,
    TransitionWriter,
    array_of,
    read_columns,
    read_transitions,
    verify,
    write_manifest,
    write_transitions,
)
from mocoda.transitions import COLUMNS, Provenance, Transitions


def same(found: Transitions, expected: Transitions) -> None:
    for name in COLUMNS:
        values = getattr(found, name)
        assert values.dtype == COLUMNS[name]
        assert values.tobytes() == getattr(expected, name).tobytes(), name


def store_in(folder: Path, count: int = 50, shard_rows: int = 20) -> tuple[Path, Path]:
    """(manifest, folder) of a small store."""
    manifest, store = folder / "manifest.json", folder / "store"
    write_transitions(store, manifest, logged_rows(count), {"why": "test"}, shard_rows)
    return manifest, store


def shards(store: Path) -> list[Path]:
    return sorted((store / STORE / "observation" / "c").rglob("*/0"))


@settings(max_examples=8, deadline=None)
@given(count=st.integers(1, 60), shard_rows=st.integers(1, 70), chunk_rows=st.integers(1, 70))
def test_rows_come_back_bit_for_bit_however_they_are_cut(
    count: int, shard_rows: int, chunk_rows: int
) -> None:
    shard_rows = max(shard_rows, count // 6)  # few files: the test stays quick
    with tempfile.TemporaryDirectory() as name:
        manifest, store = store_in(Path(name), count, shard_rows)
        rows = logged_rows(count)
        same(read_transitions(manifest, store), rows)
        parts = list(read_columns(store, ["goal", "step"], chunk_rows))
        assert all(len(goal) <= chunk_rows for goal, _ in parts)
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), rows.goal)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), rows.step)


def test_the_manifest_counts_rows_by_provenance_and_lists_every_file(tmp_path: Path) -> None:
    rows = logged_rows(50)
    kinds = np.array([Provenance.REAL] * 20 + [Provenance.MODEL] * 29 + [Provenance.CODA], np.uint8)
    manifest, store = tmp_path / "manifest.json", tmp_path / "store"
    write_transitions(store, manifest, replace(rows, provenance=kinds), {"a": 1}, 20)
    listed = read_json(manifest)
    assert listed["rows"] == 50
    assert listed["rows_by_provenance"] == {"real": 20, "model": 29, "coda": 1}
    assert listed["facts"] == {"a": 1}
    present = {f.relative_to(store).as_posix() for f in store.rglob("*") if f.is_file()}
    assert set(listed["files"]) == present
    assert len(shards(store)) == 3
    for name, entry in listed["files"].items():
        assert entry == {"bytes": (store / name).stat().st_size, "sha256": checksum(store / name)}


def refused(manifest: Path, store: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        read_transitions(manifest, store)
    assert f"Delete {store} and {manifest}, then run the same command again" in str(caught.value)
    return caught.value


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    manifest, store = store_in(tmp_path)
    shard = shards(store)[1]
    contents = bytearray(shard.read_bytes())
    contents[len(contents) // 2] ^= 1
    shard.write_bytes(contents)
    error = refused(manifest, store)
    assert error.where == str(shard)
    name = shard.relative_to(store).as_posix()
    assert error.expected == f"sha256 {read_json(manifest)['files'][name]['sha256'][:12]}…"
    assert error.found == "other contents"


def test_a_missing_shard_is_found(tmp_path: Path) -> None:
    manifest, store = store_in(tmp_path)
    shard = shards(store)[2]
    shard.unlink()
    error = refused(manifest, store)
    assert (error.where, error.expected, error.found) == (str(shard), "a shard", "no such file")


def test_a_truncated_shard_is_found(tmp_path: Path) -> None:
    manifest, store = store_in(tmp_path)
    shard = shards(store)[0]
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-3])
    error = refused(manifest, store)
    assert error.where == str(shard)
    assert (error.expected, error.found) == (f"{len(whole)} bytes", f"{len(whole) - 3} bytes")


def test_a_truncated_manifest_is_found(tmp_path: Path) -> None:
    manifest, store = store_in(tmp_path)
    manifest.write_text(manifest.read_text()[:200])
    with pytest.raises(UserError) as caught:
        verify(manifest, store)
    assert caught.value.where == str(manifest)
    assert caught.value.expected == "a JSON file written by an earlier stage"
    assert "run the same command again" in caught.value.remedy


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"version": 99}, "format mocoda-transitions, version 99"),
        ({"format": "other"}, "format other, version 1"),
    ],
)
def test_a_manifest_of_another_version_is_refused(
    tmp_path: Path, change: dict[str, object], found: str
) -> None:
    manifest, store = store_in(tmp_path)
    manifest.write_text(json.dumps({**read_json(manifest), **change}))
    error = refused(manifest, store)
    assert error.where == str(manifest)
    assert error.expected == "a manifest of format mocoda-transitions, version 1"
    assert error.found == found


@pytest.mark.parametrize("contents", ["[]", "{}", "3"])
def test_json_that_is_no_manifest_is_refused(tmp_path: Path, contents: str) -> None:
    manifest, store = store_in(tmp_path)
    manifest.write_text(contents)
    assert refused(manifest, store).found == "format None, version None"


def test_a_missing_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a Zarr store of transitions"):
        list(read_columns(tmp_path / "nothing", ["goal"]))


def test_a_writer_goes_on_after_the_last_whole_shard(tmp_path: Path) -> None:
    rows = logged_rows(50)
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    write_transitions(whole, tmp_path / "whole.json", rows, {}, 20)
    for _ in range(3):  # each time a new writer, as after a kill
        writer = TransitionWriter(resumed, 50, WIDTHS, 20)
        start, stop = writer.bounds(writer.next_shard)
        writer.write(writer.next_shard, rows.take(slice(start, stop)))
    assert writer.next_shard == writer.shards == 3
    writer.finish()
    write_manifest(tmp_path / "resumed.json", resumed, {})
    assert (tmp_path / "whole.json").read_bytes() == (tmp_path / "resumed.json").read_bytes()


def test_what_a_kill_left_of_a_chunk_is_no_part_of_the_store(tmp_path: Path) -> None:
    rows = logged_rows(40)
    whole_manifest, _ = store_in(tmp_path / "whole", 40, 20)
    folder = tmp_path / "killed"
    writer = TransitionWriter(folder, 40, WIDTHS, 20)
    writer.write(0, rows.take(slice(0, 20)))
    # As Zarr names the file of a chunk until all its bytes are there.
    left = folder / STORE / "observation" / "c" / "1" / "0.0123456789abcdef.partial"
    left.parent.mkdir()
    left.write_bytes(b"a part")
    again = TransitionWriter(folder, 40, WIDTHS, 20)
    again.write(1, rows.take(slice(20, 40)))
    again.finish()
    write_manifest(tmp_path / "manifest.json", folder, {"why": "test"})
    assert (tmp_path / "manifest.json").read_bytes() == whole_manifest.read_bytes()
    assert not left.exists()


def test_a_kill_while_the_store_is_made_does_no_harm(tmp_path: Path) -> None:
    rows = logged_rows(20)
    TransitionWriter(tmp_path / "store", 20, WIDTHS, 20)
    for name in list(COLUMNS)[4:]:  # as if they had not been made yet
        shutil.rmtree(tmp_path / "store" / STORE / name)
    writer = TransitionWriter(tmp_path / "store", 20, WIDTHS, 20)
    writer.write(0, rows)
    writer.finish()
    write_manifest(tmp_path / "manifest.json", tmp_path / "store", {})
    same(read_transitions(tmp_path / "manifest.json", tmp_path / "store"), rows)


def test_a_shard_takes_its_own_number_of_rows(tmp_path: Path) -> None:
    writer = TransitionWriter(tmp_path / "store", 50, WIDTHS, 20)
    with pytest.raises(ValueError, match="shard 2 takes 10 rows, not 20"):
        writer.write(2, logged_rows(20))
    assert writer.next_shard == 0


def test_a_full_disk_is_told_and_keeps_the_shards_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    rows = logged_rows(50)
    writer = TransitionWriter(tmp_path / "store", 50, WIDTHS, 20)
    writer.write(0, rows.take(slice(0, 20)))
    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "__setitem__", full)
        with pytest.raises(UserError) as caught:
            writer.write(1, rows.take(slice(20, 40)))
    assert caught.value.where.startswith(str(tmp_path / "store"))
    assert caught.value.found == "No space left on device"
    again = TransitionWriter(tmp_path / "store", 50, WIDTHS, 20)
    assert again.next_shard == 1
    np.testing.assert_array_equal(np.asarray(array_of(again.group, "goal")[:20]), rows.goal[:20])


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="a place that can be written to"):
        TransitionWriter(tmp_path / "file" / "store", 50, WIDTHS, 20)
