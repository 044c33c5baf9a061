"""One point of `benchmarks.scaling`, in a process of its own: prints its seconds and peak memory.

Rows: the stages as the workflow runs them, on nav2d's files in a folder that is made once. Objects:
random sparse graphs of so many slots of two columns and one action slot.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mocoda.augmentation.swap import component_labels, draw_independent_sets
from mocoda.batches import load_table
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics import DYNAMICS
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.dynamics.fitting import DynamicsLearner, Rows
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.factors import Slot, Slots
from mocoda.jobs import Job
from mocoda.logged import behaviour_policy
from mocoda.masks.sandy_transformer import SandyTransformer, SandyTransformerSettings
from mocoda.parents.settings import GmmSettings
from mocoda.rebalance.uniform import UniformSettings
from mocoda.seeding import numpy_generator, torch_generator
from mocoda.stages.fit_gmm_parents import fit_gmm_parents
from mocoda.stages.fit_mask import fit_mask
from mocoda.stages.rebalance import rebalance
from mocoda.stages.sample_augmented import sample_augmented
from mocoda.stages.train_dynamics import train_dynamics
from mocoda.stores import write_transitions

REAL = 40_000
GRAPH_ROWS, MASK_ROWS = 100_000, 5_000
NAV2D = DOMAINS["nav2d"]


def job(folder: Path, stage: str, settings: dict[str, Any], **paths: str) -> Job:
    """A stage on the folder's files; outputs are the paths that are given, inputs all others."""
    names = {
        "manifest": "real.json", "store": "real", "real_manifest": "real.json",
        "mask": "mask.safetensors", "mask_card": "mask.json", "parents": "parents.safetensors",
        "dynamics": "dynamics.safetensors", "dynamics_card": "dynamics.json",
    }  # fmt: skip
    inputs = {name: str(folder / file) for name, file in names.items()}
    return Job(
        stage=stage,
        inputs=inputs | {k: str(folder / v) for k, v in paths.items() if k.startswith("in_")},
        outputs={k: str(folder / v) for k, v in paths.items() if not k.startswith("in_")},
        wildcards={
            "domain": "nav2d", "scale": "benchmark", "seed": "0", "augmentation": "mocoda",
            "dynamics": "locally_factored", "distribution": "mocoda_u", "mask": "ground_truth",
        },
        settings=settings,
        code="",
        threads=1,
        state=folder / "state" / stage,
    )  # fmt: skip


def logged(folder: Path, rows: int, name: str) -> None:
    """A store of logged rows."""
    settings = NAV2D.settings.model_validate({"transitions": rows})
    found = behaviour_policy(NAV2D)(settings, 0, 1, lambda text: None).transitions
    write_transitions(folder / name, folder / f"{name}.json", found, {})


def prepare(folder: Path) -> None:
    """The first stages on the demo's rows; the model is hardly trained."""
    if (folder / "ready").exists():
        return
    logged(folder, REAL, "real")
    fit_mask(
        job(folder, "fit_mask", {"kind": "ground_truth"}, mask="mask.safetensors", card="mask.json")
    )
    settings = GmmSettings(density_quantile=None).model_dump(mode="json")
    fit_gmm_parents(
        job(folder, "parents", settings, parents="parents.safetensors", card="parents.json")
    )
    settings = DynamicsSettings(updates=50, validate_every=50).model_dump(mode="json")
    outputs = {"dynamics": "dynamics.safetensors", "card": "dynamics.json"}
    train_dynamics(job(folder, "dynamics", settings, **outputs))
    (folder / "ready").touch()


def sampled(folder: Path, rows: int, augmentation: str, name: str) -> Callable[[], None]:
    """The stage that writes so many generated rows."""
    sampling = {"generated_per_real": rows / REAL, "proposals_per_row": 1.0}
    settings: dict[str, Any] = {"sampling": sampling, "augmentation": {}}
    asked = job(folder, f"sample-{name}", settings, store=name, manifest=f"{name}.json")
    asked = replace(asked, wildcards={**asked.wildcards, "augmentation": augmentation})
    return lambda: sample_augmented(asked)


