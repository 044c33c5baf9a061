"""Stages that measure rows and policies: which rows obey the truth, and fresh episodes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mocoda.agents import AGENTS
from mocoda.artifacts import write_json, write_tensors
from mocoda.domains.nav2d import NAV2D
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.domains.nav2d.task import true_dynamics
from mocoda.errors import UserError
from mocoda.evaluation import episode_seeds
from mocoda.jobs import Job
from mocoda.stages.evaluate import evaluate
from mocoda.stages.evaluation_settings import EvaluationSettings
from mocoda.stages.validity import row_errors, validity
from mocoda.stores import write_transitions

DIRECTION = np.array([0.6, -0.8])  # of length 1


def store(folder: Path, name: str, lengths: list[float], chosen: np.ndarray | None = None) -> None:
    """A store whose rows are off the truth by these lengths; the chosen rows are selected."""
    settings = Nav2DCollectionSettings(transitions=max(len(lengths), 100))
    rows = collect(settings, 0, 1, lambda text: None).transitions.take(slice(len(lengths)))
    exact = true_dynamics(rows.observation, rows.action)
    off = np.array(lengths)[:, None] * DIRECTION
    moved = np.where(off == 0, exact, exact + off).astype(np.float32)
    rows = replace(rows, next_observation=moved)
    write_transitions(folder / name, folder / f"{name}.json", rows, {})
    if chosen is not None:
        write_tensors(folder / f"{name}.safetensors", {"rows": torch.from_numpy(chosen)})


def measured(
    folder: Path, seeds: list[int], real: list[str], made: list[str], shared_data: bool = False
) -> pd.DataFrame:
    columns = [
        {"distribution": "emp", "dynamics": "none"},
        {"distribution": "coda_unmasked", "dynamics": "none"},
        {"distribution": "mocoda", "dynamics": "locally_factored"},
    ]
    job = Job(
        stage="validity",
        inputs={
            "real_stores": [str(folder / name) for name in real],
            "real_manifests": [str(folder / f"{name}.json") for name in real],
            "augmented_stores": [str(folder / name) for name in made],
            "augmented_manifests": [str(folder / f"{name}.json") for name in made],
            "selections": [str(folder / f"{name}.safetensors") for name in made],
        },
        outputs={"csv": str(folder / "validity.csv")},
        wildcards={"domain": "nav2d", "scale": "test"},
        settings={"columns": columns, "seeds": seeds, "shared_data": shared_data},
        code="",
        threads=1,
        state=folder / "state",
    )
    validity(job)
    table = pd.read_csv(job.outputs["csv"], keep_default_na=False)
    return table.set_index(["distribution", "seed"])


# Half of the selected rows are exact, a fifth is off by less than the tolerance of 0.01, three
# tenths by more; the rows that are not selected are off by 1.
PART = [0.0, 0.0, 0.009, 0.011, 0.05, 0.0, 0.009, 0.0, 0.0, 0.011]
SELECTED = np.arange(0, 200, 2)
GENERATED = [length for one in PART * 10 for length in (one, 1.0)]


def test_shares_and_errors_are_those_of_the_selected_rows(tmp_path: Path) -> None:
    store(tmp_path, "real", [0.0] * 98 + [0.02, 0.001])
    store(tmp_path, "swapped", GENERATED, SELECTED)
    store(tmp_path, "modelled", [0.0] * 50 + [0.03] * 150, np.arange(40, 60))
    table = measured(tmp_path, [4], ["real"], ["swapped", "modelled"])

    emp: Any = table.loc[("emp", 4)]
    assert (emp.rows, emp.share_not_exact, emp.share_off) == (100, 0.02, 0.01)
    assert emp.max_error == pytest.approx(0.02, abs=1e-7)
    assert emp.mean_error == pytest.approx(0.021 / 100, abs=1e-8)

    swapped: Any = table.loc[("coda_unmasked", 4)]
    assert (swapped.rows, swapped.share_not_exact, swapped.share_off) == (100, 0.5, 0.3)
    assert swapped.tolerance == 0.01
    assert swapped.mean_error == pytest.approx(sum(PART) / 10, abs=1e-7)
    assert swapped.max_error == pytest.approx(0.05, abs=1e-7)

    modelled: Any = table.loc[("mocoda", 4)]
    assert (modelled.rows, modelled.share_not_exact, modelled.share_off) == (20, 0.5, 0.5)
    assert modelled.dynamics == "locally_factored"


def test_each_seed_is_measured_on_its_own_rows(tmp_path: Path) -> None:
    """Files come column by column, and within a column seed by seed."""
    everything = np.arange(10)
    for name, off in (("real_0", 0), ("real_7", 1)):
        store(tmp_path, name, [0.02] * off + [0.0] * (10 - off))
    made = {"coda_0": 2, "coda_7": 3, "mocoda_0": 4, "mocoda_7": 5}
    for name, off in made.items():
        store(tmp_path, name, [0.02] * off + [0.0] * (10 - off), everything)
    table = measured(tmp_path, [0, 7], ["real_0", "real_7"], list(made))
    expected = {
        ("emp", 0): 0.0,
        ("emp", 7): 0.1,
        ("coda_unmasked", 0): 0.2,
        ("coda_unmasked", 7): 0.3,
        ("mocoda", 0): 0.4,
        ("mocoda", 7): 0.5,
    }
    assert table.share_off.to_dict() == expected
    # Where all seeds share the data of the first, it is measured once.
    shared = measured(tmp_path, [0, 7], ["real_0"], ["coda_0", "mocoda_0"], shared_data=True)
    assert shared.share_off.to_dict() == {
        key: share for key, share in expected.items() if key[1] == 0
    }


def test_a_store_that_was_altered_is_not_measured(tmp_path: Path) -> None:
    store(tmp_path, "real", [0.0] * 20)
    chunk = next((tmp_path / "real").glob("*/next_observation/c/0/0"))
    contents = bytearray(chunk.read_bytes())
    contents[5] ^= 1
    chunk.write_bytes(contents)
    with pytest.raises(UserError, match="other contents"):
        row_errors(NAV2D, str(tmp_path / "real.json"), str(tmp_path / "real"))


def test_the_final_policy_is_evaluated_on_episodes_of_its_own(tmp_path: Path) -> None:
    """Seeds of purpose `evaluate`: the curve's episodes, by which one may choose, are others."""
    agent_settings = AGENTS["td3_bc"].settings.model_validate({"hidden_sizes": [8]})
    agent = AGENTS["td3_bc"].make(agent_settings, 2, 2, 10, 0, "cpu")
    policy = agent.policy_tensors()
    statistics = {"input.mean": torch.zeros(2), "input.std": torch.ones(2)}
    files = {name: str(tmp_path / name) for name in ("policy", "snapshots", "card")}
    write_tensors(files["policy"], {**policy, **statistics})
    taken = {f"{updates:09d}/{name}": v for updates in (5, 10) for name, v in policy.items()}
    write_tensors(files["snapshots"], taken)
    settings = {"agent": agent_settings.model_dump(mode="json")}
    write_json(files["card"], {"agent": "td3_bc", "settings": settings})
    outputs = {name: str(tmp_path / name) for name in ("episodes.parquet", "curve.csv")}
    episodes = {}
    for seed in (2, 3):
        job = Job(
            stage="evaluate",
            inputs=files,
            outputs={name.split(".")[0]: file for name, file in outputs.items()},
            wildcards={
                **{"domain": "nav2d", "scale": "test", "seed": str(seed), "agent": "td3_bc"},
                **{"distribution": "mocoda", "dynamics": "locally_factored"},
            },
            settings=EvaluationSettings(episodes=12, curve_episodes=5).model_dump(mode="json"),
            code="",
            threads=1,
            state=tmp_path / "state",
        )
        evaluate(job)
        episodes[seed] = pd.read_parquet(outputs["episodes.parquet"])

    found = episodes[2]
    seeds = episode_seeds(NAV2D, "evaluate", 2, 12)
    np.testing.assert_array_equal(found.episode_seed.to_numpy(np.uint64), seeds)
    for other in (episode_seeds(NAV2D, "curve", 2, 12), episodes[3].episode_seed):
        assert not set(found.episode_seed) & set(other)
    # The column tells the truth: these seeds give these starts.
    first, _ = NAV2D.make_task(12, 1).reset(seeds)
    np.testing.assert_array_equal(found[["start_x", "start_y"]].to_numpy(), first)
    curve = pd.read_csv(outputs["curve.csv"])
    assert list(curve.updates) == [5, 10]
    assert list(curve.episodes) == [5, 5]
