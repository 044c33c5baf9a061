"""What is missing around the program: space, permission, a renderer, the model's files."""

from __future__ import annotations

import errno
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from spine_examples import DOMAIN, logged_rows

from faults.planted import contents, little_space, refused
from mocoda.artifacts import atomic_path, write_json, write_tensors
from mocoda.domains.hooksweep2.scene import fetch_model_path
from mocoda.stores import write_transitions

LARGE = 200_000


def write_table(path: Path) -> None:
    with atomic_path(path) as partial:
        pd.DataFrame({"x": torch.rand(LARGE).numpy()}).to_parquet(partial)


WRITERS: dict[str, Callable[[Path], object]] = {
    "json": lambda path: write_json(path, {"x": "x" * LARGE}),
    "tensors": lambda path: write_tensors(path, {"x": torch.zeros(LARGE)}),
    "table": write_table,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_keeps_the_earlier_artefact(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "artefact"
    target.write_text("what an earlier run wrote")
    before = contents(tmp_path)

    def write() -> None:
        with little_space():
            WRITERS[kind](target)

    refused(
        write,
        where=str(target),
        expected="a place that can be written to",
        found=os.strerror(errno.EFBIG) if kind == "json" else "ile",
        remedy="Free disk space or choose a folder you may write to; nothing was lost",
    )
    assert contents(tmp_path) == before


def test_a_full_disk_while_a_store_is_written(tmp_path: Path) -> None:
    rows = logged_rows(3000)
    write_transitions(tmp_path / "one", tmp_path / "one.json", rows.take(slice(0, 100)), {})
    before = contents(tmp_path)

    def write() -> None:
        with little_space():
            write_transitions(tmp_path / "two", tmp_path / "two.json", rows, {})

    refused(
        write,
        where=str(tmp_path / "two"),
        expected="a place that can be written to",
        found=os.strerror(errno.EFBIG),
        remedy="Free disk space",
    )
    assert before.items() <= contents(tmp_path).items()
    # Without its manifest a store that was cut short cannot be taken for a whole one.
    assert not (tmp_path / "two.json").exists()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
def test_a_folder_that_cannot_be_written_to(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted in the call, since no folder is read-only for root."""
    target = tmp_path / "card.json"
    write_json(target, {"earlier": 1})
    before = contents(tmp_path)

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", refuse)
        refused(
            lambda: write_json(target, {"later": 2}),
            where=str(target),
            expected="a place that can be written to",
            found=os.strerror(code),
            remedy="choose a folder you may write to",
        )
    assert contents(tmp_path) == before


def test_a_missing_renderer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "nonsense")
    film = tmp_path / "agent.gif"
    film.write_bytes(b"an earlier film")
    assert DOMAIN.film is not None
    refused(
        lambda: DOMAIN.film(None, np.zeros(1, np.uint64), film, steps=1),  # type: ignore[misc]
        where="film of hooksweep2",
        expected="a working renderer (EGL or OSMesa)",
        found="nonsense: ",
        remedy="Install libegl1 or libosmesa6",
    )
    assert film.read_bytes() == b"an earlier film"


@pytest.mark.parametrize(
    ("locations", "found"), [(None, "no such package"), (["/nowhere"], "no file /nowhere")]
)
def test_the_robots_model_is_missing(
    locations: list[str] | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = SimpleNamespace(submodule_search_locations=locations) if locations else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: package)
    refused(
        fetch_model_path,
        where="domain hooksweep2",
        expected="the Fetch model of the package gymnasium-robotics",
        found=found,
        remedy="pip install 'gymnasium-robotics",
    )
