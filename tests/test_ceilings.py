"""Ceilings: rows of the target task by the oracle, and MoCoDA's parents with true children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from spine_examples import DOMAIN

from mocoda.augmentation import AUGMENTATION, Generated, Ingredients
from mocoda.augmentation.target_task import TargetTaskSettings, cut_where_held
from mocoda.domains import DOMAINS
from mocoda.domains.nav2d import task
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.masks.ground_truth import mask_of
from mocoda.parents.gmm import fit
from mocoda.parents.settings import GmmSettings
from mocoda.stages.sample_augmented import label
from mocoda.transitions import Provenance

NAV2D = DOMAINS["nav2d"]


def of_target_task(domain: Any, rows: int, name: str = "test", **settings: Any) -> Generated:
    variant = AUGMENTATION["target_task"]
    return variant.generate(TargetTaskSettings(**settings), Ingredients(domain), rows, (name,))


def oracles(made: Generated) -> np.ndarray:
    """The actions of the oracle of 2D Navigation in these rows, which depend on the state alone."""
    oracle = NAV2D.oracle
    assert oracle is not None
    goal = np.zeros((len(made.observation), NAV2D.goal_dim))
    actions = oracle(made.observation, goal).act(made.observation.astype(np.float64))
    return np.asarray(actions)


def test_rows_of_the_target_task_are_its_own_and_solve_it() -> None:
    """In 2D every row is checked against the dynamics; episodes follow on from row to row."""
    made = of_target_task(NAV2D, 6000)
    assert len(made.observation) == len(made.action) == len(made.next_observation) == 6000
    truth = task.true_dynamics(made.observation.astype(np.float64), made.action.astype(np.float64))
    np.testing.assert_allclose(made.next_observation, truth, atol=1e-6)
    linked = (made.next_observation[:-1] == made.observation[1:]).all(axis=1)
    starts = np.flatnonzero(~linked) + 1
    # An episode starts in the corner and ends in the goal box.
    assert (made.observation[starts] <= 0.15).all()
    ends = made.next_observation[starts - 1]
    assert ((ends > 0.8) & (ends < 0.9)).all(axis=1).mean() > 0.9
    again = of_target_task(NAV2D, 6000)
    assert again.next_observation.tobytes() == made.next_observation.tobytes()
    other = of_target_task(NAV2D, 6000, "other")
    assert other.action.tobytes() != made.action.tobytes()


def test_noise_and_random_actions_are_those_of_the_settings() -> None:
    plain = of_target_task(NAV2D, 3000, action_noise=0.0, random_actions=0.0)
    np.testing.assert_allclose(plain.action, np.clip(oracles(plain), -1, 1), atol=1e-4)
    random = of_target_task(NAV2D, 20_000, action_noise=0.0, random_actions=1.0)
    assert np.abs(random.action).max() <= 1
    assert random.action.mean() == pytest.approx(0.0, abs=0.03)
    assert random.action.std() == pytest.approx(1 / np.sqrt(3), abs=0.02)


def test_the_noise_has_the_size_of_the_settings() -> None:
    """Told by the half of it that leads away from the upper bound, near which the oracle acts."""
    noisy = of_target_task(NAV2D, 20_000, action_noise=0.05, random_actions=0.0)
    expected = oracles(noisy)
    lower = (noisy.action - expected)[(noisy.action < expected) & (expected > 0)]
    assert len(lower) > 0.4 * expected.size
    assert np.sqrt((lower**2).mean()) == pytest.approx(0.05, rel=0.05)


def test_an_episode_is_cut_once_success_was_held() -> None:
    success = np.zeros((9, 4), dtype=bool)
    success[2:8, 0] = True  # three in a row at steps 2, 3, 4
    success[[1, 2, 4, 5, 6], 1] = True  # broken off once: at 4, 5, 6
    success[[0, 1, 3, 4], 2] = True  # never three
    success[6:, 3] = True  # at the very end
    cut = cut_where_held(success, np.array([9, 9, 9, 9]), 3)
    assert cut.tolist() == [5, 7, 9, 9]
    assert cut_where_held(success, np.array([9, 9, 4, 9]), 10).tolist() == [9, 9, 4, 9]


def test_rows_of_the_target_task_are_stored_as_real_ones() -> None:
    made = of_target_task(NAV2D, 50)
    rows = label(NAV2D, made, ("test",), AUGMENTATION["target_task"].provenance)
    assert (rows.provenance == Provenance.REAL).all()
    assert (label(NAV2D, made, ("test",)).provenance == Provenance.MODEL).all()


def test_both_boxes_are_swept_on_hooksweep2() -> None:
    """What no logged row shows."""
    made = of_target_task(DOMAIN, 9000)
    boxes = made.next_observation[:, [[6, 7], [11, 12]]]
    away = np.abs(boxes[..., 0] - 1.85)
    assert (away > 0.12).all(axis=1).mean() > 0.2
    # Now and then a noisy sweep tips a box over the edge or onto the other.
    off_table = DOMAIN.invalid_parents(made.observation, made.action)["off_table"]
    assert off_table.mean() < 0.02


def test_true_children_are_the_dynamics_of_mocodas_parents() -> None:
    made = of_true_children(NAV2D.parent_sets)
    truth = task.true_dynamics(made.observation, made.action)
    assert made.next_observation.tobytes() == truth.tobytes()
    assert made.counts["accepted"] >= 20_000


def logged() -> np.ndarray:
    """Observations and actions of 8,000 rows of 2D Navigation as it is logged."""
    settings = Nav2DCollectionSettings(transitions=8000)
    rows = collect(settings, 0, 1, lambda text: None).transitions
    return np.concatenate([rows.observation, rows.action], axis=1)


def of_true_children(parent_sets: Sequence[tuple[str, ...]]) -> Generated:
    columns = [NAV2D.slots.columns_of(names) for names in parent_sets]
    settings = GmmSettings(components=16, density_quantile=None)
    parents = fit(logged(), columns, settings, np.random.default_rng(0))
    ingredients = Ingredients(NAV2D, mask=mask_of(NAV2D), parents=parents)
    variant = AUGMENTATION["mocoda_truth"]
    return variant.generate(variant.settings(), ingredients, 20_000, ("test", 3))


def test_x_and_y_follow_each_other_in_the_logged_rows_and_not_in_mocodas_parents() -> None:
    """What MoCoDA is for. One joint mixture, which factors nothing, keeps what was logged."""

    def correlation(observation: np.ndarray) -> float:
        return float(np.corrcoef(observation[:, :2].T)[0, 1])

    assert correlation(logged()) > 0.2
    assert abs(correlation(of_true_children(NAV2D.parent_sets).observation)) < 0.03
    joint = of_true_children([tuple(NAV2D.slots.root_names)])
    assert correlation(joint.observation) > 0.2


def test_domains_without_oracle_or_truth_are_refused() -> None:
    assert "true_dynamics" in AUGMENTATION["mocoda_truth"].refuses(DOMAIN)
    assert AUGMENTATION["mocoda_truth"].refuses(NAV2D) == ""
    assert AUGMENTATION["target_task"].refuses(DOMAIN) == ""
    assert "oracle" in AUGMENTATION["target_task"].refuses(DOMAINS["synthetic_mp"])
