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


def check_scales(at: str, scales: Mapping[str, DomainConfig], names: list[str]) -> list[str]:
    """Faults between the scales of a domain; `names` are all of them, `scales` the sound ones."""
    faults = []
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
        faults += [
            f"{at}.scales.{scale}.tables.ablations: '{name}' is no scale of the domain. "
            f"{suggestion(name, names)}"
            for name in settings.tables.ablations
            if name not in names
        ]
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
        return [f"{at}: expected a scale with data of its own; '{name}' has another's."]
    of_agents = {"seeds", "data_scale", "train_offline_agent", "evaluate", "tables"}
    own, other = (
        one.model_dump(mode="json", exclude=of_agents) for one in (settings, scales[name])
    )
    return [
        f"{at}: {key} differs from that of '{name}', whose data the agents would learn from. Make "
        "them the same, or leave data_scale out."
        for key in own
        if own[key] != other[key]
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
