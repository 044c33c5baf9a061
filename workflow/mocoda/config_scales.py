"""Checks of the configuration that see more than one section of it at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mocoda.augmentation import AUGMENTATION
from mocoda.augmentation.swap import refuses_connected_base
from mocoda.distributions import DISTRIBUTIONS
from mocoda.domains import DOMAINS
from mocoda.errors import suggestion

if TYPE_CHECKING:
    from mocoda.config import DomainConfig

# Settings that a scale with `data_scale` has for itself; the others it shares with that scale.
OF_AGENTS = {"seeds", "data_scale", "train_offline_agent", "evaluate", "tables"}


def check_swaps(at: str, domain: str, config: DomainConfig) -> list[str]:
    """Faults where rows are to be swapped by a mask that calls nothing independent."""
    faults = []
    tables = config.tables
    measured = tables.model_error.columns if tables.model_error else ()
    dense = config.fit_mask.get("kind") == "dense"
    for name in dict.fromkeys(column.distribution for column in (*tables.columns, *measured)):
        distribution = DISTRIBUTIONS.get(name)
        variant = AUGMENTATION[distribution.augmentation] if distribution else None
        if dense and variant and variant.swaps and "mask" in variant.needs:
            faults.append(
                f"{at}.tables.columns: '{name}' swaps what the mask calls independent; with "
                "fit_mask.kind 'dense' nothing is. Choose another mask, or leave the column out."
            )
    if tables.validation_loss is not None:
        reason = "with fit_mask.kind 'dense' nothing is independent" if dense else ""
        reason = reason or refuses_connected_base(DOMAINS[domain])
        if not tables.masks:
            reason = "it is a part of the table of masks, and tables.masks lists none"
        if reason:
            faults.append(f"{at}.tables.validation_loss: expected null: {reason}.")
    return faults


def check_scales(
    at: str, scales: Mapping[str, DomainConfig], names: list[str], default_scale: str
) -> list[str]:
    """Faults between the scales of a domain; `names` are all of them, `scales` the sound ones."""
    faults = check_ablations(at, scales, names, default_scale)
    with_agents = {name: bool(settings.tables.agents) for name, settings in scales.items()}
    if len(set(with_agents.values())) > 1:
        without = [name for name, agents in with_agents.items() if not agents]
        faults.append(
            f"{at}.scales: expected agents in the tables of all scales or of none; found none in "
            f"{', '.join(without)}."
        )
    for scale, settings in scales.items():
        where = f"{at}.scales.{scale}.tables.mask_scales"
        compared = settings.tables.mask_scales
        unknown = [name for name in compared if name not in names]
        faults += [
            f"{where}: '{name}' is no scale of the domain. {suggestion(name, names)}"
            for name in unknown
        ]
        if not unknown and all(name in scales for name in compared):
            faults += check_compared(where, {name: scales[name] for name in compared})
        faults += check_data_scale(f"{at}.scales.{scale}.data_scale", settings, scales, names)
    return faults


def check_data_scale(
    at: str, settings: DomainConfig, scales: Mapping[str, DomainConfig], names: list[str]
) -> list[str]:
    """Faults in the name of the scale that a scale has its data from."""
    name = settings.data_scale
    if name is None:
        return []
    if name not in names:
        return [f"{at}: '{name}' is no scale of the domain. {suggestion(name, names)}"]
    if name not in scales:  # its own faults are told
        return []
    if scales[name].data_scale is not None:
        return [
            f"{at}: expected a scale with data of its own; '{name}' has that of "
            f"'{scales[name].data_scale}'. Name a scale without data_scale."
        ]
    own, other = (
        one.model_dump(mode="json", exclude=OF_AGENTS) for one in (settings, scales[name])
    )
    differing = [key for key in own if own[key] != other[key]]
    # Parts of the tables that are measured on the data, by the settings of the other scale.
    mine, theirs = settings.tables, scales[name].tables
    differing += [
        f"tables.{key}"
        for key in ("model_error", "validation_loss")
        if getattr(mine, key) is not None and getattr(mine, key) != getattr(theirs, key)
    ]
    if any(entry not in theirs.masks for entry in mine.masks):
        differing.append("tables.masks")
    if settings.shared_data and settings.seeds[0] != scales[name].seeds[0]:
        differing.append("the first seed, whose data all share,")
    return [
        f"{at}: {key} differs from that of '{name}', whose data the agents would learn from. Make "
        "them the same, or leave data_scale out."
        for key in differing
    ]


def check_ablations(
    at: str, scales: Mapping[str, DomainConfig], names: list[str], default_scale: str
) -> list[str]:
    """Faults in the ablations of the default scale, whose settings `ablations.csv` follows."""
    if default_scale not in scales:
        return []
    listed = scales[default_scale].tables.ablations
    where = f"{at}.tables.ablations"
    unknown = [name for name in listed if name not in names]
    if unknown:
        return [
            f"{where}: '{name}' is no scale of the domain. {suggestion(name, names)}"
            for name in unknown
        ]
    faults = []
    if len(listed) == 1 or len(set(listed.values())) < len(listed):
        faults.append(f"{where}: expected two scales or more, each with words of its own.")
    return faults


def cells_of(settings: DomainConfig) -> list[tuple[str, str, str]]:
    """(agent, distribution, dynamics) of each cell of a scale's table."""
    return [
        (agent, column.distribution, column.dynamics)
        for agent in settings.tables.agents
        for column in settings.tables.columns
    ]


def check_compared(where: str, scales: Mapping[str, DomainConfig]) -> list[str]:
    """Faults in scales whose tables are to be compared: they must differ by their mask alone."""
    faults = []
    kinds = [str(settings.fit_mask.get("kind")) for settings in scales.values()]
    others = []
    for (name, settings), kind in zip(scales.items(), kinds, strict=True):
        others.append(settings.model_dump(mode="json", exclude={"fit_mask", "tables"}))
        if kinds.count(kind) > 1:
            faults.append(f"{where}: expected a mask of its own in each scale; '{kind}' is twice.")
        if not settings.tables.agents:
            faults.append(f"{where}: '{name}' has no agents to compare.")
        if settings.data_scale is not None:
            faults.append(f"{where}: '{name}' has its data from '{settings.data_scale}'.")
        listed = [entry.get("kind") for entry in settings.tables.masks]
        if listed and kind not in listed:
            faults.append(f"{where}: '{name}' does not list its own mask '{kind}' in tables.masks.")
        if others[-1] != others[0]:
            faults.append(
                f"{where}: '{name}' differs from '{next(iter(scales))}' by more than fit_mask and "
                "tables, so that the comparison would not be one of masks."
            )
    return faults
