"""The settings against the published values, and their descriptions."""

from __future__ import annotations

from typing import Any

import pytest
from spine_examples import shipped_config

from mocoda.agents import AGENTS
from mocoda.config import Config, load
from mocoda.distributions import DISTRIBUTIONS
from mocoda.domains import DOMAINS
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.parents.settings import GmmSettings
from mocoda.published import EARLIEST_STOP

# Of the agents in both domains (appendix B, and the published code).
OF_AGENTS: dict[str, object] = {
    "discount": 0.98,
    "target_low": -50.0,
    "target_high": 0.0,
    "start": "orthogonal",
    "batch_size": 500,
    "critic_learning_rate": 1e-3,
    "polyak_rate": 0.005,
    "learning_rate_decay_start": 1.0,
    "policy_average": 0.0,
}
# What the paper and its published code report for the hook experiments (sections 4 and 5, and
# appendix B), typed by hand; (key below the domain's section) -> value.
PAPER: dict[str, object] = {
    "shared_data": True,
    "collect_empirical.transitions": 1_000_000,
    "sample_augmented.generated_per_real": 4.0,
    "sample_augmented.proposals_per_row": 3.0,
    "sample_augmented.deviation_divisor": 3.0,
    "fit_gmm_parents.components": 32,
    "train_dynamics.members": 5,
    "train_dynamics.hidden": (512, 512),
    "train_dynamics.learning_rate": 2e-4,
    "train_dynamics.learning_rate_decay_start": 1.0,
    "train_dynamics.weight_decay": 5e-5,
    "train_dynamics.batch_size": 512,
    "train_dynamics.composer_width": 128,
    "train_offline_agent.updates": 1_000_000,
    "train_offline_agent.goals": "dataset",
    "train_offline_agent.normalise": False,
    "train_offline_agent.terminal": "success",
    "train_offline_agent.goals_near": 0.0,
    **{
        f"train_offline_agent.{agent}.{key}": value
        for agent in ("td3_bc", "bcq")
        for key, value in {**OF_AGENTS, "hidden_sizes": (512, 512, 512)}.items()
    },
    "train_offline_agent.td3_bc.form": "mocoda",
    "train_offline_agent.td3_bc.actor_learning_rate": 1e-3,
    "train_offline_agent.td3_bc.behaviour_weight": 1.0,
    "train_offline_agent.td3_bc.normalize_q": False,
    "train_offline_agent.td3_bc.smoothing_noise": 0.2,
    "train_offline_agent.td3_bc.smoothing_clip": 0.5,
    "train_offline_agent.td3_bc.policy_delay": 2,
    "train_offline_agent.bcq.behaviour_learning_rate": 1e-3,
    "train_offline_agent.bcq.behaviour_batch": 2000,
    "train_offline_agent.bcq.behaviour_members": 7,
    "train_offline_agent.bcq.behaviour_components": 5,
    "train_offline_agent.bcq.behaviour_hidden_sizes": (128, 128),
    "train_offline_agent.bcq.proposals": 20,
    "train_offline_agent.bcq.acting_noise": "by_state",
}
# The same for 2D Navigation (section 5.1, appendix A, and the published code).
PAPER_NAV2D: dict[str, object] = {
    "collect_empirical.transitions": 40_000,
    "collect_empirical.mode": "L",
    "sample_augmented.generated_per_real": 4.0,
    "sample_augmented.deviation_divisor": 3.0,
    "sample_augmented.dyna.rollout_length": 5,
    "fit_gmm_parents.components": 32,
    "rebalance.uniform.bandwidth": 0.05,
    "rebalance.uniform.support": 10_000,
    "train_dynamics.members": 5,
    "train_dynamics.hidden": (256, 256),
    "train_dynamics.factored_hidden": (256, 256),
    "train_dynamics.batch_size": 512,
    "train_dynamics.learning_rate": 1e-4,
    "train_dynamics.learning_rate_decay_start": 1.0,
    "train_dynamics.targets": "absolute",
    "train_dynamics.updates": 41_000,
    "tables.model_error.rows": 5000,
    "train_offline_agent.updates": 25_000,
    "train_offline_agent.goals": "dataset",
    "train_offline_agent.normalise": False,
    "train_offline_agent.terminal": "success",
    **{
        f"train_offline_agent.{agent}.{key}": value
        for agent in ("sac", "bcq", "cql", "td3_bc")
        for key, value in {**OF_AGENTS, "form": "mocoda", "hidden_sizes": (512, 512)}.items()
    },
    "train_offline_agent.bcq.behaviour_updates": 1000,
    "train_offline_agent.bcq.behaviour_batch": 2000,
    "train_offline_agent.bcq.proposals": 20,
    "train_offline_agent.bcq.acting_noise": "by_state",
    "train_offline_agent.sac.temperature": 0.2,
    "train_offline_agent.cql.conservative_weight": 0.1,
    "train_offline_agent.td3_bc.behaviour_weight": 1.0,
}
# What its published code does otherwise than the paper says, or without its saying so.
PUBLISHED_CODE = PAPER_NAV2D | {
    "fit_gmm_parents.weights": "uniform",
    "fit_gmm_parents.covariance": "diagonal",
    # 29 batches of 15,000 rows, 600 epochs.
    "train_dynamics.updates": 17_400,
    "train_dynamics.normalise": False,
    "train_dynamics.variance_floor": 1e-6,
    "train_dynamics.composer_activation": "none",
    # 12,000 of 100,000 are kept.
    "sample_augmented.proposals_per_row": 8.3,
    "train_offline_agent.cql.target_low": -40.0,
}
EVERY = [
    (*scale, key, value)
    for scale, values in (
        (("hooksweep2", "paper"), PAPER),
        (("nav2d", "paper"), PAPER_NAV2D),
        (("nav2d", "paper_published_code"), PUBLISHED_CODE),
    )
    for key, value in values.items()
]


