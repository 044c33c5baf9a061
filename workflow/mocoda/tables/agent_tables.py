"""Which table a domain's agents fill, and what is measured of them: one entry a domain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mocoda.published import TABLE_2_SIZES, TABLE_3_SIZES, Sizes

SUCCESS = "success rate"
STEPS = "steps to goal"
RETURN = "return"
LAST_SNAPSHOTS = "last snapshots"


@dataclass(frozen=True)
class Metric:
    """What is computed of a run's episodes.

    column : of the episodes; `success` is a rate in per cent, the others are means in `unit`.
    side : only the episodes of this side count (None: all). caption : its heading in Markdown.
    label : of a figure's axis.
    """

    unit: str
    column: Literal["success", "steps", "return"]
    caption: str
    label: str
    side: str | None = None

    @property
    def is_rate(self) -> bool:
        return self.column == "success"

    def bounds(self, horizon: int | None) -> tuple[float, float]:
        """The least and the largest mean that is possible, in `unit`, of episodes that have at most
        `horizon` steps (None: any number)."""
        if self.is_rate:
            return 0.0, 100.0
        if self.column == "steps" and horizon is not None:
            return 1.0, float(horizon)
        return -math.inf, math.inf


METRICS: dict[str, Metric] = {
    SUCCESS: Metric("%", "success", "Success rate, % of episodes", "success rate (%)"),
    f"{SUCCESS}, toward": Metric(
        "%",
        "success",
        "Success rate where both goals lie toward the robot, %",
        "success rate, toward (%)",
        side="toward",
    ),
    f"{SUCCESS}, away": Metric(
        "%",
        "success",
        "Success rate where both goals lie away from the robot, %",
        "success rate, away (%)",
        side="away",
    ),
    STEPS: Metric("steps", "steps", "Steps to goal (lower is better)", "steps to goal"),
    RETURN: Metric("reward", "return", "Return, sum of rewards over an episode", "return"),
    # Of the snapshots' evaluations, not of the final episodes.
    f"{SUCCESS}, {LAST_SNAPSHOTS}": Metric(
        "%",
        "success",
        "Success rate, mean of the snapshots in the last fifth of the training, %",
        "success rate (%)",
    ),
    f"{STEPS}, {LAST_SNAPSHOTS}": Metric(
        "steps",
        "steps",
        "Steps to goal, mean of the snapshots in the last fifth of the training",
        "steps to goal",
    ),
}


@dataclass(frozen=True)
class AgentTable:
    """A table of agents by data set.

    table : its name in the column `table`. main_metric : the one that figures draw and that
    published figures stand beside; first of `metrics` (keys of `METRICS`). sizes : the paper's,
    None where it has no such table. better : which end of the main metric is. horizon : steps
    that an episode without success must have; None: not checked. oracle : name of the row of the
    scripted oracle. in_plain_columns : data sets whose columns do not name their model.
    remarks : sentences beneath the table.
    """

    table: str
    main_metric: str
    metrics: tuple[str, ...]
    sizes: Sizes | None
    better: Literal["higher", "lower"] = "higher"
    horizon: int | None = None
    oracle: str = "scripted oracle"
    in_plain_columns: str = "Data sets"
    remarks: tuple[str, ...] = ()

    @property
    def limit_name(self) -> str:
        """What the oracle's value is to the agents' ones."""
        return "ceiling" if self.better == "higher" else "floor"


AGENT_TABLES: dict[str, AgentTable] = {
    "hooksweep2": AgentTable(
        "Table 3",
        SUCCESS,
        (SUCCESS, f"{SUCCESS}, toward", f"{SUCCESS}, away", RETURN),
        TABLE_3_SIZES,
        oracle="scripted oracle (two boxes)",
        in_plain_columns="MoCoDA and MoCoDA-P",
    ),
    "nav2d": AgentTable(
        "Table 2",
        STEPS,
        (STEPS, SUCCESS, RETURN),
        TABLE_2_SIZES,
        better="lower",
        horizon=70,
        oracle="scripted oracle (full speed)",
        in_plain_columns="RAND, MoCoDA, MoCoDA-U and MoCoDA-U, components",
        remarks=(
            "Steps to goal: an episode that never arrives counts the horizon, 70 steps (the "
            "paper's; the published code lets an episode run to step 71).",
            # Simulated: the first two figures with greedy moves, the others with the domain's
            # own controller from 200,000 starts.
            "Floor: straight to the goal box takes 18.98 steps on average at full speed, and "
            "19.94 at the fastest action component of the scripted expert (0.95). It depends a "
            "little on the place in the box: 19.03 and 20.02 to its centre, where the scripted "
            "oracle goes, 18.74 and 19.66 to just inside its near corner.",
            "The paper's column CoDA is the swap as published, without a mask, and stands beside "
            "ours of that form (CoDA, unmasked). The paper prints none for CoDA with its mask, "
            "for MoCoDA-U by mixture components and for DYNA. RAND and MoCoDA are its locally "
            "factored ones, DYNA's model is unfactored (MoCoDA, appendix).",
        ),
    ),
}
# A user's own domain.
OTHER = AgentTable("agents", SUCCESS, (SUCCESS, RETURN), None)


def agent_table(domain: str) -> AgentTable:
    """The table of agents of a domain; one without published figures for an unknown domain."""
    return AGENT_TABLES.get(domain, OTHER)


def last_snapshots_of(table: AgentTable) -> str:
    """Name of the table's main metric over the last snapshots (`mocoda.tables.last_snapshots`)."""
    return f"{table.main_metric}, {LAST_SNAPSHOTS}"
