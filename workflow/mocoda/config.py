"""The configuration: every setting of every stage, checked before anything runs.

One source: the settings models of the stages and variants. A domain's section holds the settings
of all stages and, under `scales`, what each scale changes; a scale is the section with those
changes laid over it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from mocoda.agents import AGENTS
from mocoda.augmentation import AUGMENTATION
from mocoda.config_scales import OF_AGENTS, check_scales, check_swaps
from mocoda.config_tables import Strict, TableSettings, check_masks, check_names
from mocoda.config_text import NOT_FINITE, describe, leaves, merged
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.errors import suggestion
from mocoda.logged import LoggedSettings, collection, with_note
from mocoda.masks import MASKS
from mocoda.parents.settings import GmmSettings
from mocoda.rebalance import REBALANCE
from mocoda.stages.evaluation_settings import EvaluationSettings
from mocoda.stages.oracle_settings import OracleSettings
from mocoda.stages.sampling import SampleSettings
from mocoda.stages.training_settings import TrainingSettings


class ConfigError(ValueError):
    """All faults of a configuration, one a line."""


RebalanceConfig = create_model(
    "RebalanceConfig",
    __base__=Strict,
    **{name: (settings, settings()) for name, (settings, _) in REBALANCE.items()},  # type: ignore[call-overload]
)
SampleConfig = create_model(
    "SampleConfig",
    __base__=SampleSettings,
    **{name: (v.settings, v.settings()) for name, v in AUGMENTATION.items()},  # type: ignore[call-overload]
)
AgentConfig = create_model(
    "AgentConfig",
    __base__=TrainingSettings,
    **{name: (v.settings, v.settings()) for name, v in AGENTS.items()},  # type: ignore[call-overload]
)


class DomainConfig(Strict):
    """The settings of one domain at one scale."""

    seeds: tuple[int, ...] = Field(
        min_length=1, description="One whole chain each: data, parents, dynamics, agent."
    )
    shared_data: bool = Field(
        False,
        description="Whether all seeds share the data, parents and dynamics of the first (the "
        "paper did); intervals are then over agents alone.",
    )
    data_scale: str | None = Field(
        None,
        description="The scale whose data, parents, dynamics and generated rows the agents learn "
        "from; null: its own. All settings but those of agents and tables must be the same.",
    )
    collect_empirical: dict[str, Any]
    collect_oracle: OracleSettings = OracleSettings()
    fit_mask: dict[str, Any]
    fit_gmm_parents: GmmSettings = GmmSettings()
    train_dynamics: DynamicsSettings = DynamicsSettings()
    sample_augmented: SampleConfig = SampleConfig()
    rebalance: RebalanceConfig = RebalanceConfig()
    train_offline_agent: AgentConfig = AgentConfig()
    evaluate: EvaluationSettings = EvaluationSettings()
    tables: TableSettings


class Config(BaseModel):
    """The whole configuration, resolved: `domains[domain][scale]`."""

    model_config = ConfigDict(frozen=True)

    default_scale: str
    domains: dict[str, dict[str, DomainConfig]]


def load(raw: Mapping[str, Any]) -> Config:
    """Check a configuration as read from YAML. Raises ConfigError with every fault in it."""
    if not isinstance(raw, Mapping):
        text = f"expected the keys default_scale and domains; found {raw!r}."
        raise ConfigError(f"1 fault(s) in the configuration:\n  - {text}")
    faults: list[str] = []
    known = ("default_scale", "domains")
    faults += [
        f"{key}: no such setting. {suggestion(str(key), known)}" for key in raw if key not in known
    ]
    domains: dict[str, dict[str, DomainConfig]] = {}
    sections = raw.get("domains")
    if not isinstance(sections, Mapping) or not sections:
        faults.append(f"domains: expected a section for each domain; found {sections!r}.")
        sections = {}
    for name, section in sections.items():
        if name not in DOMAINS:
            faults.append(f"domains.{name}: no such domain. {suggestion(str(name), DOMAINS)}")
            continue
        scales = section.get("scales") if isinstance(section, Mapping) else None
        if not isinstance(scales, Mapping) or not scales:
            faults.append(f"domains.{name}.scales: expected at least one scale; found {scales!r}.")
            continue
        base = {key: value for key, value in section.items() if key != "scales"}
        # A domain's own section may keep the settings of the kind that another one replaced, as by
        # `--config`, which cannot take a key away.
        base = without_other_kinds(base, base)
        base_faults = check_section(f"domains.{name}", name, base)[1]
        domains[name] = {}
        for scale, changes in scales.items():
            at = f"domains.{name}.scales.{scale}"
            # Scales name folders, which must stay within the project's.
            named = str(scale).isascii() and str(scale).replace("_", "").isalnum()
            if not named or scale == "figures":
                faults.append(f"{at}: expected a name of letters, digits and '_', not 'figures'.")
                continue
            if not isinstance(changes or {}, Mapping):
                faults.append(f"{at}: expected settings by stage; found {changes!r}.")
                continue
            lent = lent_settings(changes or {}, scales)
            borrowed = merged(without_other_kinds(base, lent), lent)
            written = merged(without_other_kinds(borrowed, changes or {}), changes or {})
            section_at, found = check_section(at, name, written)
            # A fault of the base shows in each scale; it is told once, where it is.
            told = {fault.removeprefix(f"domains.{name}.") for fault in base_faults}
            faults += [fault for fault in found if fault.removeprefix(f"{at}.") not in told]
            if section_at is not None:
                domains[name][str(scale)] = section_at
        faults += base_faults
        faults += check_scales(
            f"domains.{name}",
            domains[name],
            list(map(str, scales)),
            str(raw.get("default_scale")),
        )
        if raw.get("default_scale") not in list(scales):
            faults.append(
                f"default_scale: {raw.get('default_scale')!r} is no scale of domain '{name}'. "
                f"{suggestion(str(raw.get('default_scale')), map(str, scales))}"
            )
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in dict.fromkeys(faults))
        raise ConfigError(f"{len(set(faults))} fault(s) in the configuration:\n{lines}")
    return Config(default_scale=str(raw["default_scale"]), domains=domains)


def lent_settings(changes: Mapping[str, Any], scales: Mapping[str, Any]) -> dict[str, Any]:
    """What the scale that `changes` borrows its data from changes of it."""
    lender = scales.get(str(changes.get("data_scale")))
    if not isinstance(lender, Mapping):
        return {}
    lent = set(DomainConfig.model_fields) - OF_AGENTS
    return {key: value for key, value in lender.items() if key in lent}


def check_section(
    at: str, domain: str, section: Mapping[str, Any]
) -> tuple[DomainConfig | None, list[str]]:
    """A domain's settings, or the faults in them (each led by its key)."""
    faults: list[str] = []
    written, section = section, dict(section)
    collect = section.get("collect_empirical") or {}
    mask = section.get("fit_mask") or {}
    kind = mask.get("kind", "heuristic") if isinstance(mask, Mapping) else None
    model, collect = collection(DOMAINS[domain], collect)
    models: list[tuple[str, Any, Any]] = [("collect_empirical", model, collect)]
    if isinstance(kind, str) and kind in MASKS:
        models.append(("fit_mask", MASKS[kind].settings, mask))
        reason = MASKS[kind].refuses(DOMAINS[domain])
        if reason:
            faults.append(f"{at}.fit_mask.kind: '{kind}': {reason}")
    else:
        faults.append(f"{at}.fit_mask.kind: {kind!r} is no mask. {suggestion(str(kind), MASKS)}")
    for key, of_key, value in models:
        try:
            section[key] = of_key.model_validate(value).model_dump(mode="json")
        except ValidationError as error:
            faults += describe(f"{at}.{key}", error, of_key)
            section[key] = {}
    section.setdefault("fit_mask", {})
    if model is LoggedSettings:
        section["tables"] = with_note(section.get("tables"), section["collect_empirical"])
    config = None
    try:
        config = DomainConfig.model_validate(section)
    except ValidationError as error:
        faults += describe(at, error, DomainConfig)
    else:
        if len(set(config.seeds)) != len(config.seeds) or min(config.seeds) < 0:
            faults.append(
                f"{at}.seeds: expected different whole numbers from 0 on; "
                f"found {list(config.seeds)}."
            )
        faults += check_sizes(at, config)
        faults += check_swaps(at, domain, config)
        faults += check_task(at, DOMAINS[domain], config)
    faults += [
        f"{key}: expected a finite number; found {value!r}."
        for key, value in leaves(at, written)
        if (isinstance(value, float) and not math.isfinite(value))
        or (isinstance(value, str) and value.lower().lstrip("+-") in NOT_FINITE)
    ]
    # Even where other settings are at fault, so that all faults are told in one go.
    with suppress(ValidationError):
        tables = TableSettings.model_validate(section.get("tables"))
        faults += check_names(at, domain, tables)
        faults += check_masks(at, domain, tables, section["fit_mask"])
    return (None if faults else config), faults


