"""Bouncing balls: the exact graph, and data that may be swapped where it allows it, only there."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from test_bouncing_balls import NO_FORCE, discs, random_rows

from mocoda.augmentation.base import Ingredients, NoSettings
from mocoda.augmentation.coda import generate
from mocoda.augmentation.swap import (
    component_labels,
    draw_independent_sets,
    draw_pairs,
    independent,
    swapped,
)
from mocoda.domains.bouncing_balls import BOUNCING_BALLS, collisions, task
from mocoda.domains.bouncing_balls.collection import BouncingBallsCollectionSettings, collect
from mocoda.masks.ground_truth import mask_of
from mocoda.transition_checks import check
from mocoda.transitions import Transitions

# The graph


def crowded_rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Valid rows with balls close together and fast: many collisions, and several a step."""
    generator = np.random.default_rng(5)
    corners = np.array([[0.0, 0.0], [0.125, 0.0], [0.0, 0.125], [0.125, 0.125]])
    place = 0.4 + corners + generator.uniform(-0.012, 0.012, (n, 4, 2))
    speed = generator.uniform(-0.9, 0.9, (n, 4, 2))
    observation = np.concatenate([place, speed], axis=2).reshape(n, -1)
    return observation, generator.uniform(-1.0, 1.0, (n, 2))


@pytest.mark.parametrize("crowded", [False, True])
def test_the_true_mask_is_the_sparsity_of_the_step(crowded: bool) -> None:
    """A change of a root by 1e-7 changes a child exactly where the mask has an edge, and where it
    has none not by a bit. Rows are left out in which that change alone makes or breaks a contact,
    or moves it by a substep: there the step is not continuous, so no slope exists."""
    observation, action = crowded_rows(2000) if crowded else random_rows(2000)
    mask = task.true_mask(observation, action)
    after, hits = collisions.advance(observation, action)
    rows = np.concatenate([observation, action], axis=1)
    depends, smooth = np.zeros(mask.shape, dtype=bool), np.ones(len(rows), dtype=bool)
    for root, columns in enumerate(BOUNCING_BALLS.slots.root_columns):
        for column in columns:
            ahead = rows.copy()
            ahead[:, column] += 1e-7
            moved, hits_ahead = collisions.advance(ahead[:, :16], ahead[:, 16:])
            smooth &= (hits_ahead == hits).all(axis=(1, 2))
            depends[:, root] |= (moved != after).reshape(-1, 4, 4).any(axis=2)
    assert smooth.mean() > 0.99
    hit = hits.any(axis=(1, 2))
    assert (hit & smooth).mean() > (0.5 if crowded else 0.05)
    np.testing.assert_array_equal(depends[smooth], mask[smooth])
    indirect = mask[:, 4, 1:].any(axis=1)  # the force reaches other balls through ball_1
    assert (indirect & smooth).sum() > 50
    assert (mask[~hit] == task.BASE_MASK).all()


def test_a_chain_of_hits_connects_in_its_own_order() -> None:
    # ball_1 hits ball_2, which hits ball_3 later in the same step and knows of it from then on.
    chain = discs((0.3, 0.5, 0.9, 0.0), (0.405, 0.5, 0.0, 0.0), (0.51, 0.5, 0.0, 0.0))
    mask = task.true_mask(chain, NO_FORCE)[0]
    assert mask[:, 0].tolist() == [True, True, False, False, True]
    assert mask[:, 1].tolist() == [True, True, True, False, True]
    assert mask[:, 2].tolist() == [True, True, True, False, True]
    assert mask[:, 3].tolist() == [False, False, False, True, False]
    # ball_2 hits ball_3 first and ball_1 afterwards: ball_3 knows nothing of ball_1.
    hits = np.zeros((2, 6, 10), dtype=bool)
    early, late = (collisions.PAIRS.index(pair) for pair in ((1, 2), (0, 1)))
    hits[0, early, 2] = hits[0, late, 7] = True
    hits[1, late, 2] = hits[1, early, 7] = True
    first, second = collisions.reach(hits)
    assert first[:, 2].tolist() == [False, True, True, False, False]
    assert first[:, 0].tolist() == [True, True, True, False, True]
    assert second[:, 2].tolist() == [True, True, True, False, True]
    assert second[:, 0].tolist() == [True, True, False, False, True]


def test_a_near_miss_is_no_edge() -> None:
    for gap, edge in ((0.12, True), (0.4, False)):
        row = discs((0.3, 0.5, 0.9, 0.0), (0.3 + gap, 0.5, 0.0, 0.0))
        assert task.true_mask(row, NO_FORCE)[0, 0, 1] == edge


# The data


def collected(seed: int = 0, threads: int = 1, **settings: object) -> tuple[Transitions, dict]:
    chosen = BouncingBallsCollectionSettings.model_validate(settings)
    found = collect(chosen, seed, threads, lambda text: None)
    return found.transitions, found.facts


@pytest.fixture(scope="module")
def empirical() -> tuple[Transitions, dict]:
    return collected()


