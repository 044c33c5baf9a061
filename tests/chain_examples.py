"""The first stages as they are run, on a few rows; their artefacts for tests of what follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dynamics_examples import small_settings
from pydantic import BaseModel
from spine_examples import logged_rows

from mocoda.jobs import Job
from mocoda.masks.heuristic import HeuristicMaskSettings
from mocoda.parents.settings import GmmSettings
from mocoda.stages.fit_gmm_parents import fit_gmm_parents
from mocoda.stages.fit_mask import fit_mask
from mocoda.stages.sample_augmented import sample_augmented
from mocoda.stages.sampling import SampleSettings
from mocoda.stages.train_dynamics import train_dynamics
from mocoda.stores import read_transitions, write_transitions
from mocoda.transitions import Transitions

REAL, SHARD = 200, 300
SETTINGS = SampleSettings(generated_per_real=2.0, proposals_per_row=2.5, shard_rows=SHARD)
ROWS = 1000  # 200 real rows x 2 x 2.5: three whole shards and one of 100


@dataclass(frozen=True)
class Chain:
    """Artefacts of the stages before, below a folder."""

    folder: Path

    def job(
        self,
        stage: str,
        settings: BaseModel | dict[str, Any],
        outputs: dict[str, str],
        kind: str = "",
        **changes: Any,
    ) -> Job:
        names = {
            "manifest": "real.json",
            "store": "real",
            "mask": "mask.safetensors",
            "mask_card": "mask.json",
            "parents": "parents.safetensors",
            "dynamics": f"{kind}.safetensors",
            "dynamics_card": f"{kind}.json",
        }
        job = Job(
            stage=stage,
            inputs={name: str(self.folder / file) for name, file in names.items()},
            outputs={name: str(self.folder / file) for name, file in outputs.items()},
            wildcards={
                "domain": "hooksweep2",
                "scale": "test",
                "seed": "0",
                "augmentation": "mocoda",
                **({"dynamics": kind} if kind else {}),
            },
            settings=settings if isinstance(settings, dict) else settings.model_dump(mode="json"),
            code="",
            threads=1,
            state=self.folder / "state" / f"{stage}-{kind}",
        )
        return replace(job, **changes)

    def sample(self, name: str, kind: str = "locally_factored", **changes: Any) -> Transitions:
        """Run the stage into `name`; the rows that it wrote."""
        outputs = {"store": name, "manifest": f"{name}.json"}
        settings = {"sampling": SETTINGS.model_dump(mode="json"), "augmentation": {}}
        job = self.job("sample_augmented", settings, outputs, kind, **changes)
        sample_augmented(job)
        return read_transitions(job.outputs["manifest"], job.outputs["store"])

    def manifest(self, name: str) -> bytes:
        return (self.folder / f"{name}.json").read_bytes()


def make_chain(folder: Path) -> Chain:
    """Rows, mask, parents and two dynamics models."""
    chain = Chain(folder)
    real = logged_rows(REAL)
    write_transitions(chain.folder / "real", chain.folder / "real.json", real, {})
    settings = HeuristicMaskSettings(distance=0.21)  # fires on a part of the rows
    outputs = {"mask": "mask.safetensors", "card": "mask.json"}
    fit_mask(chain.job("fit_mask", settings, outputs))
    outputs = {"parents": "parents.safetensors", "card": "parents.json"}
    fit_gmm_parents(chain.job("fit_gmm_parents", GmmSettings(components=2), outputs))
    for kind in ("locally_factored", "unfactored"):
        outputs = {"dynamics": f"{kind}.safetensors", "card": f"{kind}.json"}
        settings_of_dynamics = small_settings("auto", updates=20, validate_every=10)
        train_dynamics(chain.job("train_dynamics", settings_of_dynamics, outputs, kind))
    return chain
