"""What is measured of masks: quality on fresh rows, and swaps for a dynamics model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mocoda.artifacts import read_json
from mocoda.domains import DOMAINS
from mocoda.domains.nav2d import NAV2D
from mocoda.episodes import shared_split
from mocoda.factors import mask_id
from mocoda.jobs import Job
from mocoda.masks.ground_truth import GroundTruthMask
from mocoda.stages import validation_loss as stage
from mocoda.stages.fit_mask import fit_mask
from mocoda.stages.mask_tables import mask_tables
from mocoda.stages.report_mask import ROWS, report_mask
from mocoda.stages.validation_loss import Regression, Standardisation
from mocoda.stages.validation_loss_settings import ValidationLossSettings
from mocoda.stores import write_transitions
from mocoda.transitions import Transitions

COLLECT = {"transitions": 3000}


@pytest.fixture(scope="module")
def rows() -> Transitions:
    settings = NAV2D.settings.model_validate(COLLECT)
    return NAV2D.collect(settings, 0, 1, lambda text: None).transitions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, rows: Transitions) -> Path:
    """Logged rows of nav2d and two masks by rule."""
    folder = tmp_path_factory.mktemp("masks")
    write_transitions(folder / "real", folder / "real.json", rows, {})
    for kind in ("ground_truth", "dense"):
        fit_mask(job(folder, "fit_mask", kind, {"kind": kind}))
    return folder


def job(folder: Path, name: str, mask: str, settings: dict[str, Any], **wildcards: str) -> Job:
    inputs = {
        "store": "real",
        "manifest": "real.json",
        "mask": f"{mask}.safetensors",
        "card": f"{mask}.json",
        "mask_card": f"{mask}.json",
    }
    outputs = {
        "fit_mask": {"mask": f"{mask}.safetensors", "card": f"{mask}.json"},
        "report_mask": {"report": f"{mask}_report.json", "roc": f"{mask}_roc.csv"},
        "validation_loss": {"curves": f"{mask}_curves.csv"},
    }[name]
    return Job(
        stage=name,
        inputs={key: str(folder / file) for key, file in inputs.items()},
        outputs={key: str(folder / file) for key, file in outputs.items()},
        wildcards={"domain": "nav2d", "scale": "test", "seed": "0", "mask": mask, **wildcards},
        settings=settings,
        code="",
        threads=1,
        state=folder / "state",
    )


def test_graphs_of_more_entries_than_bits_have_numbers_of_their_own() -> None:
    """Equal graphs have equal numbers, others do not; small graphs keep their bits."""
    generator = np.random.default_rng(0)
    graphs = generator.random((300, 10, 9)) < 0.5
    numbers = mask_id(np.concatenate([graphs, graphs[::-1]]))
    assert numbers.dtype == np.int64
    assert len(np.unique(numbers)) == 300
    assert np.array_equal(numbers[:300], numbers[:299:-1])
    assert numbers.min() >= 0
    one_bit = np.zeros((62, 31, 2), dtype=bool)
    one_bit.reshape(62, 62)[np.arange(62), np.arange(62)] = True
    assert np.array_equal(mask_id(one_bit), 1 << np.arange(62, dtype=np.int64))


def test_the_true_mask_is_perfect_and_the_dense_one_blind(folder: Path, rows: Transitions) -> None:
    reports = {}
    for kind in ("ground_truth", "dense"):
        report_mask(job(folder, "report_mask", kind, {"collect_empirical": COLLECT}))
        reports[kind] = read_json(folder / f"{kind}_report.json")
    truth, dense = reports["ground_truth"], reports["dense"]
    for name in ("auc", "precision", "recall", "auc_all_roots", "rows_with_the_true_graph"):
        assert truth[name] == 1.0, name
    assert dense["auc"] == 0.5
    assert dense["recall"] == 1.0
    # Of the entries, x and y are each their own parent in all rows, and each other's where coupled.
    coupled = np.array(truth["mean_truth"])[0, 1]
    assert 0.1 < coupled < 0.5
    assert dense["precision"] == pytest.approx((1 + coupled) / 2)
    assert dense["rows_with_the_true_graph"] == pytest.approx(coupled)
    # Between x and y all that is left is the coupling.
    assert truth["auc_between_slots"] == truth["precision_between_slots"] == 1.0
    assert dense["precision_between_slots"] == pytest.approx(coupled)
    # Both on the same rows, which are not the logged ones.
    assert truth["rows"] == ROWS
    assert truth["mean_truth"] == dense["mean_truth"]
    logged = GroundTruthMask(DOMAINS["nav2d"].true_mask)(rows.observation, rows.action)
    assert logged.mean(axis=0).tolist() != truth["mean_truth"]
    points = pd.read_csv(folder / "ground_truth_roc.csv")
    assert set(points["mask"]) == {"ground_truth"}
    assert set(points["seed"]) == {0}
    assert ((points["false_positive_rate"] == 0) & (points["true_positive_rate"] == 1)).any()


@pytest.mark.parametrize("edges", [True, False])
def test_true_graphs_of_one_kind_have_no_curve_but_a_table(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edges: bool
) -> None:
    """Where all entries are edges, or none is, areas are left out; all else is measured."""
    shape = NAV2D.true_mask(np.zeros((1, 2)), np.zeros((1, 2))).shape[1:]
    truth = replace(NAV2D, true_mask=lambda rows, _: np.full((len(rows), *shape), edges))
    monkeypatch.setitem(DOMAINS, "nav2d", truth)
    made = job(folder, "report_mask", "dense", {"collect_empirical": COLLECT})
    outputs = {name: str(tmp_path / Path(file).name) for name, file in made.outputs.items()}
    report_mask(replace(made, outputs=outputs))
    report = read_json(outputs["report"])
    assert report["auc"] is report["auc_all_roots"] is report["auc_between_slots"] is None
    assert report["precision"] == float(edges)
    assert report["recall"] == 1.0
    (tmp_path / "tables").mkdir()
    results = {
        "csv": tmp_path / "tables/mask_quality.csv",
        "markdown": tmp_path / "tables/mask_quality.md",
        "figures": tmp_path / "tables/figures",
    }
    mask_tables(
        replace(
            made,
            inputs={"reports": [outputs["report"]], "curves": [outputs["roc"]]},
            outputs={name: str(path) for name, path in results.items()},
            settings={"notes": []},
        )
    )
    table = pd.read_csv(results["csv"]).set_index("metric")["mean"]
    assert np.isnan(table["auc"])
    assert table["precision"] == float(edges)
    assert "nan" not in results["markdown"].read_text()
    assert [path.name for path in results["figures"].glob("*.png")] == ["mean_masks.png"]


def test_random_swaps_break_the_dynamics_and_codas_do_not(rows: Transitions) -> None:
    mask = GroundTruthMask(NAV2D.true_mask)
    sets = stage.data_sets(NAV2D, rows, mask, "ground_truth", 2000, seed=0)
    assert list(sets) == ["logged rows", "random swaps", "CoDA, ground truth"]
    assert sets["logged rows"] is None
    for name, exact in (("random swaps", False), ("CoDA, ground truth", True)):
        made = sets[name]
        moved = NAV2D.true_dynamics(made.observation, made.action)
        assert np.array_equal(moved, made.next_observation) == exact, name
        # Each column is that of some logged row, next state included.
        for column in range(2):
            pairs = np.stack([rows.observation[:, column], rows.next_observation[:, column]], 1)
            new = np.stack([made.observation[:, column], made.next_observation[:, column]], 1)
            assert set(map(tuple, new)) <= set(map(tuple, pairs))


def test_a_model_that_was_interrupted_goes_on_the_same(rows: Transitions) -> None:
    settings = ValidationLossSettings(hidden_sizes=(16,), batch_size=32, validate_every=5)
    scale = Standardisation(rows)
    batch = scale(rows, None)
    learners = [Regression(settings, batch, batch, seed=3) for _ in range(2)]

    def run(learner: Regression, block: int) -> None:
        for part in learner.batches(block):
            learner.update(part)
        learner.validate(0)

    for block in range(3):
        run(learners[0], block)
    run(learners[1], 0)
    other = Regression(settings, batch, batch, seed=3)
    other.load_state({name: value.clone() for name, value in learners[1].state().items()})
    for block in (1, 2):
        run(other, block)
    assert other.validation_losses == learners[0].validation_losses
    assert len(set(other.validation_losses)) == 3
    for name, value in learners[0].state().items():
        assert value.equal(other.state()[name]), name


def test_the_model_learns_and_is_validated_on_other_episodes(
    folder: Path, rows: Transitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, set[int]]] = []
    original = Standardisation.__call__

    def spied(self: Standardisation, real: Transitions, generated: Any) -> Any:
        batch = original(self, real, generated)
        seen.append((len(batch.inputs), set(real.episode.tolist())))
        return batch

    monkeypatch.setattr(Standardisation, "__call__", spied)
    training = {
        "real_rows": 300,
        "generated_rows": 1000,
        "validation_rows": 200,
        "hidden_sizes": [32],
        "updates": 200,
        "validate_every": 50,
    }
    made = job(folder, "validation_loss", "ground_truth", {"training": training, "mask": "dense"})
    stage.validation_loss(made)
    curves = pd.read_csv(made.outputs["curves"])
    by_data = dict(iter(curves.groupby("data")))
    assert set(by_data) == {"logged rows", "random swaps", "CoDA, dense", "CoDA, ground truth"}
    assert by_data["logged rows"]["rows"].unique() == [300]
    assert by_data["random swaps"]["rows"].unique() == [1300]
    for part in by_data.values():
        assert part["updates"].tolist() == [50, 100, 150, 200]
        assert part["validation_loss"].iloc[-1] < part["validation_loss"].iloc[0]
    # Training and validation rows in turn: sizes as set, and never the same rows.
    assert [size for size, _ in seen[::2]] == [300, 1300, 1300, 1300]
    assert {size for size, _ in seen[1::2]} == {200}
    assert not seen[0][1] & seen[1][1]
    held_out = shared_split("nav2d", rows, 0.1, 0)[1]
    assert seen[1][1] <= set(rows.episode[held_out].tolist())
