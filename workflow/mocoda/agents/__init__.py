"""The offline agents, by the names that the configuration uses."""

from mocoda.agents import bcq, td3_bc
from mocoda.agents.base import Agent, AgentSettings, AgentVariant, Batch, Policy

AGENTS: dict[str, AgentVariant] = {
    "td3_bc": AgentVariant(
        settings=td3_bc.TD3BCSettings,
        make=td3_bc.TD3BC,
        policy_from_tensors=td3_bc.policy_from_tensors,
        description="TD3 with a behaviour-cloning penalty; MoCoDA's form (-min(Q1, Q2) + MSE) "
        "unless form = published (Fujimoto and Gu, 2021)",
    ),
    "bcq": AgentVariant(
        settings=bcq.BCQSettings,
        make=bcq.BCQ,
        policy_from_tensors=bcq.policy_from_tensors,
        description="batch-constrained Q-learning in MoCoDA's form: one critic, proposals from an "
        "ensemble of mixture density networks, no perturbation",
    ),
}

__all__ = ["AGENTS", "Agent", "AgentSettings", "AgentVariant", "Batch", "Policy"]
