"""The pictures beside the tables, drawn from saved artefacts only.

Rows, models and policies are those of the first seed; results and learning curves of all seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mocoda import figures
from mocoda.artifacts import read_json, read_tensors
from mocoda.domains import DOMAINS
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.evaluation import episode_seeds
from mocoda.figures.nav2d_errors import Predict
from mocoda.jobs import Job
from mocoda.masks import Mask
from mocoda.masks.stored import load_mask
from mocoda.seeding import numpy_generator
from mocoda.stages.evaluate import load_actor
from mocoda.stages.train_dynamics import load_dynamics
from mocoda.stores import read_columns, read_transitions, verify
from mocoda.tables import read_runs
from mocoda.tables.names import PLAIN, agent_order, column_order, column_title, display, model_order

# Rows a data set shows in the coverage figure.
SHOWN = 200_000
# The columns that the coverage figure shows: x and y of both boxes of HookSweep2.
BOX_COLUMNS = [6, 7, 11, 12]
# nav2d: arrows a data set, rows a data set whose density is drawn, episodes a policy.
ARROWS = 400
PLACES = 40_000
EPISODES = 20
TRANSITION = ["observation", "action", "next_observation"]
# The data sets whose densities are compared: the two ways to MoCoDA-U beside what they start from.
DENSITIES = ("emp", "mocoda", "mocoda_u", "mocoda_components")


@dataclass(frozen=True)
class DataSet:
    """The rows of one column of the tables: `chosen` ones (sorted) of a store that was verified."""

    distribution: str
    dynamics: str
    store: str
    chosen: np.ndarray

    @property
    def title(self) -> str:
        return column_title(self.distribution, self.dynamics)

    def read(self, names: list[str], chosen: np.ndarray) -> list[np.ndarray]:
        """Columns of the store, of some of its rows (sorted)."""
        parts = zip(*read_columns(self.store, names, chosen=chosen), strict=True)
        return [np.concatenate(part) for part in parts]


def draw_figures(job: Job) -> None:
    """Write the domain's pictures, learning curves, results and dynamics errors to one folder."""
    folder = Path(job.outputs["folder"])
    for draw in PICTURES.get(job.wildcards["domain"], ()):
        draw(job, folder)
    runs = read_runs(job.inputs["episodes"])
    if not runs.curves.empty:
        figures.save(figures.curves(runs.curves), folder / "curves.png")
    figures.save(figures.bars(pd.read_csv(job.inputs["csv"])), folder / "results.png")
    errors = [
        {
            "dynamics": Path(file).parent.name,
            "seed": Path(file).parent.parent.parent.name.removeprefix("seed_"),
            "data": data,
            "object": name,
            "rmse": entry["position"],
        }
        for file in job.inputs.get("dynamics_errors", [])
        for data, report in read_json(file).items()
        for name, entry in report.items()
        if "position" in entry
    ]
    if errors:
        of_boxes = job.wildcards["domain"] == "hooksweep2"
        figure = figures.dynamics_errors(pd.DataFrame(errors), of_boxes=of_boxes)
        figures.save(figure, folder / "dynamics_errors.png")


def data_sets(job: Job) -> list[DataSet]:
    """The logged rows, then the generated columns of the table, in the paper's order.

    Generated columns hold the generated rows alone, without the logged ones that agents also
    learn from. Each store is checked against its manifest once.
    """
    logged = job.inputs["store"]
    rows = int(verify(job.inputs["manifest"], logged)["rows"])
    found = [DataSet("emp", "none", logged, np.arange(rows))]
    columns = [c for c in job.settings["data_sets"] if c["distribution"] != "emp"]
    files = [
        job.inputs.get(name, [])
        for name in ("augmented_stores", "augmented_manifests", "selections")
    ]
    verified: set[str] = set()
    for column, store, manifest, selection in zip(columns, *files, strict=True):
        if store not in verified:
            verify(manifest, store)
            verified.add(store)
        chosen = read_tensors(selection)["rows"].numpy()
        found.append(DataSet(column["distribution"], column["dynamics"], store, chosen))
    return found[:1] + sorted(found[1:], key=lambda d: column_order((d.distribution, d.dynamics)))


def first_seed(job: Job) -> int:
    """The seed whose rows, models and policies are drawn."""
    return int(job.settings["seeds"][0])


def draw_data_card(job: Job, folder: Path) -> None:
    """HookSweep2: which box the logged rows sweep where, and where the boxes are."""
    rows = read_transitions(job.inputs["manifest"], job.inputs["store"])
    figures.save(figures.data_card(rows.observation, rows.goal), folder / "data_card.png")