def test_rows_are_valid_and_obey_the_dynamics_bit_for_bit(
    empirical: tuple[Transitions, dict],
) -> None:
    rows, _ = empirical
    check(rows, "rows", observation_dim=16, action_dim=2, goal_dim=2)
    assert len(rows) == 50_000
    found = task.true_dynamics(rows.observation, rows.action)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows.next_observation)
    some = np.random.default_rng(1).permutation(len(rows))[:777]  # in any batch
    found = task.true_dynamics(rows.observation[some], rows.action[some])
    np.testing.assert_array_equal(found, rows.next_observation[some])
    np.testing.assert_array_equal(rows.reward, task.reward(rows.next_observation, rows.goal))
    np.testing.assert_array_equal(rows.terminated, rows.reward == 0.0)
    reasons = task.invalid_parents(rows.observation, rows.action)
    assert not any(bad.any() for bad in reasons.values())


def test_the_data_is_as_described(empirical: tuple[Transitions, dict]) -> None:
    rows, facts = empirical
    assert 0.05 < facts["share_of_rows_with_collision"] < 0.15
    mask = task.true_mask(rows.observation, rows.action)
    changed = (mask != task.BASE_MASK).any(axis=(1, 2))
    assert changed.mean() == facts["share_of_rows_with_collision"]
    assert facts["local_graphs"] >= 7  # the base graph and each pair's at least
    assert facts["share_of_rows_terminated"] == pytest.approx(0.0214, abs=0.004)
    assert facts["episodes"] == pytest.approx(2500, rel=0.1)
    last = np.append(rows.episode[1:] != rows.episode[:-1], True)
    np.testing.assert_array_equal(rows.truncated, last & ~rows.terminated)
    # ball_1 has been everywhere, and forces of all directions have been seen.
    counts = np.histogram2d(*rows.observation[:, :2].T, bins=9, range=[(0.05, 0.95)] * 2)[0]
    assert counts.min() > 200
    assert (np.abs(rows.action.mean(axis=0)) < 0.02).all()
    assert np.abs(rows.action).max() > 0.999


def proposals(
    rows: Transitions, number: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Swaps of parts that are independent in both sources: observation, action, next observation,
    and whether the part is independent in the true graph of the new row, too."""
    generator = np.random.default_rng(7)
    graphs = task.true_mask(rows.observation, rows.action)
    first, second = draw_pairs(len(rows), number, generator)
    labels = component_labels(graphs[first] | graphs[second])
    shared = labels.any(axis=1)
    first, second, labels = first[shared], second[shared], labels[shared]
    chosen = draw_independent_sets(labels, generator)
    new = swapped(rows, BOUNCING_BALLS.slots, first, second, chosen)
    kept = independent(task.true_mask(new.observation, new.action), chosen)
    return new.observation, new.action, new.next_observation, kept


def test_a_swap_is_exact_where_the_true_graph_accepts_it_and_only_there(
    empirical: tuple[Transitions, dict],
) -> None:
    observation, action, after, kept = proposals(empirical[0], 40_000)
    error = np.abs(task.true_dynamics(observation, action) - after).max(axis=1)
    assert 0.5 < kept.mean() < 0.97
    assert error[kept].max() == 0.0  # float32, bit for bit
    assert (error[~kept] > 1e-4).mean() > 0.99


def test_swaps_with_collisions_within_a_part_are_among_the_accepted(
    empirical: tuple[Transitions, dict],
) -> None:
    observation, action, _, kept = proposals(empirical[0], 20_000)
    _, hits = collisions.advance(observation[kept], action[kept])
    assert hits.any(axis=(1, 2)).sum() > 300


def test_coda_with_the_true_mask_makes_exact_rows(empirical: tuple[Transitions, dict]) -> None:
    ingredients = Ingredients(
        BOUNCING_BALLS, transitions=empirical[0], mask=mask_of(BOUNCING_BALLS)
    )
    made = generate(NoSettings(), ingredients, 10_000, ("bouncing_balls", "test", 0))
    expected = task.true_dynamics(made.observation, made.action)
    np.testing.assert_array_equal(expected, made.next_observation)
    assert made.counts["dependent_after_the_swap"] > 0


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    one, two, other = (
        collected(seed, threads, transitions=3001)[0] for seed, threads in ((3, 1), (3, 4), (4, 1))
    )
    assert len(one) == 3001
    for field in fields(Transitions):
        assert getattr(one, field.name).tobytes() == getattr(two, field.name).tobytes()
    assert (one.observation != other.observation).any()


def test_without_resets_episodes_run_to_the_horizon_and_forces_are_held() -> None:
    rows, facts = collected(transitions=5000, reset_probability=0.0, hold_steps=10)
    assert facts["episodes"] == 50
    assert rows.step.max() == task.HORIZON - 1
    held = rows.action.reshape(-1, 10, 2)
    assert (held == held[:, :1]).all()
    assert (held[1:, 0] != held[:-1, 0]).any(axis=1).all()
