"""What a user's own domain must keep, and what it is told where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel

from mocoda.agents.td3_bc import TD3BCSettings
from mocoda.batches import Table
from mocoda.domains.base import Domain
from mocoda.domains.check import check_domain
from mocoda.domains.nav2d import NAV2D
from mocoda.errors import UserError
from mocoda.stages import agent_training
from mocoda.stages.agent_training import check_rewards
from mocoda.stages.collect_empirical import plain_facts


class NoSize(BaseModel):
    episodes: int = 10


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"terminated": lambda reward: np.asarray(reward) > -0.5},
            "terminated(reward) of tensors: expected a tensor of torch.bool; found a ndarray",
        ),
        (
            {"terminated": lambda reward: reward > -0.5 if isinstance(reward, np.ndarray) else 1.0},
            "terminated(reward) of tensors: expected a tensor of torch.bool; found a float",
        ),
        ({"settings": NoSize}, "settings: expected a setting `transitions`"),
    ],
)
def test_a_domain_that_would_fail_later_is_refused_at_once(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_domain(replace(NAV2D, **changes))
    assert told in str(caught.value)


def paid(*rewards: float) -> tuple[Domain, Table]:
    """A domain whose goal is the reward, and a row of each."""
    domain = replace(NAV2D, reward=lambda state, goal: goal[:, 0])
    goals = torch.tensor(rewards).repeat_interleave(2).reshape(-1, 2)
    return domain, Table(torch.zeros(len(rewards), 6), goals, len(rewards))


@pytest.mark.parametrize("rewards", [(0.0, 1.0), (1.0, 0.0, 0.0), (-51.0, 0.0)])
def test_rewards_that_no_target_can_hold_are_refused(
    rewards: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With rewards of 0 and 1 and targets clipped to 0, Q is 0 everywhere. All rows count."""
    monkeypatch.setattr(agent_training, "REWARD_ROWS", 1)
    with pytest.raises(UserError, match="target_low and target_high: expected a range that holds"):
        check_rewards(*paid(*rewards), TD3BCSettings(), print)


def test_the_range_that_is_advised_is_accepted() -> None:
    with pytest.raises(UserError, match=r"Set them to 0 and 50, the discounted sums"):
        check_rewards(*paid(0.0, 1.0), TD3BCSettings(), print)
    log: list[str] = []
    settings = TD3BCSettings(target_low=0.0, target_high=50.0)
    check_rewards(*paid(0.0, 1.0), settings, log.append)
    check_rewards(*paid(-1.0, 0.0), TD3BCSettings(), log.append)
    assert log == []


def test_rewards_whose_sum_may_be_cut_are_told() -> None:
    log: list[str] = []
    check_rewards(*paid(-2.0, 0.0), TD3BCSettings(), log.append)
    assert log == [
        "targets are clipped to -50 .. 0, and the rewards, -2 to 0, could sum to -100 .. 0"
    ]


def test_numpys_numbers_are_written_as_json_has_them() -> None:
    facts = {"a": np.int64(3), "b": np.float32(0.5), "c": np.arange(2), "d": {"e": [1, "f"]}}
    assert plain_facts(facts, "mine") == {"a": 3, "b": 0.5, "c": [0, 1], "d": {"e": [1, "f"]}}


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf"), {1, 2}, np.array([np.nan])])
def test_a_fact_that_json_cannot_hold_is_named(value: object) -> None:
    with pytest.raises(UserError, match=r"domain mine, collect\(...\).facts\['speed'\]"):
        plain_facts({"rows": 3, "speed": value}, "mine")
