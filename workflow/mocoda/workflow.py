"""What the Snakefile needs to know: settings and code of a job, paths of artefacts.

Kept out of the rules so that they stay declarations, and typed and tested like the rest.
"""

from __future__ import annotations

from typing import Any

from mocoda import agent_runs
from mocoda.artifacts import canonical_json
from mocoda.augmentation import AUGMENTATION
from mocoda.code_version import code_version, module_file
from mocoda.config import Config, DomainConfig
from mocoda.config_scales import cells_of
from mocoda.config_tables import Column, ModelErrorSettings
from mocoda.distributions import DISTRIBUTIONS, Distribution
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.masks import MASKS

DATA = "data/{domain}/{scale}/seed_{seed}"
RESULTS = "results/{domain}/{scale}"
# What a scale with `data_scale` leaves to the other scale.
STAGES_OF_DATA = (
    "collect_empirical",
    "collect_oracle",
    "fit_mask",
    "report_mask",
    "fit_gmm_parents",
    "train_dynamics",
    "report_dynamics",
    "model_error",
    "validation_loss",
    "sample_augmented",
    "rebalance",
)


def section(config: Config, wildcards: Any) -> DomainConfig:
    """The settings of a job's domain at its scale."""
    return config.domains[wildcards.domain][wildcards.scale]


def data_scale(config: Config, wildcards: Any) -> str:
    """The scale whose data, models and generated rows the agents of a scale learn from."""
    return section(config, wildcards).data_scale or str(wildcards.scale)


def stage_settings(config: Config, stage: str, wildcards: Any) -> str:
    """The settings that a job depends on, and no others, as one line of JSON.

    Snakemake reruns the job when this text changes. Raises UserError for a job on data of a scale
    that has none of its own.
    """
    settings = section(config, wildcards)
    if settings.data_scale and stage in STAGES_OF_DATA:
        raise UserError(
            f"domains.{wildcards.domain}, scale {wildcards.scale}",
            expected=f"a scale with data of its own, for {stage}",
            found=f"data_scale: {settings.data_scale}",
            remedy=f"Ask for a file below data/{wildcards.domain}/{settings.data_scale}/ instead.",
        )
    found: Any = getattr(settings, stage, None)
    if stage in ("sample_augmented", "rebalance"):
        whole = settings.sample_augmented.model_dump(mode="json")
        own = {name: whole.pop(name) for name in AUGMENTATION}
        if stage == "rebalance":
            kind = distribution_of(wildcards).rebalance
            found = {
                "generated_per_real": whole["generated_per_real"],
                "kind": kind,
                "settings": getattr(settings.rebalance, kind).model_dump(mode="json"),
            }
        else:
            variant = AUGMENTATION[wildcards.augmentation]
            # Left out where they change nothing, so that they rerun nothing.
            if not variant.chosen_from:
                del whole["proposals_per_row"]
            if "dynamics" not in variant.needs:
                del whole["deviation_divisor"]
            found = {"sampling": whole, "augmentation": own[wildcards.augmentation]}
    elif stage in ("train_offline_agent", "train_side_by_side"):
        whole = settings.train_offline_agent.model_dump(mode="json")
        agents = {name: whole.pop(name) for name in list(whole) if isinstance(whole[name], dict)}
        found = {"training": whole, "agent": agents[wildcards.agent]}
        if stage == "train_side_by_side":
            found["runs"] = agent_runs.side_by_side_runs(settings)
    elif stage in ("tables", "figures", "validity"):
        tables = settings.tables.model_dump(mode="json", exclude={"ablations"})
        measured = [column.model_dump() for column in settings.tables.data_sets]
        found = {
            **({"columns": measured} if stage == "validity" else tables | {"data_sets": measured}),
            "seeds": list(settings.seeds),
            "shared_data": settings.shared_data,
        }
    elif stage == "model_error":
        table = settings.tables.model_error
        found = {
            "columns": [c.model_dump() for c in table.columns] if table else [],
            "rows": table.rows if table else 0,
            "deviation_divisor": settings.sample_augmented.deviation_divisor,
        }
    elif stage == "fit_mask":
        found = mask_settings(config, wildcards)
    elif stage == "mask_tables":
        found = {"masks": compared_masks(config, wildcards), "notes": settings.tables.notes}
    elif stage == "report_mask":
        found = {"collect_empirical": settings.collect_empirical}
    elif stage == "validation_loss":
        loss = settings.tables.validation_loss
        training = loss.model_dump(mode="json") if loss else {}
        found = {"training": training, "mask": chain_mask_kind(config, wildcards)}
    elif stage in ("film", "report_dynamics"):
        found = {}
    elif not isinstance(found, dict):
        found = found.model_dump(mode="json")
    return canonical_json(found)


