"""Fitting the dynamics: batches, held-out episodes, early stopping, resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dynamics_examples import random_rows, small_model
from hypothesis import given, settings
from hypothesis import strategies as st
from spine_examples import OBSERVATION, logged_rows

from mocoda.checkpoints import Checkpoint
from mocoda.dynamics.fitting import DynamicsLearner, Rows
from mocoda.episodes import split_episodes
from mocoda.errors import UserError
from mocoda.networks import Precision
from mocoda.training import Progress, train

BLOCK = 10


class Killed(BaseException):
    """What a signal would be."""


def learner(precision: Precision = "fp32", kind: str = "locally_factored") -> DynamicsLearner:
    model = small_model(
        kind,
        precision,
        updates=60,
        learning_rate=1e-3,
        learning_rate_decay_start=0.5,
    )
    rows = random_rows(600, "training")
    model.normalise_by(rows.inputs, rows.next_observation)
    return DynamicsLearner(model, rows, random_rows(100, "validation"), seed=3)


def run(
    given_learner: DynamicsLearner, folder: Path | None = None, kill_after: int | None = None
) -> Progress:
    def after(updates: int) -> bool:
        stop = given_learner.check_validation(updates, lambda text: None)
        if updates == kill_after:
            raise Killed
        return stop

    return train(
        given_learner,
        lambda number: given_learner.batches(number, BLOCK),
        given_learner.settings.updates,
        BLOCK,
        checkpoint=Checkpoint(folder, seconds=0) if folder else None,
        log=lambda text: None,
        after_block=after,
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["unfactored", "locally_factored"])
def test_a_killed_fit_ends_with_the_same_bytes(
    tmp_path: Path, precision: Precision, kind: str
) -> None:
    unbroken = learner(precision, kind)
    progress = run(unbroken)
    for kill_after in (10, 40, 50):
        with pytest.raises(Killed):
            run(learner(precision, kind), tmp_path, kill_after)
    resumed = learner(precision, kind)
    assert run(resumed, tmp_path) == progress
    expected = unbroken.state()
    assert resumed.state().keys() == expected.keys()
    for name, value in resumed.state().items():
        assert torch.equal(value, expected[name]), name


def test_fitting_lowers_the_held_out_error() -> None:
    fitted = learner(kind="unfactored")
    before = fitted.validate()
    run(fitted)
    after = fitted.validate()
    assert after[0] < 0.98 * before[0]
    assert after[1] < before[1] - 0.01


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["unfactored", "globally_factored", "locally_factored"])
def test_a_nan_reaches_the_loss_in_the_update_that_it_comes_in(
    kind: str, precision: Precision
) -> None:
    """ReLUs in bf16 hide it from the outputs."""
    fitted = learner(precision, kind)
    batch = fitted.batches(0, 1)[0]
    assert fitted.update(batch).negative_log_likelihood.isfinite()
    batch.inputs[1, 5, 2] = torch.nan
    assert not fitted.update(batch).negative_log_likelihood.isfinite()


def test_validation_is_the_mean_over_members_rows_and_columns() -> None:
    fitted = learner()
    members, rows = fitted.settings.members, fitted.validation
    with torch.no_grad():
        mean, variance = fitted.model.predict(
            rows.inputs.expand(members, *rows.inputs.shape),
            rows.mask.expand(members, *rows.mask.shape),
        )
    target = fitted.model.normalised_targets(rows.inputs, rows.next_observation)
    squared = ((mean - target) ** 2).double().numpy()
    wide = variance.double().numpy()
    rmse, likelihood = fitted.validate()
    assert rmse == pytest.approx(np.sqrt(squared.mean()), rel=1e-5)
    assert likelihood == pytest.approx((0.5 * (squared / wide + np.log(wide))).mean(), rel=1e-5)


@pytest.mark.parametrize("select_by", ["rmse", "nll"])
def test_early_stopping_returns_the_best_parameters(select_by: str) -> None:
    """The held-out rows move the other way: the better the fit, the worse the validation."""
    model = small_model(
        "unfactored", updates=1000, learning_rate=3e-3, patience=3, select_by=select_by
    )
    rows = random_rows(400)
    model.normalise_by(rows.inputs, rows.next_observation)
    held = rows.inputs[:, :OBSERVATION]
    against = Rows(rows.inputs, 2 * held - rows.next_observation, rows.mask)
    fitted = DynamicsLearner(model, rows, against, seed=0)
    at_validation: list[dict[str, torch.Tensor]] = []

    def after(updates: int) -> bool:
        at_validation.append(model.tensors())
        return fitted.check_validation(updates, lambda text: None)

    progress = train(
        fitted,
        lambda number: fitted.batches(number, BLOCK),
        1000,
        BLOCK,
        log=lambda text: None,
        after_block=after,
    )
    column = 1 if select_by == "rmse" else 2
    scores = [row[column] for row in fitted.scores]
    best = int(np.argmin(scores))
    assert progress.updates == (best + 1 + 3) * BLOCK < 1000
    assert float(fitted.best_score) == pytest.approx(min(scores))
    for name, value in fitted.best.items():
        assert torch.equal(value, at_validation[best][name]), name
    last = at_validation[-1]
    assert any(not torch.equal(value, last[name]) for name, value in fitted.best.items())


def test_the_rate_is_constant_then_falls_linearly_to_zero() -> None:
    fitted = learner()  # 60 updates at 1e-3, decay from the half
    rates = []
    for fitted.updates in range(61):
        rates.append(fitted.rate())
    assert rates[:31] == [1e-3] * 31
    np.testing.assert_allclose(rates[30:], np.linspace(1e-3, 0, 31), atol=1e-12)


def test_batches_are_a_function_of_the_block_and_each_member_has_its_own() -> None:
    one, two = learner(), learner()
    two.batches(5, BLOCK)
    for block in (0, 3):
        for first, second in zip(one.batches(block, BLOCK), two.batches(block, BLOCK), strict=True):
            assert first.inputs.shape[:2] == (one.settings.members, one.settings.batch_size)
            assert torch.equal(first.inputs, second.inputs)
            assert torch.equal(first.mask, second.mask)
            assert not torch.equal(first.inputs[0], first.inputs[1])
    assert not torch.equal(one.batches(0, 1)[0].inputs, one.batches(1, 1)[0].inputs)
    known = {row.tobytes() for row in one.training.inputs.numpy()}
    assert all(row.tobytes() in known for row in one.batches(0, 1)[0].inputs[0].numpy())


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=2, max_size=30),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
)
def test_no_episode_lies_on_both_sides_of_the_split(
    lengths: list[int], share: float, seed: int
) -> None:
    episode = np.repeat(np.arange(len(lengths), dtype=np.int64) * 7, lengths)
    rows = replace(logged_rows(len(episode)), episode=episode)
    training, validation = split_episodes(rows, share, seed)
    assert not set(episode[training]) & set(episode[validation])
    assert len(training)
    assert len(validation)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([training, validation])), np.arange(len(episode))
    )
    held_out = len(set(episode[validation]))
    assert abs(held_out - share * len(lengths)) <= 1
    again = split_episodes(rows, share, seed)
    np.testing.assert_array_equal(training, again[0])


def test_rows_of_no_episode_are_split_one_by_one() -> None:
    """-1: a log of rows on their own, here beside two episodes."""
    episode = np.array([-1] * 40 + [0] * 5 + [7] * 5, dtype=np.int64)
    rows = replace(logged_rows(50), episode=episode)
    training, validation = split_episodes(rows, 0.5, 3)
    alone = validation[episode[validation] < 0]
    assert 10 < len(alone) < 30
    for number in (0, 7):
        assert np.isin(np.flatnonzero(episode == number), validation).sum() in (0, 5)
    np.testing.assert_array_equal(np.sort(np.concatenate([training, validation])), np.arange(50))


def test_one_episode_cannot_be_split() -> None:
    with pytest.raises(UserError, match="at least two episodes, to hold one out; found 1"):
        split_episodes(logged_rows(8, episode_length=10), 0.1, 0)
