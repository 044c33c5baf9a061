"""The offline agents, by the names that the configuration uses."""

from mocoda.agents import bcq, bcq_settings, cql, sac, td3_bc
from mocoda.agents.base import Agent, AgentSettings, AgentVariant, Batch, Policy

AGENTS: dict[str, AgentVariant] = {
    "td3_bc": AgentVariant(
        settings=td3_bc.TD3BCSettings,
        make=td3_bc.TD3BC,
        policy_from_tensors=td3_bc.policy_from_tensors,
        description="TD3 with a behaviour-cloning penalty; MoCoDA's form (-min(Q1, Q2) + MSE) "
        "unless form = published (Fujimoto and Gu, 2021)",
        describe=td3_bc.describe,
    ),
    "bcq": AgentVariant(
        settings=bcq_settings.BCQSettings,
        make=bcq.make,
        policy_from_tensors=bcq.policy_from_tensors,
        description="batch-constrained Q-learning in MoCoDA's form: one critic, proposals from an "
        "ensemble of mixture density networks, no perturbation; unless form = published (Fujimoto "
        "et al., 2019: twin critics, perturbed proposals from a variational autoencoder)",
        describe=bcq_settings.describe,
    ),
    "sac": AgentVariant(
        settings=sac.SACSettings,
        make=sac.SAC,
        policy_from_tensors=sac.policy_from_tensors,
        description="soft actor-critic with a fixed temperature, as MoCoDA ran it; unless form = "
        "published (Haarnoja et al., 2018b: learned temperature)",
        describe=sac.describe,
    ),
    "cql": AgentVariant(
        settings=cql.CQLSettings,
        make=cql.CQL,
        policy_from_tensors=cql.policy_from_tensors,
        description="conservative Q-learning in MoCoDA's form: SAC with mean Q drawn to the lower "
        "end of the clip for random actions and to the upper end for the data's; unless form = "
        "published (CQL(H) of Kumar et al., 2020)",
        describe=cql.describe,
    ),
}

__all__ = ["AGENTS", "Agent", "AgentSettings", "AgentVariant", "Batch", "Policy"]