def stage_code(config: Config, stage: str, wildcards: Any) -> str:
    """The version of the code that a job runs: its stage, its domain and its variants."""
    names = [f"mocoda.stages.{stage}", f"mocoda.domains.{wildcards.domain}"]
    uses_dynamics = {"train_dynamics", "report_dynamics", "model_error"}
    uses_mask = {"fit_mask", "report_mask", "validation_loss", "fit_gmm_parents", *uses_dynamics}
    if stage == "sample_augmented":
        variant = AUGMENTATION[wildcards.augmentation]
        names.append(variant.generate.__module__)
        uses_mask |= {stage} if "mask" in variant.needs else set()
        uses_dynamics |= {stage} if "dynamics" in variant.needs else set()
    if stage in uses_mask:
        one_of_several = stage in ("fit_mask", "report_mask")
        kind = wildcards.mask if one_of_several else chain_mask_kind(config, wildcards)
        names.append(MASKS[kind].settings.__module__)
    if stage in uses_dynamics:
        names.append(f"mocoda.dynamics.{wildcards.dynamics}")
    if stage == "rebalance":
        names.append(f"mocoda.rebalance.{distribution_of(wildcards).rebalance}")
    if stage in ("train_offline_agent", "train_side_by_side", "evaluate"):
        names.append(f"mocoda.agents.{wildcards.agent}")
    if stage in ("tables", "figures", "mask_tables"):
        names = [f"mocoda.stages.{stage}"]
    if stage == "film" and module_file(film := f"{names[1]}.film") is not None:
        names.append(film)
    return code_version(*names)


def distribution_of(wildcards: Any) -> Distribution:
    """The distribution that a path names; only such as have generated rows have a path."""
    found = DISTRIBUTIONS[wildcards.distribution]
    if found is None:
        raise ValueError(f"'{wildcards.distribution}' has no generated rows")
    return found


def chain_mask_kind(config: Config, wildcards: Any) -> str:
    """The kind of mask that the later stages use."""
    return str(section(config, wildcards).fit_mask["kind"])


def chain_mask(config: Config, wildcards: Any) -> dict[str, str]:
    """Files of the mask that the later stages of a seed use."""
    folder = DATA.format(**dict(wildcards.items()))
    mask = f"{folder}/mask/{chain_mask_kind(config, wildcards)}"
    return {"mask": f"{mask}/mask.safetensors", "mask_card": f"{mask}/card.json"}


def mask_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """The settings of the kind of mask that a path names: fit_mask's, or an entry of tables.masks;
    UserError where neither has that kind."""
    settings = section(config, wildcards)
    found = {str(entry["kind"]): entry for entry in settings.tables.masks}
    found[chain_mask_kind(config, wildcards)] = settings.fit_mask
    if wildcards.mask not in found:
        raise UserError(
            f"domains.{wildcards.domain}, scale {wildcards.scale}",
            expected=f"a mask among {', '.join(found)}",
            found=repr(wildcards.mask),
            remedy="Name it in fit_mask, or list it in tables.masks.",
        )
    variant = MASKS[wildcards.mask].settings
    return variant.model_validate(found[wildcards.mask]).model_dump(mode="json")


def compared_masks(config: Config, wildcards: Any) -> list[str]:
    """The kinds of mask of a table of masks; UserError where the configuration lists none."""
    found = [str(entry["kind"]) for entry in section(config, wildcards).tables.masks]
    if not found:
        raise UserError(
            f"domains.{wildcards.domain}, scale {wildcards.scale}, tables.masks",
            expected="masks to measure",
            found="none",
            remedy="List their kinds there; the domain's true mask must be known.",
        )
    return found


