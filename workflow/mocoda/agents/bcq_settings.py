"""The settings of BCQ, in both of its forms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mocoda.agents.base import AgentSettings, describe_learning


class BCQSettings(AgentSettings):
    """First `behaviour_updates` steps of maximum likelihood for the behaviour ensemble, then
    Q-learning over its proposals: minimise mean (Q(s, a) - y)², y as in the module's text.

    Form published: y of `bcq_published`; both critics, sum of mean (Q(s, a) - y)²; encoder and
    decoder, MSE + divergence_weight * KL; perturbation, -mean Q1(s, a + ξ(s, a)). A setting of one
    form has no effect in the other."""

    form: Literal["mocoda", "published"] = Field(
        default="mocoda",
        description="Algorithm: MoCoDA's published code (settings behaviour_* and proposals), or "
        "Fujimoto et al. (2019; settings that say form published).",
    )
    behaviour_updates: int = Field(
        default=1000,
        ge=1,
        description="Updates of the behaviour ensemble, before the critic's "
        "(paper: 1000; published code for the hook: 10 000).",
    )
    behaviour_batch: int = Field(
        default=2000, ge=1, description="Transitions an update of the behaviour ensemble (paper)."
    )
    behaviour_learning_rate: float = Field(
        default=1e-3, gt=0, description="Adam step size of the behaviour ensemble (paper)."
    )
    behaviour_members: int = Field(default=7, ge=1, description="Networks (published code).")
    behaviour_components: int = Field(
        default=5, ge=1, description="Gaussians of each network's mixture (published code)."
    )
    behaviour_hidden_sizes: tuple[int, ...] = Field(
        default=(128, 128), min_length=1, description="Widths of hidden layers (published code)."
    )
    proposals: int = Field(
        default=20, ge=1, description="Actions proposed for a state (published code)."
    )
    acting_noise: Literal["fixed", "by_state"] = Field(
        default="fixed",
        description="Behind the proposals when acting: the same draws in every state (ours), or "
        "draws of its own for each state, which stand for the published code's fresh ones.",
    )
    vae_hidden_sizes: tuple[int, ...] = Field(
        (750, 750), min_length=1, description="Widths of encoder and decoder, form published."
    )
    vae_learning_rate: float = Field(
        1e-3, gt=0, description="Adam step size of encoder and decoder, form published."
    )
    divergence_weight: float = Field(
        0.5, ge=0, description="Weight of the KL a latent column, in nats, form published."
    )
    latent_clip: float = Field(
        0.5, gt=0, description="Largest entry of a drawn latent vector, form published."
    )
    perturbation_limit: float = Field(
        0.05, ge=0, le=2, description="Φ, largest change of an action's entry, form published."
    )
    perturbation_learning_rate: float = Field(
        1e-3, gt=0, description="Adam step size of the perturbation, form published."
    )
    minimum_weight: float = Field(
        0.75, ge=0, le=1, description="λ, share of the lower target critic, form published."
    )
    target_proposals: int = Field(10, ge=1, description="Proposals for a target, form published.")
    acting_proposals: int = Field(
        10, ge=1, description="Actions proposed when acting, form published (later code: 100)."
    )


def describe(settings: BCQSettings) -> str:
    """Which variant these settings are."""
    if settings.form == "published":
        form = "BCQ as published (Fujimoto et al., 2019)"
    else:
        form = (
            f"BCQ in MoCoDA's form: one critic, {settings.proposals} proposals from "
            f"{settings.behaviour_members} mixture density networks ({settings.behaviour_updates} "
            f"updates of batch {settings.behaviour_batch}), no perturbation"
        )
        if settings.acting_noise == "by_state":
            form += ", draws of its own in each state"
    return f"{form}; {describe_learning(settings, settings.critic_learning_rate)}"
