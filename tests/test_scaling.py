"""The benchmarks that are no race: growth with size, and learning in either precision."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import learning, results, scaling, scaling_point


def test_the_exponent_is_that_of_the_two_largest_sizes() -> None:
    sizes = np.array([1.0, 10.0, 100.0])
    assert scaling.slope(sizes, np.array([7.0, 3.0, 300.0])) == pytest.approx(2.0)


@pytest.mark.parametrize("objects", [2, 5])
def test_the_domain_of_many_objects_has_so_many(objects: int) -> None:
    domain, mask = scaling_point.domain_of(objects)
    assert len(domain.slots.state) == objects
    assert domain.slots.observation_dim == 2 * objects
    assert mask.shape == (objects + 1, objects)
    assert mask[np.arange(objects), np.arange(objects)].all()


def test_points_are_measured_apart_and_drawn(tmp_path: Path) -> None:
    given = ["--only", "sample_augmented", "rebalance", "--largest", "10000"]
    assert scaling.main([*given, "--output", str(tmp_path)]) == 0
    frame = pd.read_csv(tmp_path / "scaling.csv")
    assert list(frame["what"]) == ["sample_augmented", "rebalance"]
    assert set(frame["size"]) == {10_000}
    assert (frame["seconds"] > 0).all()
    # A process of its own starts without what another one used.
    assert (frame["peak_mb"] >= frame["start_mb"]).all()
    assert (tmp_path / "scaling.png").stat().st_size > 1000


def table_of(folder: Path, scale: str, steps: float) -> None:
    rows = {
        "agent": ["td3_bc", "td3_bc", "-"],
        "distribution": ["mocoda"] * 3,
        "dynamics": ["locally_factored"] * 3,
        "metric": ["steps to goal", "success rate", "error norm x100, mean prediction"],
        "unit": ["steps", "%", "0.01"],
        "seeds": [3] * 3,
        "mean": [steps, 100.0, 0.5],
        "ci_low": [0.9 * steps, 90.0, 0.4],
        "ci_high": [1.1 * steps, 100.0, 0.6],
        "code_version": ["0123456789ab"] * 3,
    }
    (folder / scale).mkdir(parents=True)
    pd.DataFrame(rows).to_csv(folder / scale / "tables.csv", index=False)


def test_learning_is_compared_cell_by_cell(tmp_path: Path) -> None:
    assert learning.rows(tmp_path) == []
    table_of(tmp_path, "precision_bf16", 22.0)
    assert learning.rows(tmp_path) == []
    table_of(tmp_path, "precision_fp32", 20.0)
    rows = learning.rows(tmp_path)
    frame = pd.DataFrame(rows)
    assert list(frame.columns) == results.COLUMNS
    assert list(frame["ratio"]) == [1.1, 1.0]
    assert frame["shape"][0] == "nav2d, steps to goal: TD3-BC on MoCoDA, locally factored"
    assert (frame["ours_measured"][0], frame["peer_measured"][0]) == (22.0, 20.0)
    # 95 % of fp32's own seeds.
    assert frame["spread"][0] == "0.9-1.1"
    json.dumps(rows)
