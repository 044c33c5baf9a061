"""Which runs one job trains side by side (see `mocoda.stages.train_side_by_side`)."""

from __future__ import annotations

from typing import Any

from mocoda.config import DomainConfig
from mocoda.distributions import DISTRIBUTIONS

FOLDER = "results/{domain}/{scale}/agents/{agent}/side_by_side"
FILES = {
    "policies": "policies.safetensors",
    "snapshots": "snapshots.safetensors",
    "card": "cards.json",
}


def runs(settings: DomainConfig) -> list[dict[str, Any]]:
    """The runs of an agent in a scale's table, and whether they have generated rows."""
    return [
        {
            "distribution": column.distribution,
            "dynamics": column.dynamics,
            "seed": seed,
            "generated": DISTRIBUTIONS[column.distribution] is not None,
        }
        for column in settings.tables.columns
        for seed in settings.seeds
    ]


def takes_part(settings: DomainConfig, distribution: str, dynamics: str, seed: int) -> bool:
    """Whether a run is trained beside others: a setting, for the runs of the table."""
    wanted = (distribution, dynamics, seed)
    return settings.train_offline_agent.side_by_side and any(
        (run["distribution"], run["dynamics"], run["seed"]) == wanted for run in runs(settings)
    )


def trained(agent: str, domain: str, scale: str) -> dict[str, str]:
    """What the job of an agent writes, by the names of a run's inputs."""
    folder = FOLDER.format(domain=domain, scale=scale, agent=agent)
    return {f"side_by_side_{name}": f"{folder}/{file}" for name, file in FILES.items()}
