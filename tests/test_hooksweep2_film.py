"""Films: drawn where a renderer works, an error that says what to do where none does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mocoda.domains import DOMAINS
from mocoda.errors import UserError

SEEDS = np.array([3, 4], dtype=np.uint64)


def test_film_shows_the_episode(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "oracle.gif"
    try:
        DOMAINS["hooksweep2"].film(None, SEEDS, path, steps=10)  # type: ignore[misc]
    except UserError as fault:
        pytest.skip(f"no renderer here: {fault.found}")
    with Image.open(path) as film:
        assert film.n_frames == 6
        first = np.array(film.convert("RGB"))
        film.seek(5)
        last = np.array(film.convert("RGB"))
    assert first.std() > 10
    assert (first != last).any()


def test_without_a_renderer_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "MUJOCO_GL", "disable")
    with pytest.raises(UserError, match="libegl1"):
        DOMAINS["hooksweep2"].film(None, SEEDS, tmp_path / "x.gif", steps=1)  # type: ignore[misc]
    assert not (tmp_path / "x.gif").exists()
