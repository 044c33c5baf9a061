"""Artefacts that were damaged after they were written: refused when read, others left alone."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spine_examples import DOMAIN, logged_rows

from faults.planted import contents, refused
from mocoda.artifacts import checksum, read_json, read_tensors, write_json, write_tensors
from mocoda.batches import load_table
from mocoda.masks.stored import load_mask
from mocoda.provenance import checksums_of, verify_inputs
from mocoda.stores import STORE, read_transitions, write_transitions


@dataclass(frozen=True)
class Artefacts:
    """A store with its manifest, another store, tensors and a card with its provenance."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        files = {
            "manifest": "real/manifest.json",
            "store": "real/store",
            "other_manifest": "other/manifest.json",
            "other_store": "other/store",
            "tensors": "mask/mask.safetensors",
            "card": "mask/card.json",
        }
        return self.folder / files[name]

    def shard(self, column: str = "goal", number: str = "1/0") -> Path:
        return self.store / STORE / column / "c" / number

    def read(self) -> object:
        return read_transitions(self.manifest, self.store)

    def read_mask(self) -> object:
        """As a job reads it: the inputs' checksums first."""
        paths = {"card": str(self.card), "mask": str(self.tensors)}
        verify_inputs(checksums_of(paths))
        return load_mask(str(self.card), str(self.tensors), DOMAIN)

    def read_selected(self, rows: list[int]) -> object:
        """A data set of the real rows and some of the other store's."""
        stores = ((self.manifest, self.store), (self.other_manifest, self.other_store))
        return load_table(DOMAIN, 0, *stores, np.array(rows, dtype=np.int64))


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    made = Artefacts(tmp_path)
    rows = logged_rows(40)
    # No terminal rows: zarr then writes no chunk of that column.
    rows = replace(rows, terminated=np.zeros(40, dtype=bool))
    write_transitions(made.store, made.manifest, rows, {}, 20)
    other = logged_rows(40, "other")
    write_transitions(made.other_store, made.other_manifest, other, {}, 20)
    write_tensors(made.tensors, {"weights": torch.arange(6.0)})
    write_json(made.card, {"settings": {"kind": "dense"}})
    outputs = {made.card.name: checksum(made.card), made.tensors.name: checksum(made.tensors)}
    write_json(made.card.parent / "provenance.json", {"outputs": outputs})
    assert made.read()
    assert made.read_mask()
    assert made.read_selected([0, 39])
    return made


def flip(file: Path, place: float = 0.5) -> None:
    """Change one bit of a file."""
    raw = bytearray(file.read_bytes())
    raw[int(place * (len(raw) - 1))] ^= 1
    file.write_bytes(raw)


def cut(file: Path, kept: float) -> None:
    raw = file.read_bytes()
    file.write_bytes(raw[: int(kept * len(raw))])


