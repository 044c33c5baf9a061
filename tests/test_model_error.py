"""One-step errors of models: on which rows they are asked, and what is made of their answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from faults.planted import refused
from spine_examples import DOMAIN, logged_rows

from mocoda.artifacts import read_json, write_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.nav2d import NAV2D
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.domains.nav2d.task import in_quadrant, true_dynamics, true_mask
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.jobs import Job
from mocoda.masks.ground_truth import GroundTruthMaskSettings
from mocoda.stages import train_dynamics as training
from mocoda.stages.fit_mask import fit_mask
from mocoda.stages.model_error import error_measures, model_error, truth
from mocoda.stages.report_dynamics import report_dynamics
from mocoda.stores import write_transitions
from mocoda.transitions import Transitions

REAL = 800
DYNAMICS = DynamicsSettings(
    members=2,
    hidden=(8,),
    factored_hidden=(8,),
    composer_width=4,
    batch_size=32,
    updates=2,
    validate_every=2,
    validation_share=0.3,
    precision="fp32",
)
# Every other row of an answer is off three times as far, so that the mean of the norms, their root
# mean square and the mean square all differ.
OFF_MEAN, OFF_SAMPLED, DIVISOR = np.array([0.003, -0.004]), np.array([0.6, 0.8]), 4.0
EMP = {"distribution": "emp", "dynamics": "none"}


@dataclass(frozen=True)
class Prepared:
    """Artefacts of the stages before on 2D Navigation, and the rows that the training was given."""

    folder: Path
    training: Transitions
    watched: Transitions
    real: Transitions

    def job(self, stage: str, outputs: dict[str, str], settings: Any = None, **inputs: Any) -> Job:
        names = {
            "manifest": "real.json",
            "store": "real",
            "mask": "mask.safetensors",
            "mask_card": "mask.json",
            "dynamics": "dynamics.safetensors",
            "dynamics_card": "dynamics.json",
        }
        return Job(
            stage=stage,
            inputs={**{name: str(self.folder / file) for name, file in names.items()}, **inputs},
            outputs={name: str(self.folder / file) for name, file in outputs.items()},
            wildcards={"domain": "nav2d", "scale": "test", "seed": "3", "dynamics": "unfactored"},
            settings=settings or {},
            code="",
            threads=1,
            state=self.folder / "state" / stage,
        )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("nav2d")
    settings = Nav2DCollectionSettings(transitions=REAL)
    real = collect(settings, 3, 1, lambda text: None).transitions
    write_transitions(folder / "real", folder / "real.json", real, {})
    given: list[Transitions] = []
    rows_of = training.rows_of

    def recorded(transitions: Transitions, *arguments: Any) -> Any:
        given.append(transitions)
        return rows_of(transitions, *arguments)

    chain = Prepared(folder, real, real, real)
    mask = GroundTruthMaskSettings().model_dump(mode="json")
    fit_mask(chain.job("fit_mask", {"mask": "mask.safetensors", "card": "mask.json"}, mask))
    outputs = {"dynamics": "dynamics.safetensors", "card": "dynamics.json"}
    job = chain.job("train_dynamics", outputs, DYNAMICS.model_dump(mode="json"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "rows_of", recorded)
        training.train_dynamics(job)
    return replace(chain, training=given[0], watched=given[1])


@dataclass
class StandIn:
    """Answers the truth plus a known offset, and keeps what it was asked."""

    device: str = "cpu"
    means: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    samples: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    streams: list[int] = field(default_factory=list)

    def answer(self, observation: np.ndarray, action: np.ndarray, off: np.ndarray) -> np.ndarray:
        factor = np.where(np.arange(len(observation)) % 2 == 0, 1.0, 3.0)[:, None]
        exact = true_dynamics(observation.astype(np.float64), action.astype(np.float64))
        return exact + factor * off

    def mean_prediction(
        self, observation: np.ndarray, action: np.ndarray, graphs: np.ndarray
    ) -> np.ndarray:
        self.means.append((observation, action, graphs))
        return self.answer(observation, action, OFF_MEAN)

    def sample(
        self,
        observation: np.ndarray,
        action: np.ndarray,
        graphs: np.ndarray,
        divisor: float,
        stream: torch.Generator,
    ) -> np.ndarray:
        self.samples.append((observation, action, graphs))
        self.streams.append(stream.initial_seed())
        return self.answer(observation, action, OFF_SAMPLED / divisor)


Measure = Callable[..., tuple[pd.DataFrame, StandIn]]


@pytest.fixture
def measure(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Runs the stage with a stand-in for the model: its table and what the model was asked."""

    def run(columns: list[dict[str, str]], rows: int, **inputs: Any) -> Any:
        model = StandIn()
        monkeypatch.setattr("mocoda.stages.model_error.load_dynamics", lambda *_: model)
        settings = {"columns": columns, "rows": rows, "deviation_divisor": DIVISOR}
        lists = {"augmented_stores": [], "augmented_manifests": [], "selections": [], **inputs}
        job = prepared.job("model_error", {"errors": "errors.csv"}, settings, **lists)
        model_error(job)
        return pd.read_csv(job.outputs["errors"], keep_default_na=False), model

    return run