@pytest.mark.parametrize(("domain", "scale", "key", "expected"), EVERY)
def test_the_scales_of_the_paper_have_its_values(
    domain: str, scale: str, key: str, expected: object, config: Config
) -> None:
    value: Any = config.domains[domain][scale]
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    assert value == expected


def test_the_models_of_the_papers_scale_do_not_stop_before_the_last_50_epochs(
    config: Config,
) -> None:
    settings = config.domains["nav2d"]["paper"].train_dynamics
    assert settings.patience * settings.validate_every >= EARLIEST_STOP


@pytest.fixture(scope="module")
def config() -> Config:
    return load(shipped_config())


def test_the_papers_scale_generates_four_rows_for_each_real_one(config: Config) -> None:
    settings = config.domains["hooksweep2"]["paper"]
    assert settings.sample_augmented.generated_rows(1_000_000) == 4_000_000


def test_the_models_defaults_are_the_published_values() -> None:
    dynamics, parents = DynamicsSettings(), GmmSettings()
    assert (dynamics.members, dynamics.hidden, dynamics.batch_size) == (5, (512, 512), 512)
    assert (dynamics.learning_rate, dynamics.updates) == (2e-4, 312_000)
    assert parents.components == 32
    for variant in AGENTS.values():
        settings = variant.settings()
        assert settings.discount == 0.98
        assert (settings.target_low, settings.target_high) == (-50.0, 0.0)
        assert settings.hidden_sizes == (512, 512, 512)
        assert (settings.critic_learning_rate, settings.polyak_rate) == (1e-3, 0.005)
    assert DOMAINS["hooksweep2"].settings().model_dump()["transitions"] == 1_000_000
    assert {"emp", "mocoda", "mocoda_u", "mocoda_p"} <= set(DISTRIBUTIONS)


def every_model(model: Any) -> list[tuple[str, Any]]:
    found = []
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            found += [(f"{name}.{key}", value) for key, value in every_model(field.annotation)]
        else:
            found.append((name, field))
    return found


def test_every_setting_says_what_it_is() -> None:
    """The descriptions are the reference of the settings: unit, source, allowed values."""
    models: list[Any] = [DynamicsSettings, GmmSettings, DOMAINS["hooksweep2"].settings]
    models += [variant.settings for variant in AGENTS.values()]
    for model in models:
        for key, field in every_model(model):
            assert field.description, f"{model.__name__}.{key}"
