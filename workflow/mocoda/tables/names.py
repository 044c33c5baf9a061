"""What the ids in the data are called in tables and figures: the one place for display names."""

from __future__ import annotations

NAMES: dict[str, str] = {
    # domains
    "hooksweep2": "HookSweep2",
    "nav2d": "2D Navigation",
    "synthetic_mp": "synthetic process",
    "synthetic_mp_stationary": "synthetic process, stationary",
    "bouncing_balls": "bouncing balls",
    # agents
    "td3_bc": "TD3-BC",
    "bcq": "BCQ",
    "sac": "SAC",
    "cql": "CQL",
    # distributions of the data an agent learns from
    "emp": "EMP",
    "mocoda": "MoCoDA",
    "mocoda_u": "MoCoDA-U",
    "mocoda_p": "MoCoDA-P",
    "dyna": "DYNA",
    "rand": "RAND",
    "mocoda_components": "MoCoDA-U, components",
    "coda": "CoDA, masked",
    "coda_unmasked": "CoDA, unmasked",
    "coda_mocoda": "CoDA and MoCoDA",
    "mocoda_truth": "MoCoDA, true children",
    "target_task": "expert on the target task",
    # masks
    "heuristic": "heuristic",
    "ground_truth": "ground truth",
    "sandy_mixture": "SANDy-Mixture",
    "sandy_transformer": "SANDy-Transformer",
    # dynamics models
    "locally_factored": "locally factored",
    "globally_factored": "globally factored",
    "unfactored": "unfactored",
}

# The order of columns in tables and figures; the paper's.
DISTRIBUTIONS = (
    "emp",
    "dyna",
    "rand",
    "mocoda",
    "mocoda_u",
    "mocoda_components",
    "mocoda_p",
    "coda_unmasked",
    "coda",
    "coda_mocoda",
    "mocoda_truth",
    "target_task",
)
DYNAMICS = ("none", "locally_factored", "globally_factored", "unfactored")
# Dynamics that a column's title does not name.
PLAIN = ("none", "locally_factored")
# The paper's order of the rows of its table of models.
MODELS = ("unfactored", "globally_factored", "locally_factored")
AGENTS = ("sac", "bcq", "cql", "td3_bc")


def display(name: str) -> str:
    """The display name of an id; an unknown id stands for itself."""
    return NAMES.get(name, name)


def column_title(distribution: str, dynamics: str) -> str:
    """E.g. "MoCoDA-P" (locally factored, the paper's method) or "MoCoDA-P, unfactored"."""
    if dynamics in PLAIN:
        return display(distribution)
    return f"{display(distribution)}, {display(dynamics)}"


def column_order(key: tuple[str, str]) -> tuple[int, int, str, str]:
    """Sort key of a column (distribution, dynamics): those whose title names no dynamics first,
    then by dynamics, each by distribution, as the paper's tables; unknown ids come last, by name.
    """
    distribution, dynamics = key
    group = 0 if dynamics in PLAIN else _place(dynamics, DYNAMICS)
    return group, _place(distribution, DISTRIBUTIONS), dynamics, distribution


def agent_order(agent: str) -> tuple[int, str]:
    """Sort key of an agent: the paper's order, then unknown ids by name."""
    return _place(agent, AGENTS), agent


def model_order(dynamics: str) -> tuple[int, str]:
    """Sort key of a dynamics model in the table of models: the paper's order, then by name."""
    return _place(dynamics, MODELS), dynamics


def _place(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)
