"""RAND covers the domain's box evenly; DYNA's rollouts start at logged states and hang together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from spine_examples import DOMAIN

from mocoda.augmentation import AUGMENTATION, Generated, Ingredients
from mocoda.augmentation.dyna import DynaSettings
from mocoda.domains.nav2d import NAV2D, task
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.masks.ground_truth import mask_of
from mocoda.transitions import Transitions


class NoisyTruth:
    """Stands for a model: the true dynamics, the graph's edges and a noise that it is told of."""

    device = torch.device("cpu")

    def sample(
        self,
        observation: np.ndarray,
        action: np.ndarray,
        mask: np.ndarray,
        deviation_divisor: float,
        generator: torch.Generator,
    ) -> np.ndarray:
        np.testing.assert_array_equal(mask, task.true_mask(observation, action))
        assert deviation_divisor == 4.0
        assert observation.dtype == action.dtype == np.float32
        noise = torch.randn(observation.shape, generator=generator).numpy()
        return task.true_dynamics(observation, action) + np.float32(1e-3) * noise


@pytest.fixture(scope="module")
def logged() -> Transitions:
    settings = Nav2DCollectionSettings(transitions=2000)
    return collect(settings, 0, 1, lambda message: None).transitions


def make(kind: str, rows: Transitions | None, count: int, shard: int = 0, **own: Any) -> Generated:
    model: Any = NoisyTruth()
    ingredients = Ingredients(NAV2D, 4.0, transitions=rows, mask=mask_of(NAV2D), dynamics=model)
    variant = AUGMENTATION[kind]
    made = variant.generate(variant.settings(**own), ingredients, count, ("test", kind, shard))
    for values in (made.observation, made.action, made.next_observation):
        assert values.shape == (count, 2)
        assert values.dtype == np.float32
    return made


def errors(rows: Generated) -> np.ndarray:
    return rows.next_observation - task.true_dynamics(rows.observation, rows.action)


def test_rand_is_uniform_over_the_box() -> None:
    made = make("rand", None, 20_000)
    for column in range(2):
        assert stats.kstest(made.observation[:, column], stats.uniform(0, 1).cdf).pvalue > 1e-3
        assert stats.kstest(made.action[:, column], stats.uniform(-1, 2).cdf).pvalue > 1e-3
    # Columns do not follow each other, nor rows their predecessors.
    rows = np.concatenate([made.observation, made.action], axis=1)
    together = np.corrcoef(np.concatenate([rows[1:], rows[:-1]], axis=1).T)
    assert np.abs(together - np.eye(8)).max() < 0.03


def test_rands_children_are_the_models() -> None:
    made = make("rand", None, 5000)
    assert errors(made).std() == pytest.approx(1e-3, rel=0.05)
    assert np.abs(errors(made)).max() < 6e-3


def test_rand_needs_a_box_to_draw_from() -> None:
    variant = AUGMENTATION["rand"]
    assert variant.refuses(NAV2D) == ""
    assert "has no `uniform_parents`" in variant.refuses(DOMAIN)


@pytest.mark.parametrize("length", [1, 5, 8])
def test_a_rollout_goes_on_where_it_was(logged: Transitions, length: int) -> None:
    made = make("dyna", logged, 10 * length, rollout_length=length)
    before, after = made.observation, made.next_observation
    within = np.arange(1, 10 * length) % length != 0
    linked = (after[:-1] == before[1:]).all(axis=1)
    np.testing.assert_array_equal(linked, within)
    known = {row.tobytes() for row in logged.observation}
    starts = before[::length]
    assert all(row.tobytes() in known for row in starts)
    assert not any(row.tobytes() in known for row in before[np.arange(10 * length) % length != 0])


def test_starts_are_spread_over_the_logged_states(logged: Transitions) -> None:
    starts = make("dyna", logged, 25_000).observation[::5]
    for column in range(2):
        assert stats.ks_2samp(starts[:, column], logged.observation[:, column]).pvalue > 1e-3


def test_actions_are_uniform_and_new_at_each_step(logged: Transitions) -> None:
    made = make("dyna", logged, 20_000)
    actions = made.action.reshape(4000, 5, 2)
    for column in range(2):
        assert stats.kstest(made.action[:, column], stats.uniform(-1, 2).cdf).pvalue > 1e-3
        together = np.corrcoef(actions[:, :, column].T)
        assert np.abs(together - np.eye(5)).max() < 0.06


def test_the_models_noise_is_new_at_each_step(logged: Transitions) -> None:
    off = errors(make("dyna", logged, 20_000)).reshape(4000, 5, 2)
    assert off.std() == pytest.approx(1e-3, rel=0.05)
    assert np.abs(np.corrcoef(off[:, :, 0].T) - np.eye(5)).max() < 0.06


def test_the_last_rollout_is_cut(logged: Transitions) -> None:
    whole, cut = make("dyna", logged, 15), make("dyna", logged, 12)
    assert cut.counts["rollouts"] == whole.counts["rollouts"] == 3
    for name in ("observation", "action", "next_observation"):
        np.testing.assert_array_equal(getattr(whole, name)[:12], getattr(cut, name))


def test_the_published_length_is_the_default() -> None:
    assert DynaSettings().rollout_length == 5
    assert DynaSettings.model_fields["rollout_length"].description


@pytest.mark.parametrize("kind", ["rand", "dyna"])
def test_the_same_names_give_the_same_bytes(kind: str, logged: Transitions) -> None:
    one, again, other = (make(kind, logged, 500, shard) for shard in (4, 4, 5))
    for name in ("observation", "action", "next_observation"):
        assert getattr(one, name).tobytes() == getattr(again, name).tobytes()
        assert not (getattr(one, name) == getattr(other, name)).all(axis=1).any()
    assert not AUGMENTATION[kind].swaps
    assert not AUGMENTATION[kind].chosen_from