def draw_coverage(job: Job, folder: Path) -> None:
    """HookSweep2: pairs of boxes, of the data sets of the locally factored model or of none."""
    shown = {
        data.title: data.read(["observation"], data.chosen[:SHOWN])[0][:, BOX_COLUMNS]
        for data in data_sets(job)
        if data.dynamics in PLAIN
    }
    figures.save(figures.coverage(shown), folder / "coverage.png")


def invalid_shares(job: Job) -> dict[tuple[str, str], float]:
    """(distribution, dynamics) -> share of all its rows that are off, of the first seed."""
    if not job.inputs.get("validity"):
        return {}
    table = pd.read_csv(job.inputs["validity"])
    own = table[table["seed"] == first_seed(job)]
    keys = zip(own["distribution"], own["dynamics"], strict=True)
    return dict(zip(keys, own["share_off"].astype(float), strict=True))


def draw_transitions(job: Job, folder: Path) -> None:
    """nav2d: some rows of every data set, drawn at random."""
    shares = invalid_shares(job)
    shown = {}
    for data in data_sets(job):
        generator = numpy_generator("nav2d", "figures", data.distribution, data.dynamics)
        number = min(ARROWS, len(data.chosen))
        chosen = np.sort(generator.choice(data.chosen, number, replace=False))
        observation, action, moved = data.read(TRANSITION, chosen)
        share = shares.get((data.distribution, data.dynamics))
        shown[data.title] = figures.Arrows(observation, action, moved, share)
    figures.save_small(figures.nav2d_transitions(shown), folder / "transitions.png")


def draw_density(job: Job, folder: Path) -> None:
    """nav2d: where the states of the rebalanced data sets lie, as many rows of each at most."""
    shown = {}
    for data in data_sets(job):
        if data.distribution in DENSITIES and data.dynamics in PLAIN:
            # Spread over the store: logged rows are sorted by the way they go.
            spread = np.linspace(0, len(data.chosen) - 1, min(PLACES, len(data.chosen)))
            shown[data.title] = data.read(["observation"], data.chosen[spread.astype(np.int64)])[0]
    figures.save(figures.nav2d_density(shown), folder / "density.png")


def mean_predictions(model: GaussianEnsemble, mask: Mask) -> Predict:
    """A model with its mask, as a function of observation and action."""
    return lambda observation, action: model.mean_prediction(
        observation, action, mask(observation, action)
    )


def draw_model_errors(job: Job, folder: Path) -> None:
    """nav2d: error maps of the dynamics models, if the table has any."""
    files = list(
        zip(job.inputs.get("dynamics", []), job.inputs.get("dynamics_cards", []), strict=True)
    )
    if not files:
        return
    domain = DOMAINS[job.wildcards["domain"]]
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    models = {
        read_json(card)["dynamics"]: load_dynamics(card, file, domain) for file, card in files
    }
    # One stream for all: the models are asked about the same actions.
    maps = {
        display(name): figures.error_map(
            mean_predictions(models[name], mask),
            numpy_generator(domain.name, "figures", "model_errors"),
        )
        for name in sorted(models, key=model_order)
    }
    (logged,) = (data for data in data_sets(job) if data.distribution == "emp")
    places = logged.read(["observation"], logged.chosen)[0]
    figures.save(figures.nav2d_model_errors(maps, places), folder / "model_errors.png")


def draw_policies(job: Job, folder: Path) -> None:
    """nav2d: every policy of the table, of the first seed."""
    domain = DOMAINS[job.wildcards["domain"]]
    seeds = episode_seeds(domain, "figures", first_seed(job), EPISODES)
    files = zip(job.inputs.get("policies", []), job.inputs.get("policy_cards", []), strict=True)
    cells = [
        (agent, (column["distribution"], column["dynamics"]))
        for agent in job.settings["agents"]
        for column in job.settings["columns"]
    ]
    shown = {
        cell: figures.follow(domain, load_actor(domain, card, read_tensors(file)), seeds)
        for cell, (file, card) in zip(cells, files, strict=True)
    }
    order = sorted(shown, key=lambda cell: (agent_order(cell[0]), column_order(cell[1])))
    titled = {(display(agent), column_title(*key)): shown[agent, key] for agent, key in order}
    figures.save_small(figures.nav2d_policies(titled), folder / "policies.png")


# What is drawn of a domain itself; a domain that is not here has the pictures of its agents only.
PICTURES: dict[str, tuple[Callable[[Job, Path], None], ...]] = {
    "hooksweep2": (draw_data_card, draw_coverage),
    "nav2d": (draw_transitions, draw_policies, draw_model_errors, draw_density),
}