def generated(folder: Path, name: str, rows: int, chosen: np.ndarray) -> Transitions:
    """A store of rows that no other store has, and a selection among them."""
    made = collect(Nav2DCollectionSettings(transitions=rows), 1, 1, lambda text: None)
    generator = np.random.default_rng(list(name.encode()))
    observation = generator.random((rows, 2)).astype(np.float32)
    # What the store says of the next observations is a model's word, and must not be read.
    found = replace(made.transitions, observation=observation, next_observation=observation + 1)
    write_transitions(folder / name, folder / f"{name}.json", found, {})
    write_tensors(folder / f"{name}.safetensors", {"rows": torch.from_numpy(chosen)})
    return found


def paths(folder: Path, *names: str) -> dict[str, list[str]]:
    return {
        "augmented_stores": [str(folder / name) for name in names],
        "augmented_manifests": [str(folder / f"{name}.json") for name in names],
        "selections": [str(folder / f"{name}.safetensors") for name in names],
    }


def keys(observation: np.ndarray, action: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.concatenate([observation, action], axis=1)]


def assert_measures(table: pd.DataFrame) -> None:
    """Of an even number of rows, half are off three times as far: what that comes to."""
    for prediction, off in (("mean", OFF_MEAN), ("sampled", OFF_SAMPLED / DIVISOR)):
        found = table[table.prediction == prediction]
        length = float(np.hypot(*off))
        np.testing.assert_allclose(found.error_norm, 2 * length, rtol=1e-9)
        np.testing.assert_allclose(found.mse, (1 + 9) / 2 * length**2 / 2, rtol=1e-9)


def test_the_measures_are_the_mean_norm_and_the_mean_square_of_an_entry() -> None:
    found = error_measures(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -1.0]]))
    assert found == {"error_norm": pytest.approx(2.0), "mse": pytest.approx(26 / 6)}


def test_logged_rows_are_of_episodes_that_the_training_never_saw(
    prepared: Prepared, measure: Measure
) -> None:
    table, model = measure([EMP], REAL)
    observation, action, graphs = model.means[0]
    asked = set(keys(observation, action))
    row_of = {
        key: row for row, key in enumerate(keys(prepared.real.observation, prepared.real.action))
    }
    assert len(row_of) == REAL
    rows = sorted(row_of[key] for key in asked)
    assert len(rows) == len(observation) > 60  # each once
    episodes = set(prepared.real.episode[rows])
    assert not episodes & set(prepared.training.episode)
    # Neither rows that chose among the parameters, nor fewer than all the others.
    assert not asked & set(keys(prepared.watched.observation, prepared.watched.action))
    assert len(prepared.training) + len(prepared.watched) + len(rows) == REAL
    np.testing.assert_array_equal(graphs, true_mask(observation, action))
    assert 0 < in_quadrant(observation).mean() < 1
    assert list(table.rows) == [len(rows), len(rows)]


