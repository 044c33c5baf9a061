"""The part of the configuration that says which cells the tables have, and its checks."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mocoda.agents import AGENTS
from mocoda.augmentation import AUGMENTATION
from mocoda.distributions import DISTRIBUTIONS
from mocoda.domains import DOMAINS
from mocoda.dynamics import DYNAMICS
from mocoda.errors import suggestion


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

    agents: tuple[str, ...] = Field(min_length=1, description="Rows of the table.")
    columns: tuple[Column, ...] = Field(min_length=1, description="Columns of the table.")
    notes: tuple[str, ...] = Field((), description="Sentences said beneath the table.")
    model_error: ModelErrorSettings | None = Field(
        None, description="The table of model errors; null: none. Needs a domain in closed form."
    )


def check_names(at: str, domain: str, tables: TableSettings) -> list[str]:
    """Faults in the names of agents, distributions and dynamics of the tables."""
    faults = []
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
                faults.append(f"{where}.dynamics: '{name}': {suggestion(name, DYNAMICS)}")
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
