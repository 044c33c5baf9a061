"""Learn a mask: check and standardise the rows, train on them, choose the threshold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from mocoda.checkpoints import Checkpoint
from mocoda.domains.base import Domain
from mocoda.episodes import split_episodes
from mocoda.errors import UserError
from mocoda.masks.base import Learn, MaskVariant
from mocoda.masks.learned import LearnedMask, NetworkOf, Scale, Settings, load_mask
from mocoda.masks.learned_settings import LearnedMaskSettings
from mocoda.masks.learner import MaskLearner
from mocoda.masks.threshold import ThresholdCurve, threshold_curve
from mocoda.seeding import seed_for, torch_generator
from mocoda.training import NotFiniteError, train
from mocoda.transitions import Transitions

BLOCK_UPDATES = 50


def deviation_of(values: np.ndarray) -> np.ndarray:
    """Standard deviation of each column, 1 where a column is constant up to rounding: [columns]."""
    deviation = values.std(axis=0)
    constant = deviation <= 1e-6 * np.abs(values).max(axis=0, initial=0.0)
    return np.where(constant | (deviation == 0), 1.0, deviation)


def columns_of(settings: LearnedMaskSettings, rows: Transitions) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [n, obs + act] and targets [n, obs] in their own units, float64."""
    inputs = np.concatenate([rows.observation, rows.action], axis=1, dtype=np.float64)
    targets = rows.next_observation.astype(np.float64)
    if settings.target == "difference":
        targets = targets - rows.observation
    return inputs, targets


def check_rows(rows: Transitions) -> None:
    """Refuse rows with numbers that are not finite; raises UserError with the first of them."""
    for name in ("observation", "action", "next_observation"):
        bad = np.flatnonzero(~np.isfinite(getattr(rows, name)).all(axis=1))
        if len(bad):
            raise UserError(
                f"empirical transitions, {name}",
                expected="finite numbers",
                found=f"others in {len(bad)} rows, the first of them row {bad[0]}",
                remedy="Remove these rows or collect the data again.",
            )


def learn_mask(
    network_of: NetworkOf[Settings],
    settings: Settings,
    domain: Domain,
    rows: Transitions,
    seed: int,
    log: Callable[[str], None],
    checkpoint: Checkpoint | None,
    held_out: np.ndarray | None = None,
) -> LearnedMask:
    """Train a network on the rows and choose its threshold on held-out episodes.

    held_out : bool [n]; None: `validation_share` of the episodes, drawn by the seed.
    The same settings, rows and seed give the same bytes.
    Raises UserError for rows that are not finite, fewer than two episodes, and a loss that stops
    being finite.
    """
    check_rows(rows)
    if held_out is None:
        share, stream = settings.validation_share, seed_for(seed, "held_out")
        held_out = np.isin(np.arange(len(rows)), split_episodes(rows, share, stream)[1])
    inputs, targets = columns_of(settings, rows)
    scale = Scale(
        *(
            torch.from_numpy(values.astype(np.float32))
            for values in (
                inputs[~held_out].mean(axis=0),
                deviation_of(inputs[~held_out]),
                targets[~held_out].mean(axis=0),
                deviation_of(targets[~held_out]),
            )
        )
    )
    network = network_of(domain.slots, settings, torch_generator(seed, "parameters"))
    all_inputs = (torch.from_numpy(inputs.astype(np.float32)) - scale.input_mean) / (
        scale.input_deviation
    )
    all_targets = (torch.from_numpy(targets.astype(np.float32)) - scale.target_mean) / (
        scale.target_deviation
    )
    training = torch.from_numpy(~held_out)
    learner = MaskLearner(network, settings, all_inputs[training], all_targets[training], seed)
    try:
        progress = train(
            learner,
            lambda block: learner.batches(block, BLOCK_UPDATES),
            settings.updates,
            BLOCK_UPDATES,
            checkpoint=checkpoint,
            log=log,
        )
    except NotFiniteError as error:
        raise UserError(
            f"training of {settings.kind}",  # type: ignore[attr-defined]
            expected="finite losses and parameters",
            found=str(error),
            remedy="Lower fit_mask.learning_rate.",
        ) from error
    history = {
        name: torch.tensor(values, dtype=torch.float32)
        for name, values in {"updates": progress.metric_updates, **progress.metrics}.items()
    }
    mask = LearnedMask(network, domain, settings, scale, torch.zeros(1), history)
    chooser = torch_generator(seed, "threshold")
    watched = torch.from_numpy(np.flatnonzero(held_out))
    watched = watched[torch.randperm(len(watched), generator=chooser)[: settings.threshold_rows]]
    part = rows.take(watched.numpy())
    curve = threshold_curve(
        network,
        domain.slots,
        all_inputs[watched],
        all_targets[watched],
        torch.from_numpy(mask.scores(part.observation, part.action)),
        torch.from_numpy(mask.always()),
        settings.threshold_candidates,
        chooser,
    )
    choose_threshold(mask, curve)
    log(
        f"held-out error {curve.plain_error.tolist()} of the variance of the targets; "
        f"thresholds {mask.threshold.tolist()}"
    )
    return mask


def choose_threshold(mask: LearnedMask, curve: ThresholdCurve) -> None:
    """Set the mask's threshold, from its settings or the curve, and keep the curve."""
    given = mask.settings.threshold
    settings = mask.settings
    mask.threshold = (
        curve.choose(
            settings.threshold_tolerance,
            settings.threshold_variance_tolerance,
            settings.threshold_floor,
        )
        if given is None
        else torch.full_like(curve.plain_error, given)
    )
    mask.history |= {f"curve.{name}": value for name, value in vars(curve).items()}


def learned_variant(network_of: NetworkOf[Settings], settings: type[Settings]) -> MaskVariant:
    """The variant of a network that `learn_mask` trains."""
    learn: Learn = partial(learn_mask, network_of)
    return MaskVariant(
        settings,
        fit=partial(learn, log=print, checkpoint=None),
        load=partial(load_mask, network_of),
        learn=learn,
    )
