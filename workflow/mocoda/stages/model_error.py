"""One-step model errors against the truth, by where states and actions come from (MoCoDA, Table 1).

Apart from the training, so that what is measured reruns no model.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mocoda.artifacts import atomic_path, read_json, read_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.masks.stored import load_mask
from mocoda.seeding import numpy_generator, torch_generator
from mocoda.stages.train_dynamics import load_dynamics, split_rows
from mocoda.stores import read_columns, read_transitions, verify

Parents = tuple[np.ndarray, np.ndarray]


def truth(domain: Domain, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """True next observations; UserError for a domain that has no closed form."""
    if domain.true_dynamics is None:
        raise UserError(
            f"domain {domain.name}",
            expected="dynamics in closed form (`true_dynamics`)",
            found="none",
            remedy="Set tables.model_error to null for this domain.",
        )
    return domain.true_dynamics(observation, action)


def error_measures(error: np.ndarray) -> dict[str, float]:
    """Of errors [n, obs]: the mean Euclidean norm, which the paper's Table 1 shows (it calls it
    MSE), and the mean square of an entry, each in the domain's units."""
    return {
        "error_norm": float(np.linalg.norm(error, axis=1).mean()),
        "mse": float((error**2).mean()),
    }


def held_out_parents(job: Job, domain: Domain, rows: int) -> Parents:
    """Rows of held-out episodes that chose nothing in the training."""
    settings = DynamicsSettings.model_validate(read_json(job.inputs["dynamics_card"])["settings"])
    real = read_transitions(job.inputs["manifest"], job.inputs["store"])
    held_out = split_rows(domain, real, settings, job.seed).reported
    chosen = numpy_generator(domain.name, "model_error", job.seed).permutation(held_out)[:rows]
    return real.observation[chosen], real.action[chosen]


def generated_parents(store: str, manifest: str, selection: str, rows: int) -> Parents:
    """States and actions of `rows` of the generated rows that a data set takes, spread evenly."""
    verify(manifest, store)
    chosen = read_tensors(selection)["rows"].numpy()
    # Spread over the store: rebalanced rows and rollouts are sorted by where they come from.
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(rows, len(chosen))).astype(np.int64)]
    parts = list(read_columns(store, ["observation", "action"], chosen=chosen))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def model_error(job: Job) -> None:
    """Write the errors of one model on each column's parents.

    Two predictions are measured: `sampled`, as rows are generated and as the published code
    measures (a random member, its deviation divided), and `mean`, the ensemble's mean.
    """
    domain = DOMAINS[job.wildcards["domain"]]
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    model = load_dynamics(job.inputs["dynamics_card"], job.inputs["dynamics"], domain)
    files = zip(
        job.inputs["augmented_stores"],
        job.inputs["augmented_manifests"],
        job.inputs["selections"],
        strict=True,
    )
    rows = int(job.settings["rows"])
    found = []
    for column in job.settings["columns"]:
        if column["distribution"] == "emp":
            observation, action = held_out_parents(job, domain, rows)
        else:
            observation, action = generated_parents(*next(files), rows)
        expected = truth(domain, observation.astype(np.float64), action.astype(np.float64))
        graphs = mask(observation, action)
        stream = torch_generator(*job.names, column["distribution"], device=model.device)
        predictions = {
            "sampled": model.sample(
                observation, action, graphs, float(job.settings["deviation_divisor"]), stream
            ),
            "mean": model.mean_prediction(observation, action, graphs),
        }
        for name, predicted in predictions.items():
            measures = error_measures(predicted - expected)
            found.append(
                {
                    "distribution": column["distribution"],
                    "parents_from": column["dynamics"],
                    "prediction": name,
                    "rows": len(observation),
                    **measures,
                }
            )
            job.log(f"{column['distribution']}, {name}: {measures}")
    keys = {
        "dynamics": job.wildcards["dynamics"],
        "seed": job.seed,
        "updates": read_json(job.inputs["dynamics_card"])["updates"],
    }
    with atomic_path(job.outputs["errors"]) as path:
        pd.DataFrame(found).assign(**keys).to_csv(path, index=False)