def of_rows(what: str, rows: int, folder: Path) -> Callable[[], object]:
    """What is timed, with all that comes before it done."""
    prepare(folder)
    if what in ("sample_augmented", "coda"):
        return sampled(folder, rows, "coda" if what == "coda" else "mocoda", what)
    if what == "fit_gmm_parents":
        logged(folder, rows, "many")
        settings = GmmSettings(density_quantile=None).model_dump(mode="json")
        asked = job(folder, "fit_gmm_parents", settings, parents="other.safetensors", card="o.json")
        own = {"manifest": str(folder / "many.json"), "store": str(folder / "many")}
        return lambda: fit_gmm_parents(replace(asked, inputs={**asked.inputs, **own}))
    if not (folder / f"proposals_{rows}.json").exists():
        sampled(folder, rows, "mocoda", f"proposals_{rows}")()
    store, manifest = folder / f"proposals_{rows}", folder / f"proposals_{rows}.json"
    if what == "load_agent_data":
        real = (folder / "real.json", folder / "real")
        return lambda: load_table(NAV2D, 0, real, (manifest, store))
    # The share that a data set takes of its proposals at the default scale.
    settings = {
        "kind": "uniform",
        "settings": UniformSettings().model_dump(),
        "generated_per_real": rows / REAL / 2.5,
    }
    asked = job(folder, "rebalance", settings, selection="selection.safetensors", card="s.json")
    own = {"manifest": str(manifest), "store": str(store)}
    return lambda: rebalance(replace(asked, inputs={**asked.inputs, **own}))


def domain_of(objects: int) -> tuple[Domain, np.ndarray]:
    """nav2d with other slots: `objects` of two columns, each with one random other parent."""
    slots = Slots(
        state=tuple(Slot(f"object_{i}", (2 * i, 2 * i + 1)) for i in range(objects)),
        action=(Slot("action", (0, 1)),),
    )
    rng = numpy_generator("benchmarks", "objects", objects)
    mask = np.zeros((objects + 1, objects), dtype=bool)
    mask[np.arange(objects), np.arange(objects)] = True
    mask[rng.integers(0, objects, objects), np.arange(objects)] = True
    mask[objects, 0] = True
    return replace(NAV2D, slots=slots, base_mask=mask), mask


def of_objects(what: str, objects: int) -> Callable[[], object]:
    """What is timed: for a fixed number of rows."""
    domain, _ = domain_of(objects)
    rng = numpy_generator("benchmarks", "graphs", objects)
    if what == "components":
        graphs = rng.random((GRAPH_ROWS, objects + 1, objects)) < 0.5 / objects
        graphs |= np.eye(objects + 1, objects, dtype=bool)
        return lambda: draw_independent_sets(component_labels(graphs), rng)
    inputs = torch.from_numpy(rng.normal(size=(MASK_ROWS, 2 * objects + 2)).astype(np.float32))
    if what == "learned_mask":
        settings = SandyTransformerSettings()
        network = SandyTransformer(domain.slots, settings, torch_generator("benchmarks"))
        with torch.no_grad():
            network.edges(inputs[:10])
        return lambda: network.edges(inputs)
    following = inputs[:, : 2 * objects] + 0.1
    mask = torch.from_numpy(domain.base_mask).expand(MASK_ROWS, -1, -1)
    rows = Rows(inputs, following, mask)
    model = GaussianEnsemble(
        domain, DynamicsSettings(), DYNAMICS["locally_factored"], torch_generator("benchmarks")
    )
    model.normalise_by(inputs, following)
    learner = DynamicsLearner(model, rows, rows, seed=0)
    batches = learner.batches(0, 3)
    learner.update(batches[0])
    return lambda: [learner.update(batch) for batch in batches]


def memory(name: str) -> float:
    """MB of this process: VmRSS, now, or VmHWM, at most since it was last reset (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def main(what: str, size: int, folder: Path) -> None:
    torch.set_num_threads(1)
    objects = what in ("components", "learned_mask", "dynamics_update")
    work = of_objects(what, size) if objects else of_rows(what, size, folder)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of what came before
    start = memory("VmRSS")
    began = time.monotonic()
    work()
    seconds = time.monotonic() - began
    peak = memory("VmHWM")
    for name in ("state", "sample_augmented", "coda", "many"):
        shutil.rmtree(folder / name, ignore_errors=True)
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "start_mb": start}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
