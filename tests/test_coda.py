"""CoDA: accepted rows are true to the bit, refused ones are not; what cannot be swapped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chain_examples import SETTINGS, Chain
from spine_examples import DOMAIN, logged_rows

from mocoda.artifacts import read_json
from mocoda.augmentation import AUGMENTATION, Generated, Ingredients
from mocoda.augmentation.swap import (
    component_labels,
    draw_independent_sets,
    draw_pairs,
    first_of_its_kind,
    independent,
    swapped,
)
from mocoda.domains.nav2d import NAV2D, task
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.errors import UserError
from mocoda.masks.dense import DenseMask
from mocoda.masks.ground_truth import GroundTruthMaskSettings, mask_of
from mocoda.masks.heuristic import HeuristicMask, HeuristicMaskSettings
from mocoda.stages.fit_mask import fit_mask
from mocoda.stages.sample_augmented import label
from mocoda.stores import read_columns, write_transitions
from mocoda.transition_checks import check
from mocoda.transitions import Provenance, Transitions

ROWS = 30_000


@pytest.fixture(scope="module")
def logged() -> Transitions:
    """The published data set's size and mode."""
    return collect(Nav2DCollectionSettings(), 0, 1, lambda message: None).transitions


def uniform_rows(n: int = 4000) -> Transitions:
    """True rows from all over the square, so that swaps of rows outside the quadrant land in it."""
    generator = np.random.default_rng(1)
    observation = generator.uniform(0.0, 1.0, (n, 2)).astype(np.float32)
    action = generator.uniform(-1.0, 1.0, (n, 2)).astype(np.float32)
    rows = collect(Nav2DCollectionSettings(transitions=n), 0, 1, lambda message: None).transitions
    return replace(
        rows,
        observation=observation,
        action=action,
        next_observation=task.true_dynamics(observation, action),
    )


def make(kind: str, rows: Transitions, count: int = ROWS, shard: int = 0) -> Generated:
    ingredients = Ingredients(NAV2D, transitions=rows, mask=mask_of(NAV2D))
    variant = AUGMENTATION[kind]
    names = ("nav2d", "sample_augmented", kind, 0, shard)
    return variant.generate(variant.settings(), ingredients, count, names)


def obeys(rows: Generated) -> np.ndarray:
    """bool [n]: rows whose next state has the very bits of the true dynamics."""
    expected = task.true_dynamics(rows.observation, rows.action)
    assert expected.dtype == rows.next_observation.dtype == np.float32
    return np.asarray((expected == rows.next_observation).all(axis=1))


# Accepted rows


def test_accepted_rows_obey_the_true_dynamics_to_the_bit(logged: Transitions) -> None:
    for rows in (logged, uniform_rows()):
        made = make("coda", rows)
        assert len(made.observation) == ROWS
        assert obeys(made).all()
        assert made.observation.dtype == made.action.dtype == np.float32


def test_rows_are_made_of_independent_parts_of_two_rows(logged: Transitions) -> None:
    made = make("coda", logged)
    sources = []
    for axis in range(2):
        columns = (logged.observation, logged.action, logged.next_observation)
        known = {np.array([c[i, axis] for c in columns]).tobytes(): i for i in range(len(logged))}
        columns = (made.observation, made.action, made.next_observation)
        blocks = np.stack([c[:, axis] for c in columns], axis=1)
        sources.append([known[block.tobytes()] for block in blocks])  # KeyError: made up
    first, second = np.array(sources)
    assert (first != second).all()
    assert not task.in_quadrant(logged.observation[first]).any()
    assert not task.in_quadrant(logged.observation[second]).any()
    assert not task.in_quadrant(made.observation).any()


def test_refused_rows_would_break_the_true_dynamics() -> None:
    rows = uniform_rows()
    mask = mask_of(NAV2D)
    generator = np.random.default_rng(10)
    first, second = draw_pairs(len(rows), 20_000, generator)
    graphs = mask(rows.observation, rows.action)
    labels = component_labels(graphs[first] | graphs[second])
    assert (labels.any(axis=1) == ~(graphs[first] | graphs[second]).all(axis=(1, 2))).all()
    # As if each row could be cut along the axes, whatever its graph says.
    free = component_labels(np.repeat(NAV2D.base_mask[None], 20_000, axis=0))
    chosen = draw_independent_sets(free, generator)
    new = swapped(rows, NAV2D.slots, first, second, chosen)
    kept = labels.any(axis=1) & independent(mask(new.observation, new.action), chosen)
    assert 0.2 < kept.mean() < 0.8
    assert (labels.any(axis=1) & ~kept).mean() > 0.05  # refused after the swap alone
    np.testing.assert_array_equal(obeys(new), kept)


