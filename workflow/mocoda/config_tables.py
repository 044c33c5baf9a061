"""The part of the configuration that says which cells the tables have, and its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mocoda.agents import AGENTS
from mocoda.augmentation import AUGMENTATION
from mocoda.config_text import describe
from mocoda.distributions import DISTRIBUTIONS
from mocoda.domains import DOMAINS
from mocoda.dynamics import DYNAMICS
from mocoda.errors import suggestion
from mocoda.masks import MASKS
from mocoda.stages.validation_loss_settings import ValidationLossSettings


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(Strict):
    """A column of the table: a data set, and the dynamics that generated it."""

    distribution: str = Field(description=f"One of {', '.join(DISTRIBUTIONS)}.")
    dynamics: str = Field("none", description=f"none (emp), or one of {', '.join(DYNAMICS)}.")


class ModelErrorSettings(Strict):
    """Which cells the table of one-step model errors has (MoCoDA, Table 1)."""

    dynamics: tuple[str, ...] = Field(min_length=1, description="Rows of the table.")
    columns: tuple[Column, ...] = Field(
        min_length=1, description="Columns: where the states and actions come from."
    )
    rows: int = Field(5000, ge=1, description="Rows of each column (published code: 5000).")


class TableSettings(Strict):
    """Which cells the table has."""

    agents: tuple[str, ...] = Field((), description="Rows of the table; none: a table of masks.")
    columns: tuple[Column, ...] = Field((), description="Columns of the table.")
    masks: tuple[dict[str, Any], ...] = Field(
        (),
        description="Masks to compare with the true one, each with the settings of fit_mask. Needs "
        "a domain whose true mask is known.",
    )
    mask_scales: tuple[str, ...] = Field(
        (),
        description="Scales of the domain that differ by their mask; `masks.csv` compares them.",
    )
    ablations: dict[str, str] = Field(
        {},
        description="Scales of the domain that change one thing each, and what that is; the first "
        "is what they change. `ablations.csv` sets them side by side.",
    )
    validation_loss: ValidationLossSettings | None = Field(
        None, description="Dynamics learned from few rows and their swaps (CoDA, Figure 11)."
    )
    notes: tuple[str, ...] = Field((), description="Sentences said beneath the table.")
    model_error: ModelErrorSettings | None = Field(
        None, description="The table of model errors; null: none. Needs a domain in closed form."
    )

    @property
    def data_sets(self) -> list[Column]:
        """Those of the table of agents, then what the table of model errors has beside them."""
        more = self.model_error.columns if self.model_error is not None else ()
        return list(dict.fromkeys((*self.columns, *more)))


def check_masks(at: str, domain: str, tables: TableSettings, own: Mapping[str, Any]) -> list[str]:
    """Faults in the list of masks to compare; `own` are the settings of fit_mask."""
    faults = []
    where = f"{at}.tables.masks"
    if not isinstance(own, Mapping):
        return []  # told where it is
    kinds = [entry.get("kind") for entry in tables.masks]
    for number, (kind, entry) in enumerate(zip(kinds, tables.masks, strict=True)):
        if not isinstance(kind, str) or kind not in MASKS:
            faults.append(
                f"{where}.{number}.kind: {kind!r} is no mask. {suggestion(str(kind), MASKS)}"
            )
            continue
        if kinds.count(kind) > 1:
            faults.append(f"{where}: expected each kind once; found twice: '{kind}'.")
        if kind == own.get("kind") and len(entry) > 1:
            faults.append(
                f"{where}.{number}: '{kind}' is the kind of fit_mask, whose settings it has: "
                "list the kind alone."
            )
        reason = MASKS[kind].refuses(DOMAINS[domain])
        if reason:
            faults.append(f"{where}.{number}: '{kind}': {reason}")
        try:
            MASKS[kind].settings.model_validate(entry)
        except ValidationError as error:
            faults += describe(f"{where}.{number}", error, MASKS[kind].settings)
    if tables.masks and DOMAINS[domain].true_mask is None:
        faults.append(f"{where}: expected none: the local graphs of '{domain}' are not known.")
    return faults


def check_names(at: str, domain: str, tables: TableSettings) -> list[str]:
    """Faults in the names of agents, distributions and dynamics of the tables."""
    faults = []
    if not (tables.agents and tables.columns) and (
        tables.agents or tables.columns or not tables.masks
    ):
        faults.append(
            f"{at}.tables: expected agents and columns, or neither of them but masks; found "
            f"{len(tables.agents)} agent(s), {len(tables.columns)} column(s), "
            f"{len(tables.masks)} mask(s)."
        )
    lists: list[tuple[str, tuple[Any, ...]]] = [
        ("agents", tables.agents),
        ("columns", tables.columns),
    ]
    columns = [(f"{at}.tables.columns", column) for column in tables.columns]
    for agent in tables.agents:
        if agent not in AGENTS:
            faults.append(f"{at}.tables.agents: '{agent}' is no agent. {suggestion(agent, AGENTS)}")
    if tables.model_error is not None:
        where = f"{at}.tables.model_error"
        lists += [
            ("model_error.dynamics", tables.model_error.dynamics),
            ("model_error.columns", tables.model_error.columns),
        ]
        columns += [(f"{where}.columns", column) for column in tables.model_error.columns]
        for name in tables.model_error.dynamics:
            if name not in DYNAMICS:
                advice = suggestion(name, DYNAMICS)
                faults.append(f"{where}.dynamics: '{name}' is no dynamics model. {advice}")
        if DOMAINS[domain].true_dynamics is None:
            faults.append(f"{where}: expected null: domain '{domain}' has no `true_dynamics`.")
    if tables.model_error is not None:
        # The columns of this table are named by their distribution alone.
        named = tuple(column.distribution for column in tables.model_error.columns)
        lists.append(("model_error.columns, distribution", named))
    for name, values in lists:
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            faults.append(f"{at}.tables.{name}: expected each once; found twice: {twice}.")
    for where, column in columns:
        if column.distribution not in DISTRIBUTIONS:
            faults.append(
                f"{where}: '{column.distribution}' is no distribution. "
                f"{suggestion(column.distribution, DISTRIBUTIONS)}"
            )
            continue
        distribution = DISTRIBUTIONS[column.distribution]
        allowed = distribution.dynamics if distribution is not None else ("none",)
        if column.dynamics not in allowed:
            faults.append(
                f"{where}: '{column.dynamics}' are no dynamics for '{column.distribution}'. "
                f"{suggestion(column.dynamics, allowed)}"
            )
        elif distribution is not None:
            reason = AUGMENTATION[distribution.augmentation].refuses(DOMAINS[domain])
            if not DOMAINS[domain].rebalance_columns and distribution.rebalance != "none":
                reason = "the domain names no rebalance_columns, whose density it would flatten."
            if reason:
                faults.append(f"{where}: '{column.distribution}': {reason}")
    return faults