def ablations(config: Config, domain: str) -> dict[str, str]:
    """Scale -> what it changes, of `results/<domain>/ablations.csv`; UserError where there are
    none, or one has no cell of the first, which they change."""
    found = config.domains[domain][config.default_scale].tables.ablations
    if not found:
        raise UserError(
            f"results/{domain}/ablations.csv",
            expected=f"scales that change one thing each, in domains.{domain}.tables.ablations",
            found="none",
            remedy="List them there, each with what it changes.",
        )
    cells = {name: set(cells_of(config.domains[domain][name])) for name in found}
    first = next(iter(found))
    apart = [name for name in found if not cells[name] & cells[first]]
    if apart:
        raise UserError(
            f"domains.{domain}.tables.ablations",
            expected=f"an agent and a column of '{first}' in the table of each scale",
            found=f"none in {', '.join(apart)}",
            remedy="Give them such a cell in tables.agents and tables.columns, or leave them out.",
        )
    return found


def ablations_text(config: Config, domain: str) -> str:
    """What `compare_ablations` depends on beside its files."""
    return canonical_json({"scales": list(ablations(config, domain).items())})


def has_agents(config: Config, domain: str) -> bool:
    """Whether a domain's table at the default scale is one of agents, not of masks alone."""
    return bool(config.domains[domain][config.default_scale].tables.agents)


def augmentation_inputs(config: Config, wildcards: Any) -> dict[str, str]:
    """What `sample_augmented` reads, by the augmentation of the path."""
    needs = AUGMENTATION[wildcards.augmentation].needs
    files = {"manifest": "empirical/manifest.json"}
    if "transitions" in needs:
        files["store"] = "empirical/store"
    if "parents" in needs:
        files["parents"] = "parents/parents.safetensors"
    if "dynamics" in needs:
        files["dynamics"] = f"dynamics/{wildcards.dynamics}/dynamics.safetensors"
        files["dynamics_card"] = f"dynamics/{wildcards.dynamics}/card.json"
    folder = DATA.format(**dict(wildcards.items()))
    mask = chain_mask(config, wildcards) if "mask" in needs else {}
    return {**mask, **{name: f"{folder}/{file}" for name, file in files.items()}}


def generated_files(column: Column) -> dict[str, str]:
    """Files of the generated rows of a data set, below the data of a seed; none for logged rows."""
    distribution = DISTRIBUTIONS[column.distribution]
    if distribution is None:
        return {}
    store = f"augmented/{distribution.augmentation}/{column.dynamics}"
    return {
        "augmented_store": f"{store}/store",
        "augmented_manifest": f"{store}/manifest.json",
        "selection": f"datasets/{column.distribution}/{column.dynamics}/selection.safetensors",
    }


def generated_columns(config: Config, wildcards: Any) -> list[Column]:
    """The data sets of a scale's tables that have generated rows."""
    columns = section(config, wildcards).tables.data_sets
    return [column for column in columns if DISTRIBUTIONS[column.distribution]]


def closed_form(wildcards: Any) -> bool:
    """Whether the domain's true dynamics are known."""
    return DOMAINS[wildcards.domain].true_dynamics is not None


def oracle_files(config: Config, wildcards: Any, names: tuple[str, ...]) -> dict[str, str]:
    """Files of the scripted oracle by name (store, manifest, card); none where there is none."""
    if DOMAINS[wildcards.domain].oracle is None:
        return {}
    endings = {"store": "store", "manifest": "manifest.json", "card": "card.json"}
    folder = f"data/{wildcards.domain}/{data_scale(config, wildcards)}/oracle"
    return {f"oracle_{name}": f"{folder}/{endings[name]}" for name in names}


def model_error_table(config: Config, wildcards: Any) -> ModelErrorSettings:
    """The settings of the table of model errors; UserError where there is none."""
    found = section(config, wildcards).tables.model_error
    if found is None:
        raise UserError(
            f"domains.{wildcards.domain}, scale {wildcards.scale}, tables.model_error",
            expected="the cells to measure",
            found="null",
            remedy="Ask for report/<dynamics>/errors.json where no true dynamics are known.",
        )
    return found


def table_dynamics(config: Config, wildcards: Any) -> list[str]:
    """The dynamics models of the tables."""
    tables = section(config, wildcards).tables
    names = {column.dynamics for column in tables.data_sets} - {"none"}
    if tables.model_error is not None:
        names |= set(tables.model_error.dynamics)
    return sorted(names)
