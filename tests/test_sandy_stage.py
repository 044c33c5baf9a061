"""Learned masks in the stage: the threshold, the card, and how good a mask is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mocoda.artifacts import read_json
from mocoda.domains.nav2d import NAV2D
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.masks import MASKS
from mocoda.masks.quality import auc, precision_recall, roc
from mocoda.masks.stored import load_mask
from mocoda.masks.threshold import ThresholdCurve
from mocoda.stages.fit_mask import fit_mask, local_graphs
from mocoda.stages.train_dynamics import split_rows
from mocoda.stores import write_transitions


def test_the_threshold_is_the_last_one_before_the_error_rises() -> None:
    curve = ThresholdCurve(
        thresholds=torch.tensor([[0.1, 1.0], [0.2, 2.0], [0.3, 3.0], [0.4, 4.0]]),
        error=torch.tensor([[1.0, 2.0], [1.0, 2.05], [1.5, 2.0], [1.0, 2.0]]),
        plain_error=torch.tensor([1.0, 2.0]),
        edges=torch.ones(4, 2),
    )
    assert curve.choose(0.1, 9.0).tolist() == pytest.approx([0.2, 4.0])
    assert curve.choose(0.02, 9.0).tolist() == pytest.approx([0.2, 1.0])
    assert curve.choose(1.0, 9.0).tolist() == pytest.approx([0.4, 4.0])
    assert curve.choose(1.0, 0.4).tolist() == pytest.approx([0.2, 4.0])
    assert curve.choose(0.0, 0.0, floor=0.6).tolist() == pytest.approx([0.4, 4.0])
    unreached = replace(curve, plain_error=torch.tensor([0.5, 2.0])).choose(0.1, 9.0)
    assert unreached[0] < torch.tensor(0.1)  # the first candidate is above it, and stays an edge
    assert unreached[0] == pytest.approx(0.1)


def test_quality_on_figures_worked_out_by_hand() -> None:
    truth = np.array([[[1, 0], [0, 1], [1, 0]]], dtype=bool)
    scores = np.array([[[0.9, 0.1], [0.4, 0.3], [0.2, 0.8]]], dtype=np.float32)
    # 9 pairs of a true and a false edge, by hand: 0.9 wins 3, 0.3 wins 1, 0.2 wins 1.
    assert auc(scores, truth) == pytest.approx(5 / 9)
    # Without the action 0.9 beats both, 0.3 beats 0.1 alone.
    assert auc(scores, truth, state_roots_only=True) == pytest.approx(3 / 4)
    found = precision_recall(scores > 0.25, truth)
    assert (found.precision, found.recall) == pytest.approx((2 / 4, 2 / 3))
    false_rate, true_rate, thresholds = roc(scores, truth)
    assert (false_rate[-1], true_rate[-1]) == (1.0, 1.0)
    assert (np.diff(thresholds) < 0).all()
    with pytest.raises(UserError, match="one shape"):
        precision_recall(scores[:, :2] > 0.25, truth)
    with pytest.raises(UserError, match="both kinds"):
        auc(scores, np.ones_like(truth))


def test_cards_list_graphs_of_any_size() -> None:
    graphs = np.zeros((6, 10, 9), dtype=bool)
    graphs[:4, 0, 1] = graphs[4, 9, 8] = True
    listed = local_graphs(graphs)
    assert [graph["id"] for graph in listed] == [0, 2, 2**89]
    assert [graph["share"] for graph in listed] == pytest.approx([1 / 6, 4 / 6, 1 / 6])
    assert listed[2]["mask"] == graphs[4].astype(int).tolist()


def test_the_stage_writes_a_mask_that_can_be_read_again(tmp_path: Path) -> None:
    rows = NAV2D.collect(NAV2D.settings.model_validate({"transitions": 400}), 0, 1, print)
    write_transitions(tmp_path / "store", tmp_path / "manifest.json", rows.transitions, {})
    paths = {name: str(tmp_path / name) for name in ("mask.safetensors", "card.json")}
    settings = {"kind": "sandy_mixture", "updates": 100, "experts": 2}
    job = Job(
        stage="fit_mask",
        inputs={"store": str(tmp_path / "store"), "manifest": str(tmp_path / "manifest.json")},
        outputs={"mask": paths["mask.safetensors"], "card": paths["card.json"]},
        wildcards={"domain": "nav2d", "scale": "smoke", "seed": "0"},
        settings=settings,
        code="",
        threads=1,
        state=tmp_path / "state",
    )
    fit_mask(job)
    card = read_json(paths["card.json"])
    loaded = load_mask(paths["card.json"], paths["mask.safetensors"], NAV2D)
    graphs = loaded(rows.transitions.observation, rows.transitions.action)
    assert [graph["share"] for graph in card["local_graphs"]] == pytest.approx(
        [graph["share"] for graph in local_graphs(graphs)]
    )
    assert set(card["threshold"]) == {"x", "y"}


def test_rows_that_the_dynamics_are_measured_on_trained_no_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both stages hold out the same episodes."""
    rows = NAV2D.collect(NAV2D.settings.model_validate({"transitions": 2000}), 0, 1, print)
    write_transitions(tmp_path / "store", tmp_path / "manifest.json", rows.transitions, {})
    kept: list[np.ndarray] = []

    def spied(*_arguments: Any, held_out: np.ndarray, **_named: Any) -> Any:
        kept.append(held_out)
        raise InterruptedError

    variant = replace(MASKS["sandy_mixture"], learn=spied)
    monkeypatch.setitem(MASKS, "sandy_mixture", variant)
    job = Job(
        stage="fit_mask",
        inputs={"store": str(tmp_path / "store"), "manifest": str(tmp_path / "manifest.json")},
        outputs={},
        wildcards={"domain": "nav2d", "scale": "smoke", "seed": "3", "mask": "sandy_mixture"},
        settings={"kind": "sandy_mixture"},
        code="",
        threads=1,
        state=tmp_path / "state",
    )
    with pytest.raises(InterruptedError):
        fit_mask(job)
    split = split_rows(NAV2D, rows.transitions, DynamicsSettings(), 3)
    measured = np.sort(np.concatenate([split.watched, split.reported]))
    assert np.array_equal(np.flatnonzero(kept[0]), measured)
    assert 0.05 < kept[0].mean() < 0.2