def alter(file: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file in place."""
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def plant_chunk(made: Artefacts) -> None:
    """A chunk of a column that has none, which makes every row terminal."""
    chunk = made.shard("terminated", "0")
    assert not chunk.exists()
    chunk.parent.mkdir(parents=True, exist_ok=True)
    chunk.write_bytes(b"\x01" * 20)


def plant_dtype(made: Artefacts) -> None:
    """Metadata of another type, and a manifest that agrees with it."""
    file = made.store / STORE / "reward" / "zarr.json"
    alter(file, lambda meta: meta.update(data_type="int32"))
    entry = {"bytes": file.stat().st_size, "sha256": checksum(file)}
    name = file.relative_to(made.store).as_posix()
    alter(made.manifest, lambda listed: listed["files"].update({name: entry}))


RERUN = "run the same command again"
FORMAT = "a manifest of format mocoda-transitions, version 1"
JSON = "a JSON file written by an earlier stage"
TENSORS = "a safetensors file written by an earlier stage"
# name: what is planted, how it is read, and what the error says.
FAULTS: dict[str, tuple[Callable[[Artefacts], object], str, str, str, str, str]] = {
    "flipped bit": (
        *(lambda made: flip(made.shard()), "read"),
        *("goal/c/1/0", "sha256 ", "other contents", RERUN),
    ),
    "missing shard": (
        *(lambda made: made.shard().unlink(), "read"),
        *("goal/c/1/0", "a shard", "no such file", RERUN),
    ),
    "truncated shard": (
        *(lambda made: cut(made.shard(), 0.5), "read"),
        *("goal/c/1/0", "480 bytes", "240 bytes", RERUN),
    ),
    "flipped bit in the layout": (
        *(lambda made: flip(made.store / STORE / "goal" / "zarr.json"), "read"),
        *("goal/zarr.json", "sha256 ", "other contents", RERUN),
    ),
    "unlisted chunk": (
        *(plant_chunk, "read"),
        *("terminated/c/0", "files that the manifest lists", "another", RERUN),
    ),
    "column of another type": (
        *(plant_dtype, "read"),
        *("column 'reward'", "dtype float32", "dtype int32", RERUN),
    ),
    "missing store": (
        *(lambda made: shutil.rmtree(made.store), "read"),
        *("real/store", "a shard", "no such file", RERUN),
    ),
    "missing manifest": (
        *(lambda made: made.manifest.unlink(), "read"),
        *("real/manifest.json", JSON, "No such file", RERUN),
    ),
    "truncated manifest": (
        *(lambda made: cut(made.manifest, 0.7), "read"),
        *("real/manifest.json", JSON, "line ", RERUN),
    ),
    "manifest of another version": (
        *(lambda made: alter(made.manifest, lambda listed: listed.update(version=2)), "read"),
        *("real/manifest.json", FORMAT, "version 2", RERUN),
    ),
    "manifest of another format": (
        *(lambda made: alter(made.manifest, lambda listed: listed.update(format="x")), "read"),
        *("real/manifest.json", FORMAT, "format x", RERUN),
    ),
    "manifest of another store": (
        *(lambda made: shutil.copy(made.other_manifest, made.manifest), "read"),
        *("real/store", "sha256 ", "other contents", RERUN),
    ),
    "manifest with fewer rows": (
        *(lambda made: alter(made.manifest, lambda listed: listed.update(rows=39)), "read"),
        *("column 'observation'", "the 39 rows of", "40 rows", RERUN),
    ),
    "manifest with rows as text": (
        *(lambda made: alter(made.manifest, lambda listed: listed.update(rows="40")), "read"),
        *("real/manifest.json", FORMAT, "missing or mistyped entries", RERUN),
    ),
    "manifest with a list of files": (
        *(lambda made: alter(made.manifest, lambda listed: listed.update(files=[1])), "read"),
        *("real/manifest.json", FORMAT, "missing or mistyped entries", RERUN),
    ),
    "altered card": (
        *(lambda made: alter(made.card, lambda card: card.update(x=1)), "read_mask"),
        *("mask/card.json", "the contents that its stage wrote", "other contents", RERUN),
    ),
    "card of an unknown mask": (
        *(
            lambda made: alter(made.card, lambda card: card["settings"].update(kind="denser")),
            "read_mask",
        ),
        *("mask/card.json", "the contents that its stage wrote", "other contents", RERUN),
    ),
    "truncated provenance": (
        *(lambda made: cut(made.card.parent / "provenance.json", 0.5), "read_mask"),
        *("mask/provenance.json", JSON, "line ", RERUN),
    ),
    "provenance is a list": (
        *(lambda made: (made.card.parent / "provenance.json").write_text("[1]"), "read_mask"),
        *("mask/provenance.json", "the provenance that a stage wrote", "[1]", RERUN),
    ),
    "provenance without checksums": (
        *(
            lambda made: alter(
                made.card.parent / "provenance.json", lambda facts: facts.update(outputs={"a": 1})
            ),
            "read_mask",
        ),
        *("mask/provenance.json", "with checksums of its outputs", "{'outputs'", RERUN),
    ),
    "altered tensors": (
        *(lambda made: flip(made.tensors, 0.99), "read_mask"),
        *("mask.safetensors", "the contents that its stage wrote", "other contents", RERUN),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_damage_is_told_and_nothing_else_is_touched(name: str, artefacts: Artefacts) -> None:
    plant, how, where, expected, found, remedy = FAULTS[name]
    plant(artefacts)
    before = contents(artefacts.folder)
    reader = getattr(artefacts, how)
    refused(reader, where=where, expected=expected, found=found, remedy=remedy)
    assert contents(artefacts.folder) == before


@pytest.mark.parametrize(
    ("kept", "found"), [(0.0, "header too small"), (0.1, "header"), (0.9, "not fully covered")]
)
def test_truncated_tensors(kept: float, found: str, artefacts: Artefacts) -> None:
    cut(artefacts.tensors, kept)
    refused(
        lambda: read_tensors(artefacts.tensors),
        where="mask.safetensors",
        expected=TENSORS,
        found=found,
        remedy=RERUN,
    )


@pytest.mark.parametrize("kind", ["pickle", "torch", "text"])
def test_tensors_of_another_format(kind: str, artefacts: Artefacts) -> None:
    """What could run code is not loaded, whatever its name says."""
    if kind == "pickle":
        artefacts.tensors.write_bytes(pickle.dumps({"weights": [1.0]}))
    elif kind == "torch":
        torch.save({"weights": torch.ones(3)}, artefacts.tensors)
    else:
        artefacts.tensors.write_text("weights: 1 2 3\n" * 10)
    refused(
        lambda: read_tensors(artefacts.tensors),
        where="mask.safetensors",
        expected=TENSORS,
        found="header",
        remedy=RERUN,
    )


@pytest.mark.parametrize("text", ["", "{", '{"settings": {"kind": "dense"', "\x00" * 40])
def test_a_damaged_card(text: str, artefacts: Artefacts) -> None:
    artefacts.card.write_text(text)
    refused(
        lambda: load_mask(str(artefacts.card), str(artefacts.tensors), DOMAIN),
        where="mask/card.json",
        expected=JSON,
        found="line 1 column ",
        remedy=RERUN,
    )


@pytest.mark.parametrize(("rows", "needed"), [([3, 40], 41), ([0, 1, 1000], 1001)])
def test_a_selection_beyond_the_store(rows: list[int], needed: int, artefacts: Artefacts) -> None:
    refused(
        lambda: artefacts.read_selected(rows),
        where="other/store",
        expected=f"at least {needed} rows",
        found="40 rows",
        remedy="The selection belongs to another store: run rebalance again",
    )


def test_a_manifest_keeps_what_the_store_was_made_with(artefacts: Artefacts) -> None:
    """The checks above see the store as it is: without a fault the rows are those written."""
    rows = read_transitions(artefacts.manifest, artefacts.store)
    assert rows.goal.tobytes() == logged_rows(40).goal.tobytes()
    assert not rows.terminated.any()
    assert read_json(artefacts.manifest)["rows"] == 40
