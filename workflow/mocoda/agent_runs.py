"""The runs of the offline agents: their paths, and which of them one job trains side by side."""

from __future__ import annotations

from typing import Any

from mocoda.config import Config, DomainConfig
from mocoda.config_scales import cells_of
from mocoda.distributions import DISTRIBUTIONS
from mocoda.errors import UserError

RUN = "results/{domain}/{scale}/agents/{agent}/{distribution}/{dynamics}/seed_{seed}"
# What `mocoda.stages.train_side_by_side` writes for all runs of an agent.
SIDE_BY_SIDE = "results/{domain}/{scale}/agents/{agent}/side_by_side"
SIDE_BY_SIDE_FILES = {
    "policies": "policies.safetensors",
    "snapshots": "snapshots.safetensors",
    "card": "cards.json",
}


def cells(config: Config, domain: str, scale: str) -> list[tuple[str, str, str]]:
    """(agent, distribution, dynamics) of each cell of a table."""
    return cells_of(config.domains[domain][scale])


def run_files(config: Config, wildcards: Any, name: str) -> list[str]:
    """A file of each run of a table: all cells, all seeds."""
    seeds = config.domains[wildcards.domain][wildcards.scale].seeds
    return [
        RUN.format(
            domain=wildcards.domain,
            scale=wildcards.scale,
            agent=agent,
            distribution=distribution,
            dynamics=dynamics,
            seed=seed,
        )
        + f"/{name}"
        for agent, distribution, dynamics in cells(config, wildcards.domain, wildcards.scale)
        for seed in seeds
    ]


def filmed_run(config: Config, wildcards: Any, name: str) -> str:
    """A file of the run that is filmed: the table's last agent on the method's data, first seed."""
    settings = config.domains[wildcards.domain][wildcards.scale]
    if not settings.tables.agents:
        raise UserError(
            f"domains.{wildcards.domain}, scale {wildcards.scale}, tables.agents",
            expected="an agent to film",
            found="none",
            remedy="Name agents and columns in tables, or ask for the figures instead.",
        )
    columns = {column.distribution: column for column in reversed(settings.tables.columns)}
    preferred = [name for name in ("mocoda_p", "mocoda_u", "mocoda") if name in columns]
    column = columns[preferred[0]] if preferred else settings.tables.columns[-1]
    folder = RUN.format(
        domain=wildcards.domain,
        scale=wildcards.scale,
        agent=settings.tables.agents[-1],
        distribution=column.distribution,
        dynamics=column.dynamics,
        seed=settings.seeds[0],
    )
    return f"{folder}/{name}"


def side_by_side_runs(settings: DomainConfig) -> list[dict[str, Any]]:
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
        (run["distribution"], run["dynamics"], run["seed"]) == wanted
        for run in side_by_side_runs(settings)
    )


def trained(agent: str, domain: str, scale: str) -> dict[str, str]:
    """What the job of an agent writes, by the names of a run's inputs."""
    folder = SIDE_BY_SIDE.format(domain=domain, scale=scale, agent=agent)
    return {f"side_by_side_{name}": f"{folder}/{file}" for name, file in SIDE_BY_SIDE_FILES.items()}