def test_shares_are_those_measured_on_the_published_data(logged: Transitions) -> None:
    counts = make("coda", logged, 100_000).counts
    assert counts["accepted"] / counts["proposed"] == pytest.approx(0.59, abs=0.03)
    refused = counts["no_shared_independent_set"] + counts["dependent_after_the_swap"]
    assert counts["accepted"] + refused + counts["repeated"] == counts["proposed"]
    assert counts["accepted"] >= 100_000
    unmasked = make("coda_unmasked", logged, 100_000)
    broken = ~obeys(unmasked)
    assert broken.mean() == pytest.approx(0.41, abs=0.03)
    expected = task.true_dynamics(unmasked.observation, unmasked.action)
    error = np.linalg.norm(expected - unmasked.next_observation, axis=1)[broken].mean()
    assert error == pytest.approx(0.0106, abs=0.0005)


@pytest.mark.parametrize("kind", ["coda", "coda_unmasked"])
def test_the_same_names_give_the_same_bytes(kind: str, logged: Transitions) -> None:
    one, again, other = (make(kind, logged, 3000, shard) for shard in (4, 4, 5))
    for name in ("observation", "action", "next_observation"):
        assert len(getattr(one, name)) == 3000
        assert getattr(one, name).tobytes() == getattr(again, name).tobytes()
        assert getattr(one, name).tobytes() != getattr(other, name).tobytes()
    assert one.counts == again.counts
    assert AUGMENTATION[kind].swaps


def test_the_stage_marks_the_rows_and_gives_them_the_domains_rewards(tmp_path: Path) -> None:
    real = uniform_rows(400)
    chain = Chain(tmp_path)
    wildcards = {"domain": "nav2d", "scale": "test", "seed": "0", "augmentation": "coda"}
    write_transitions(tmp_path / "real", tmp_path / "real.json", real, {})
    outputs = {"mask": "mask.safetensors", "card": "mask.json"}
    fit_mask(chain.job("fit_mask", GroundTruthMaskSettings(), outputs, wildcards=wildcards))
    made = chain.sample("coda_rows", wildcards=wildcards)
    assert len(made) == SETTINGS.generated_rows(400)
    assert (made.provenance == Provenance.CODA).all()
    np.testing.assert_array_equal(made.reward, task.reward(made.next_observation, made.goal))
    check(made, "CoDA's rows", observation_dim=2, action_dim=2)
    ((sources, roots),) = read_columns(tmp_path / "coda_rows", ["sources", "swapped_roots"])
    chosen = (roots[:, None] >> np.arange(2)) & 1
    from_rows = np.where(chosen == 1, sources[:, :1], sources[:, 1:])
    for number in range(2):
        x = real.observation[from_rows[:, number], number]
        np.testing.assert_array_equal(made.observation[:, number], x)
    listed = read_json(tmp_path / "coda_rows.json")
    assert listed["rows_by_provenance"] == {"real": 0, "model": 0, "coda": len(made)}
    assert listed["facts"]["proposals"]["accepted"] >= len(made)


@pytest.mark.parametrize("kind", ["coda", "coda_unmasked"])
def test_each_row_names_the_two_rows_that_it_is_made_of(kind: str, logged: Transitions) -> None:
    """Every block is bit-equal to the source that the bits of the roots say."""
    made = make(kind, logged, 3000)
    chosen = (made.swapped_roots[:, None] >> np.arange(4)) & 1
    assert ((chosen.sum(axis=1) > 0) & (chosen.sum(axis=1) < 4)).all()
    assert (made.sources[:, 0] != made.sources[:, 1]).all()
    source = np.where(chosen == 1, made.sources[:, :1], made.sources[:, 1:])
    for number in range(2):
        np.testing.assert_array_equal(
            made.observation[:, number], logged.observation[source[:, number], number]
        )
        np.testing.assert_array_equal(
            made.next_observation[:, number], logged.next_observation[source[:, number], number]
        )
        np.testing.assert_array_equal(
            made.action[:, number], logged.action[source[:, 2 + number], number]
        )


def test_no_row_is_made_twice() -> None:
    """Few rows to swap: pairs come again and again, in either order, and are kept once."""
    few = uniform_rows(40)
    made = make("coda", few, 400)
    assert made.counts["repeated"] > 50
    whole = np.concatenate([made.observation, made.action, made.next_observation], axis=1)
    assert len(np.unique(whole, axis=0)) == len(whole) == 400
    sources = np.array([[3, 5], [5, 3], [3, 5], [5, 3]])
    roots = np.array([0b0101, 0b1010, 0b0111, 0b0101])
    np.testing.assert_array_equal(first_of_its_kind(sources, roots, 4), [True, False, True, True])