def test_the_errors_on_logged_rows_are_exact(prepared: Prepared, measure: Measure) -> None:
    table, model = measure([EMP], 40)
    assert_measures(table)
    assert set(table.rows) == {40}
    assert set(table.prediction) == {"mean", "sampled"}
    assert set(table.parents_from) == {"none"}
    assert set(table.seed) == {3}
    assert set(table.updates) == {read_json(prepared.folder / "dynamics.json")["updates"]} == {2}
    assert set(table.dynamics) == {"unfactored"}
    for one, other in zip(model.means[0], model.samples[0], strict=True):
        np.testing.assert_array_equal(one, other)
    again, _ = measure([EMP], 40)
    pd.testing.assert_frame_equal(table, again)


def test_only_selected_rows_are_asked_about_spread_over_the_selection(
    prepared: Prepared, measure: Measure
) -> None:
    chosen = np.flatnonzero(np.arange(400) % 3 == 1)
    rows = generated(prepared.folder, "selected", 400, chosen)
    column = {"distribution": "mocoda", "dynamics": "locally_factored"}
    table, model = measure([column], 20, **paths(prepared.folder, "selected"))
    assert_measures(table)
    assert set(table.rows) == {20}
    assert set(table.parents_from) == {"locally_factored"}
    row_of = {key: row for row, key in enumerate(keys(rows.observation, rows.action))}
    for observation, action, graphs in (*model.means, *model.samples):
        asked = np.array([row_of[key] for key in keys(observation, action)])
        assert np.isin(asked, chosen).all()
        assert asked[0] == chosen[0]
        assert asked[-1] == chosen[-1]
        assert np.diff(asked).min() >= 15
        assert np.diff(asked).max() <= 24
        np.testing.assert_array_equal(graphs, true_mask(observation, action))
    # A selection of fewer rows is measured whole.
    _, model = measure([column], 5000, **paths(prepared.folder, "selected"))
    np.testing.assert_array_equal(model.means[0][0], rows.observation[chosen])


def test_each_column_is_measured_on_its_own_rows(prepared: Prepared, measure: Measure) -> None:
    first = generated(prepared.folder, "first", 60, np.arange(0, 60, 2))
    second = generated(prepared.folder, "second", 60, np.arange(1, 60, 2))
    columns = [
        {"distribution": "dyna", "dynamics": "unfactored"},
        EMP,
        {"distribution": "rand", "dynamics": "locally_factored"},
    ]
    table, model = measure(columns, 30, **paths(prepared.folder, "first", "second"))
    np.testing.assert_array_equal(model.means[0][0], first.observation[::2])
    np.testing.assert_array_equal(model.means[2][0], second.observation[1::2])
    assert set(keys(*model.means[1][:2])) <= set(
        keys(prepared.real.observation, prepared.real.action)
    )
    assert list(table.distribution) == ["dyna", "dyna", "emp", "emp", "rand", "rand"]
    assert_measures(table)
    assert len(set(model.streams)) == 3  # no column draws the noise of another


def test_a_domain_without_a_closed_form_has_no_truth() -> None:
    rows = logged_rows(2)
    refused(
        lambda: truth(DOMAIN, rows.observation, rows.action),
        where="domain hooksweep2",
        expected="dynamics in closed form (`true_dynamics`)",
        found="none",
        remedy="Set tables.model_error to null",
    )


def test_a_report_needs_no_oracle(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, "nav2d", replace(NAV2D, oracle=None))
    job = prepared.job("report_dynamics", {"errors": "report.json"})
    report_dynamics(job)
    report = read_json(job.outputs["errors"])
    assert set(report) == {"held-out"}
    assert set(report["held-out"]) == {"x", "y"}