def without_other_kinds(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` without the settings of other masks than the kind that `changes` name, if any."""
    inherited, mask = base.get("fit_mask"), changes.get("fit_mask")
    if not (isinstance(inherited, Mapping) and isinstance(mask, Mapping) and "kind" in mask):
        return dict(base)
    foreign = foreign_mask_keys(mask["kind"])
    return {**base, "fit_mask": {k: v for k, v in inherited.items() if k not in foreign}}


def foreign_mask_keys(kind: object) -> set[str]:
    """Settings that other kinds of mask have and this one has not."""
    fields = {name: set(variant.settings.model_fields) for name, variant in MASKS.items()}
    own = fields.get(str(kind), set())
    return set().union(*fields.values()) - own if own else set()


def check_task(at: str, domain: Domain, config: DomainConfig) -> list[str]:
    """Faults in settings that depend on what the domain's task is."""
    if config.train_offline_agent.terminal == "never" and domain.ends_at_goal:
        return [
            f"{at}.train_offline_agent.terminal: expected success, for episodes of "
            f"'{domain.name}' end at the goal; found never."
        ]
    training = config.train_offline_agent
    bcq: Any = getattr(training, "bcq", None)
    if training.side_by_side and "bcq" in config.tables.agents and bcq.form == "published":
        return [
            f"{at}.train_offline_agent.side_by_side: expected false, for bcq with form published "
            "trains one run a job; found true."
        ]
    near = config.train_offline_agent.goals_near
    if near and (domain.goals_near is None or config.train_offline_agent.goals != "batch"):
        return [
            f"{at}.train_offline_agent.goals_near: expected 0 where goals are not drawn for each "
            f"batch (goals: batch) or '{domain.name}' has no `goals_near`; found {near:g}."
        ]
    return []


def check_sizes(at: str, config: DomainConfig) -> list[str]:
    """Faults in sizes that only show when settings are seen together."""
    faults = [
        f"{key}: expected a width of at least 1; found {value!r}."
        for key, value in leaves(at, config.model_dump())
        if "hidden" in key.rpartition(".")[0].rpartition(".")[2] and value < 1
    ]
    if isinstance(config.collect_empirical.get("transitions"), int):
        real = config.collect_empirical["transitions"]
        if config.sample_augmented.generated_rows(real) < 1:
            faults.append(
                f"{at}.sample_augmented.generated_per_real: expected at least one generated row; "
                f"found {config.sample_augmented.generated_per_real} of {real} real rows."
            )
    least = 2 * config.fit_gmm_parents.components
    rows = config.collect_empirical.get("transitions")
    if isinstance(rows, int) and rows < least:
        faults.append(
            f"{at}.collect_empirical.transitions: expected at least {least}, 2 for each of "
            f"fit_gmm_parents.components; found {rows}."
        )
    return faults