def test_a_mixture_has_both_kinds_of_rows_in_the_ratio(tmp_path: Path) -> None:
    settings = AUGMENTATION["coda_mocoda"].settings(model_share=0.25)
    logged, moved = uniform_rows(500), uniform_rows(300)
    parts = []

    def of_model(_settings: object, _ingredients: object, rows: int, names: object) -> Generated:
        parts.append(rows)
        return Generated(
            *(getattr(moved, c)[:rows] for c in ("observation", "action", "next_observation"))
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mocoda.augmentation.coda_mocoda.mocoda.generate", of_model)
        ingredients = Ingredients(NAV2D, transitions=logged, mask=mask_of(NAV2D))
        made = AUGMENTATION["coda_mocoda"].generate(settings, ingredients, 400, ("mixture",))
    assert parts == [100]
    assert len(made.observation) == 400
    rows = label(NAV2D, made, ("mixture",))
    assert (rows.provenance == np.repeat([Provenance.CODA, Provenance.MODEL], [300, 100])).all()
    assert (made.sources[300:] == -1).all()
    assert (made.sources[:300] >= 0).all()
    np.testing.assert_array_equal(made.observation[300:], moved.observation[:100])


# What cannot be swapped


def test_a_mask_that_connects_everything_is_refused_at_once() -> None:
    ingredients = Ingredients(NAV2D, transitions=uniform_rows(100), mask=DenseMask(NAV2D))
    variant = AUGMENTATION["coda"]
    with pytest.raises(UserError, match="connects everything") as caught:
        variant.generate(variant.settings(), ingredients, 10, ("dense",))
    assert "base graph" not in caught.value.found
    assert "fit_mask" in caught.value.remedy


def test_hooksweep2_has_no_independent_sets() -> None:
    mask = HeuristicMask(HeuristicMaskSettings(), DOMAIN)
    ingredients = Ingredients(DOMAIN, transitions=logged_rows(50), mask=mask)
    variant = AUGMENTATION["coda"]
    with pytest.raises(UserError) as caught:
        variant.generate(variant.settings(), ingredients, 10, ("hook",))
    assert "(gripper, box_1, box_2, action)" in caught.value.found
    assert "no proper independent set, and CoDA is impossible" in caught.value.found
    assert "connects everything" in AUGMENTATION["coda_unmasked"].refuses(DOMAIN)
    assert AUGMENTATION["coda_unmasked"].refuses(NAV2D) == ""


class OnlyLogged:
    """Independent axes for rows whose coordinates are equal, which no swap of different rows is."""

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        swapped_row = observation[:, 0] != observation[:, 1]
        return NAV2D.base_mask | swapped_row[:, None, None]

    def tensors(self) -> dict:
        return {}


def test_a_block_without_a_single_shared_set_is_no_end() -> None:
    """One row in a thousand has parts: whole blocks of pairs may share none."""
    nothing = np.ones((0, 4, 2), dtype=bool)
    assert independent(nothing, np.ones((0, 4), dtype=bool)).shape == (0,)
    logged = uniform_rows(1000)
    few = logged.observation[:, 0] <= np.sort(logged.observation[:, 0])[1]

    class MostlyConnected:
        def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
            connected = observation[:, 0] > logged.observation[few, 0].max()
            return NAV2D.base_mask[None] | connected[:, None, None]

    ingredients = Ingredients(NAV2D, transitions=logged, mask=MostlyConnected())
    variant = AUGMENTATION["coda"]
    with pytest.raises(UserError, match="accepted pairs"):
        variant.generate(variant.settings(), ingredients, 500, ("few",))


def test_hopeless_swaps_end_with_the_mask_as_the_likely_reason() -> None:
    rows = uniform_rows(500)
    rows.observation[:, 1] = rows.observation[:, 0]
    ingredients = Ingredients(NAV2D, transitions=rows, mask=OnlyLogged())
    variant = AUGMENTATION["coda"]
    with pytest.raises(UserError, match=r"found 0 of \d{5}, refused for .*dependent") as caught:
        variant.generate(variant.settings(), ingredients, 10_000, ("hopeless",))
    assert "mask of fit_mask is the likely reason" in caught.value.remedy


def test_a_single_row_cannot_be_swapped() -> None:
    rows = uniform_rows(100)
    outside = np.flatnonzero(~task.in_quadrant(rows.observation))[:1]
    for kind in ("coda", "coda_unmasked"):
        with pytest.raises(UserError, match="at least 2; found 1"):
            make(kind, rows.take(outside), 10)
