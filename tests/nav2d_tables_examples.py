"""Made-up runs, model errors and valid rows of 2D Navigation, with known means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mocoda.agent_runs import RUN
from mocoda.artifacts import checksum, write_json
from mocoda.jobs import Job
from mocoda.tables import RunKey
from mocoda.workflow import DATA

# MoCoDA, Table 2, typed from the paper: EMP, RAND, MoCoDA, MoCoDA-U, CoDA.
TABLE_2 = {
    "sac": [(53.1, 9.8), (27.6, 1.1), (38.8, 18.3), (41.3, 17.7), (35.1, 18.1)],
    "bcq": [(58.5, 10.1), (31.7, 2.4), (22.8, 0.4), (24.8, 4.2), (25.0, 0.4)],
    "cql": [(45.8, 4.0), (27.6, 1.3), (22.8, 0.2), (22.7, 0.3), (23.6, 0.5)],
    "td3_bc": [(40.0, 16.1), (26.1, 0.8), (21.0, 0.7), (20.7, 0.8), (21.4, 0.6)],
}
PRINTED = [
    ("emp", "none"),
    ("rand", "locally_factored"),
    ("mocoda", "locally_factored"),
    ("mocoda_u", "locally_factored"),
    ("coda_unmasked", "none"),
]
NOT_PRINTED = [
    ("coda", "none"),
    ("mocoda_components", "locally_factored"),
    ("dyna", "unfactored"),
]
CELLS = [*PRINTED, *NOT_PRINTED]
# MoCoDA, Table 1, typed from the paper: EMP, DYNA, RAND, MoCoDA, MoCoDA-U.
TABLE_1 = {
    "unfactored": [(0.14, 0.04), (2.41, 0.29), (4.40, 0.31), (0.95, 0.06), (1.29, 0.15)],
    "globally_factored": [(0.36, 0.01), (2.09, 0.28), (3.17, 0.30), (0.41, 0.02), (0.51, 0.02)],
    "locally_factored": [(0.23, 0.10), (1.47, 0.27), (2.03, 0.19), (0.33, 0.11), (0.46, 0.11)],
}
PARENTS = ["emp", "dyna", "rand", "mocoda", "mocoda_u"]
PARENTS_FROM = ["none", "unfactored", *["locally_factored"] * 3]
SEEDS = [0, 1, 2, 3, 4]
EPISODES = 10


def episodes_of(key: RunKey, domain: str = "nav2d") -> pd.DataFrame:
    """Half the episodes arrive after 20 + seed steps, half never: the mean is 45 + seed / 2."""
    arrives = np.arange(EPISODES) < EPISODES // 2
    steps = np.where(arrives, 20 + key.seed, 70)
    return pd.DataFrame(
        {
            "domain": domain,
            "scale": "paper",
            **key._asdict(),
            "episode_seed": np.arange(EPISODES),
            "return": -1.0 * steps + arrives,
            "success": arrives,
            "steps": steps,
        }
    )


def card_of(key: RunKey) -> dict[str, Any]:
    return {
        "updates": 25_000,
        "transitions_real": 40_000,
        "transitions_generated": 0 if key.distribution == "emp" else 160_000,
        "seconds": 10.0,
        "config_hash": "config",
        "code_version": "c0de",
        "agent_variant": f"{key.agent} as the paper ran it",
        "precision": "bf16",
    }


def made_up(
    domain: str = "nav2d",
    agents: Sequence[str] = ("sac", "td3_bc"),
    cells: Sequence[tuple[str, str]] = tuple(CELLS),
) -> tuple[pd.DataFrame, dict[RunKey, dict[str, Any]]]:
    keys = [RunKey(agent, *cell, seed) for agent in agents for cell in cells for seed in SEEDS]
    frames = [episodes_of(key, domain) for key in keys]
    return pd.concat(frames, ignore_index=True), {key: card_of(key) for key in keys}


def one(frame: pd.DataFrame, **values: str) -> pd.Series:
    found = frame[(frame[list(values)] == list(values.values())).all(axis=1)]
    assert len(found) == 1
    return found.iloc[0]


def errors_of(dynamics: str, seed: int) -> pd.DataFrame:
    """Norms 0.001 (1 + seed) a model and column for sampled predictions, half that for means."""
    norm = 0.001 * (1 + seed)
    return pd.DataFrame(
        [
            (distribution, source, prediction, 5000, factor * norm, (factor * norm) ** 2)
            for distribution, source in zip(PARENTS, PARENTS_FROM, strict=True)
            for prediction, factor in (("sampled", 1.0), ("mean", 0.5))
        ],
        columns=["distribution", "parents_from", "prediction", "rows", "error_norm", "mse"],
    ).assign(dynamics=dynamics, seed=seed, updates=41_000 - seed)


def validity_of() -> pd.DataFrame:
    rows = [
        (*cell, seed, 1000, share, share * (1 + seed) / 10, 0.01, 0.001 * share, 0.1 * share)
        for cell, share in ((("emp", "none"), 0.0), (("coda_unmasked", "none"), 0.4))
        for seed in SEEDS[:2]
    ]
    columns = ["distribution", "dynamics", "seed", "rows", "share_not_exact", "share_off"]
    return pd.DataFrame(rows, columns=[*columns, "tolerance", "mean_error", "max_error"])


def digest(path: Path) -> str:
    return checksum(path) if path.is_file() else ""


def provenance(folder: Path, stage: str, outputs: list[str], inputs: list[Path]) -> None:
    name = "evaluation_provenance.json" if stage == "evaluate" else "provenance.json"
    description = {
        "stage": stage,
        "wildcards": {"domain": "nav2d", "scale": "paper"},
        "seconds": 60.0,
        "config_hash": f"{stage} {folder.name}" if stage == "train_dynamics" else stage,
        "code_version": stage,
        "inputs": {str(path): digest(path) for path in inputs},
        "outputs": {name: digest(folder / name) for name in outputs},
    }
    write_json(folder / name, description)


def prepare(tmp_path: Path, agents: list[str], cells: list[tuple[str, str]]) -> Job:
    """The inputs of the stage: agents, data sets and 3 models of 5 seeds each."""
    frame, cards = made_up(agents=agents, cells=cells)
    files: dict[str, list[str]] = {"episodes": [], "model_errors": []}
    for key, part in frame.groupby(list(RunKey._fields), sort=False):
        folder = tmp_path / RUN.format(domain="nav2d", scale="paper", **RunKey(*key)._asdict())
        folder.mkdir(parents=True)
        part.to_parquet(folder / "episodes.parquet")
        (folder / "card.json").write_text(json.dumps(cards[RunKey(*key)]))
        curve = pd.DataFrame({"updates": [25_000], "success": 0.5, "steps": 45.0, "episodes": 10})
        curve.to_csv(folder / "curve.csv", index=False)
        provenance(folder, "train_offline_agent", ["card.json"], [])
        provenance(folder, "evaluate", ["episodes.parquet", "curve.csv"], [folder / "card.json"])
        files["episodes"].append(str(folder / "episodes.parquet"))
    for dynamics in TABLE_1:
        for seed in SEEDS:
            data = tmp_path / DATA.format(domain="nav2d", scale="paper", seed=seed)
            model = data / "dynamics" / dynamics
            folder = data / "model_error" / dynamics
            for made in (model, folder):
                made.mkdir(parents=True)
            provenance(model, "train_dynamics", ["dynamics.safetensors"], [])
            errors_of(dynamics, seed).to_csv(folder / "errors.csv", index=False)
            provenance(folder, "model_error", ["errors.csv"], [model / "dynamics.safetensors"])
            files["model_errors"].append(str(folder / "errors.csv"))
    validity_of().to_csv(tmp_path / "validity.csv", index=False)
    oracle = {"episodes": 200, "successes": 200, "success_rate": 1.0, "mean_steps": 19.03}
    oracle_card = tmp_path / "data/nav2d/paper/oracle/card.json"
    write_json(oracle_card, oracle)
    columns = [dict(zip(("distribution", "dynamics"), cell, strict=True)) for cell in cells]
    measured = [
        {"distribution": name, "dynamics": source}
        for name, source in zip(PARENTS, PARENTS_FROM, strict=True)
    ]
    return Job(
        stage="tables",
        inputs={
            **files,
            "validity": str(tmp_path / "validity.csv"),
            "oracle_card": str(oracle_card),
        },
        outputs={
            "csv": str(tmp_path / "tables.csv"),
            "markdown": str(tmp_path / "tables.md"),
            "episodes": str(tmp_path / "episodes.parquet"),
        },
        wildcards={"domain": "nav2d", "scale": "paper"},
        settings={
            "agents": agents,
            "columns": columns,
            "notes": ["A note of the settings."],
            "model_error": {"dynamics": list(TABLE_1), "columns": measured, "rows": 5000},
            "seeds": SEEDS,
            "shared_data": False,
        },
        code="",
        threads=1,
        state=tmp_path / "state",
    )
