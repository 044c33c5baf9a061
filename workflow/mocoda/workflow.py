"""What the Snakefile needs to know: settings and code of a job, paths of artefacts.

Kept out of the rules so that they stay declarations, and typed and tested like the rest.
"""

from __future__ import annotations

from typing import Any

from mocoda.artifacts import canonical_json
from mocoda.code_version import code_version, module_file
from mocoda.config import DISTRIBUTIONS, Config, DomainConfig
from mocoda.masks import MASKS

DATA = "data/{domain}/{scale}/seed_{seed}"
RESULTS = "results/{domain}/{scale}"
RUN = RESULTS + "/agents/{agent}/{distribution}/{dynamics}/seed_{seed}"


def section(config: Config, wildcards: Any) -> DomainConfig:
    """The settings of a job's domain at its scale."""
    return config.domains[wildcards.domain][wildcards.scale]


def data_seed(config: Config, wildcards: Any) -> int:
    """The seed of the data that an agent's seed learns from."""
    settings = section(config, wildcards)
    return settings.seeds[0] if settings.shared_data else int(wildcards.seed)


def stage_settings(config: Config, stage: str, wildcards: Any) -> str:
    """The settings that a job depends on, and no others, as one line of JSON.

    Snakemake reruns the job when this text changes.
    """
    settings = section(config, wildcards)
    found: Any = getattr(settings, stage, None)
    if stage == "rebalance":
        kind = DISTRIBUTIONS[wildcards.distribution]
        sampling = settings.sample_augmented
        found = {
            "kind": kind,
            "settings": getattr(settings.rebalance, str(kind)).model_dump(mode="json"),
            "sampling": sampling.model_dump(mode="json"),
        }
    elif stage == "train_offline_agent":
        whole = settings.train_offline_agent.model_dump(mode="json")
        agents = {name: whole.pop(name) for name in list(whole) if isinstance(whole[name], dict)}
        found = {"training": whole, "agent": agents[wildcards.agent]}
    elif stage in ("tables", "figures"):
        found = {
            **settings.tables.model_dump(mode="json"),
            "seeds": list(settings.seeds),
            "shared_data": settings.shared_data,
        }
    elif stage in ("film", "report_dynamics"):
        found = {}
    elif not isinstance(found, dict):
        found = found.model_dump(mode="json")
    return canonical_json(found)


def stage_code(config: Config, stage: str, wildcards: Any) -> str:
    """The version of the code that a job runs: its stage, its domain and its variants."""
    names = [f"mocoda.stages.{stage}", f"mocoda.domains.{wildcards.domain}"]
    if stage in (
        "fit_mask",
        "fit_gmm_parents",
        "train_dynamics",
        "report_dynamics",
        "sample_augmented",
    ):
        kind = section(config, wildcards).fit_mask["kind"]
        names.append(MASKS[kind].fit.__module__)
    if stage in ("train_dynamics", "report_dynamics", "sample_augmented"):
        names.append(f"mocoda.dynamics.{wildcards.dynamics}")
    if stage == "rebalance":
        names.append(f"mocoda.rebalance.{DISTRIBUTIONS[wildcards.distribution]}")
    if stage in ("train_offline_agent", "evaluate"):
        names.append(f"mocoda.agents.{wildcards.agent}")
    if stage in ("tables", "figures"):
        names = [f"mocoda.stages.{stage}"]
    film = f"mocoda.domains.{wildcards.domain}.film"
    if stage == "film" and module_file(film) is not None:
        names.append(film)
    return code_version(*names)


def cells(config: Config, domain: str, scale: str) -> list[tuple[str, str, str]]:
    """(agent, distribution, dynamics) of each cell of a table."""
    tables = config.domains[domain][scale].tables
    return [
        (agent, column.distribution, column.dynamics)
        for agent in tables.agents
        for column in tables.columns
    ]


def run_files(config: Config, wildcards: Any, name: str) -> list[str]:
    """A file of each run of a table: all cells, all seeds."""
    seeds = section(config, wildcards).seeds
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
    """A file of the run that is filmed: the table's last agent on MoCoDA-P, first seed."""
    settings = section(config, wildcards)
    columns = settings.tables.columns
    column = next((c for c in columns if c.distribution == "mocoda_p"), columns[-1])
    folder = RUN.format(
        domain=wildcards.domain,
        scale=wildcards.scale,
        agent=settings.tables.agents[-1],
        distribution=column.distribution,
        dynamics=column.dynamics,
        seed=settings.seeds[0],
    )
    return f"{folder}/{name}"
