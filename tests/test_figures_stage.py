"""The stage that draws: pictures of nav2d and HookSweep2 from made-up artefacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from dynamics_examples import small_settings
from spine_examples import logged_rows

from mocoda import figures
from mocoda.agents import AGENTS
from mocoda.artifacts import write_json, write_tensors
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.stages import figures as stage
from mocoda.stages.fit_mask import fit_mask
from mocoda.stages.train_dynamics import train_dynamics
from mocoda.stores import write_transitions
from mocoda.transitions import Transitions


def job_of(folder: Path, domain: str, **changes: object) -> Job:
    job = Job(
        stage="figures",
        inputs={"store": str(folder / "real"), "manifest": str(folder / "real.json")},
        outputs={"folder": str(folder / "figures")},
        wildcards={"domain": domain, "scale": "test", "seed": "0", "dynamics": "unfactored"},
        settings={"seeds": [0], "agents": [], "columns": [], "data_sets": []},
        code="",
        threads=1,
        state=folder / "state",
    )
    return replace(job, **changes)


def write(folder: Path, name: str, rows: Transitions) -> dict[str, str]:
    write_transitions(folder / name, folder / f"{name}.json", rows, {})
    return {"store": str(folder / name), "manifest": str(folder / f"{name}.json")}


def policy_files(folder: Path, name: str, seed: int) -> tuple[str, str]:
    """An untrained agent, as `train_offline_agent` writes it."""
    variant = AGENTS["td3_bc"]
    settings = variant.settings(hidden_sizes=(8,), precision="fp32")
    agent = variant.make(settings, 2, 2, 10, seed, "cpu")
    statistics = {"input.mean": torch.zeros(2), "input.std": torch.ones(2)}
    write_tensors(folder / f"{name}.safetensors", {**agent.policy_tensors(), **statistics})
    facts = {"agent": "td3_bc", "settings": {"agent": settings.model_dump(mode="json")}}
    write_json(folder / f"{name}_card.json", facts)
    return str(folder / f"{name}.safetensors"), str(folder / f"{name}_card.json")


COLUMNS = [
    {"distribution": "coda_unmasked", "dynamics": "none"},
    {"distribution": "emp", "dynamics": "none"},
    {"distribution": "mocoda", "dynamics": "unfactored"},
    {"distribution": "mocoda", "dynamics": "locally_factored"},
]
TITLES = ["EMP", "MoCoDA", "CoDA, unmasked", "MoCoDA, unfactored"]  # in the tables' order


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Job:
    """A job with every input, made up: generated store number k has x = (k + 1) / 10 throughout."""
    folder = tmp_path_factory.mktemp("nav2d")
    real = collect(Nav2DCollectionSettings(transitions=200), 0, 1, lambda text: None).transitions
    lists: dict[str, list[str]] = {name: [] for name in stage_lists()}
    inputs: dict[str, object] = write(folder, "real", real)
    for number in range(3):
        rows = real.take(slice(0, 60))
        rows.observation[:, 0] = (number + 1) / 10
        files = write(folder, f"generated_{number}", rows)
        write_tensors(folder / f"rows_{number}", {"rows": torch.arange(0, 60, 2)})
        lists["augmented_stores"].append(files["store"])
        lists["augmented_manifests"].append(files["manifest"])
        lists["selections"].append(str(folder / f"rows_{number}"))
    for number in range(4):
        policy, card = policy_files(folder, f"policy_{number}", number)
        lists["policies"].append(policy)
        lists["policy_cards"].append(card)
    job = job_of(folder, "nav2d", inputs=inputs)
    inputs |= {"mask": str(folder / "mask"), "mask_card": str(folder / "mask.json")}
    outputs = {"mask": str(folder / "mask"), "card": str(folder / "mask.json")}
    fit_mask(replace(job, outputs=outputs, settings={"kind": "ground_truth"}, inputs=inputs))
    settings = small_settings(updates=4, validate_every=2).model_dump(mode="json")
    outputs = {"dynamics": str(folder / "model"), "card": str(folder / "model.json")}
    train_dynamics(replace(job, outputs=outputs, settings=settings, inputs=inputs))
    lists["dynamics"], lists["dynamics_cards"] = [outputs["dynamics"]], [outputs["card"]]
    shares = [{**COLUMNS[0], "seed": seed, "share_off": 0.41 - seed / 10} for seed in range(2)]
    pd.DataFrame(shares).to_csv(folder / "validity.csv", index=False)
    inputs |= {**lists, "validity": str(folder / "validity.csv")}
    settings = {
        "seeds": [0, 1],
        "agents": ["td3_bc"],
        "columns": COLUMNS,
        "data_sets": COLUMNS,
    }
    return job_of(folder, "nav2d", inputs=inputs, settings=settings)


def stage_lists() -> tuple[str, ...]:
    generated = ("augmented_stores", "augmented_manifests", "selections")
    return (*generated, "policies", "policy_cards", "dynamics", "dynamics_cards")


def test_all_pictures_come_from_artefacts(saved: Job, tmp_path: Path) -> None:
    for draw in stage.PICTURES["nav2d"]:
        draw(saved, tmp_path)
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(sizes) == {"transitions.png", "policies.png", "model_errors.png", "density.png"}
    assert 5_000 < min(sizes.values()) <= max(sizes.values()) < 250_000


def test_a_store_that_is_not_what_was_written_is_not_drawn(saved: Job, tmp_path: Path) -> None:
    turned = saved.inputs["augmented_manifests"][::-1]
    job = replace(saved, inputs={**saved.inputs, "augmented_manifests": turned})
    with pytest.raises(UserError, match="sha256"):
        stage.draw_transitions(job, tmp_path)
    assert not list(tmp_path.iterdir())


def test_each_list_is_matched_to_its_columns(saved: Job, monkeypatch, tmp_path: Path) -> None:
    shown: dict[str, dict] = {}
    for name in ("nav2d_transitions", "nav2d_density", "nav2d_policies"):
        monkeypatch.setattr(figures, name, lambda given, name=name: shown.update({name: given}))
    monkeypatch.setattr(figures, "save", lambda figure, path: None)
    monkeypatch.setattr(figures, "save_small", lambda figure, path: None)
    for draw in (stage.draw_transitions, stage.draw_density, stage.draw_policies):
        draw(saved, tmp_path)
    arrows = shown["nav2d_transitions"]
    assert list(arrows) == TITLES
    assert [len(rows.observation) for rows in arrows.values()] == [200, 30, 30, 30]
    places = {title: arrows[title].observation[:, 0] for title in TITLES[1:]}
    assert (places["CoDA, unmasked"] == np.float32(0.1)).all()
    assert (places["MoCoDA, unfactored"] == np.float32(0.2)).all()
    assert (places["MoCoDA"] == np.float32(0.3)).all()
    known = {title: rows.invalid_share for title, rows in arrows.items()}
    assert known == {**dict.fromkeys(TITLES), "CoDA, unmasked": 0.41}
    assert not arrows["EMP"].invalid().any()
    assert list(shown["nav2d_density"]) == ["EMP", "MoCoDA"]
    policies = shown["nav2d_policies"]
    assert list(policies) == [("TD3-BC", title) for title in TITLES]
    alone = {key: [saved.inputs[key][2]] for key in ("policies", "policy_cards")}
    settings = {**saved.settings, "columns": COLUMNS[2:3]}
    draw(replace(saved, inputs={**saved.inputs, **alone}, settings=settings), tmp_path)
    (third,) = shown["nav2d_policies"].values()
    np.testing.assert_array_equal(third.actions, policies["TD3-BC", "MoCoDA, unfactored"].actions)


@pytest.mark.parametrize("lists", [{}, {name: [] for name in stage_lists()}])
def test_a_table_without_generated_rows_has_pictures(tmp_path: Path, lists: dict) -> None:
    inputs = {**write(tmp_path, "real", logged_rows(300)), **lists}
    for draw in stage.PICTURES["hooksweep2"]:
        draw(job_of(tmp_path, "hooksweep2", inputs=inputs), tmp_path)
    assert (tmp_path / "data_card.png").exists()
    assert (tmp_path / "coverage.png").exists()
    stage.draw_model_errors(job_of(tmp_path, "nav2d", inputs=inputs), tmp_path / "none")
    assert not (tmp_path / "none").exists()
