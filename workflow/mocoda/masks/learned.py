"""What SANDy's masks share: standardised columns, training, soft edges by slot, the threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from mocoda.checkpoints import Checkpoint
from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.factors import Slots
from mocoda.masks.learner import MaskLearner
from mocoda.masks.sandy_network import SandyNetwork
from mocoda.masks.threshold import ThresholdCurve, threshold_curve
from mocoda.seeding import numpy_generator, torch_generator
from mocoda.training import NotFiniteError, train
from mocoda.transitions import Transitions

# Rows evaluated together, so that the intermediate tensors stay small.
CHUNK = 4096
BLOCK_UPDATES = 50


class LearnedMaskSettings(BaseModel):
    """How a mask is learned, whatever the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Literal["next_state", "difference"] = Field(
        "difference",
        description="What is predicted: the next state (published code), or its difference from "
        "the state (our choice where a step moves the state little, so that small effects of the "
        "action are not drowned). With differences a slot is always its own parent.",
    )
    updates: int = Field(
        3125, ge=1, description="Gradient steps (published code: 250 epochs of 12 500 rows)."
    )
    batch_size: int = Field(1000, ge=1, description="Rows a batch (published code).")
    learning_rate: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="Adam's rate (published code)."
    )
    learning_rate_decay_start: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the updates after which the rate falls linearly to zero (our choice; "
        "1: never, as published).",
    )
    weight_decay: float = Field(
        1e-5, ge=0, allow_inf_nan=False, description="L2 penalty (published code)."
    )
    validation_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the episodes held out (our choice)."
    )
    threshold: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Score above which an edge is there; null: chosen on held-out rows (our "
        "choice; the published code has 0.02 and 0.05, by domain).",
    )
    threshold_tolerance: float = Field(
        0.01,
        gt=0,
        allow_inf_nan=False,
        description="How much the held-out squared error of any child may rise, as a share of the "
        "variance of its targets, when a row's non-parents are replaced (our choice).",
    )
    threshold_candidates: int = Field(
        64, ge=2, description="Thresholds that are tried: quantiles of the scores (our choice)."
    )
    threshold_rows: int = Field(
        4000, ge=1, description="Held-out rows that the threshold is chosen on (our choice)."
    )


Settings = TypeVar("Settings", bound=LearnedMaskSettings)
# (slots, settings, generator of the parameters) -> an untrained network
NetworkOf = Callable[[Slots, Settings, torch.Generator], SandyNetwork]


@dataclass(frozen=True)
class Scale:
    """Means and deviations of the training rows' columns, all float32."""

    input_mean: Tensor
    input_deviation: Tensor
    target_mean: Tensor
    target_deviation: Tensor


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


def hold_out(rows: Transitions, share: float, generator: np.random.Generator) -> np.ndarray:
    """bool [n]: rows of whole episodes to hold out; raises UserError below two episodes."""
    episodes = np.unique(rows.episode)
    if len(episodes) < 2:
        raise UserError(
            "empirical transitions",
            expected="at least two episodes, to hold one out",
            found=f"{len(episodes)}",
            remedy="Collect more transitions.",
        )
    count = min(max(1, round(share * len(episodes))), len(episodes) - 1)
    return np.isin(rows.episode, generator.permutation(episodes)[:count])


class LearnedMask:
    """A trained network, the columns' scale and a threshold; see `mocoda.masks.base.ScoredMask`."""

    def __init__(
        self,
        network: SandyNetwork,
        domain: Domain,
        settings: LearnedMaskSettings,
        scale: Scale,
        threshold: Tensor,
        history: dict[str, Tensor],
    ) -> None:
        self.network, self.domain, self.settings = network, domain, settings
        self.scale, self.threshold, self.history = scale, threshold, history

    def chunks(self, observation: np.ndarray, action: np.ndarray) -> Iterator[Tensor]:
        """The network's own edges of standardised rows, some rows at a time."""
        for start in range(0, len(observation), CHUNK):
            part = slice(start, start + CHUNK)
            inputs = np.concatenate([observation[part], action[part]], axis=1, dtype=np.float32)
            with torch.no_grad():
                yield self.network.edges(self.standardised(torch.from_numpy(inputs)))

    def standardised(self, inputs: Tensor) -> Tensor:
        """Inputs [n, obs + act] in deviations from the mean."""
        return (inputs - self.scale.input_mean) / self.scale.input_deviation

    def column_scores(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Soft edges between columns, float32 [n, obs + act, obs]: a bound of the Jacobian of the
        standardised targets. Only for networks that have it (see `edges_of_columns`).

        Where differences are predicted, the state itself adds to the derivative of the next state
        by its own column: deviation of the state / deviation of the difference.
        """
        parts = [part.numpy() for part in self.chunks(observation, action)]
        width = self.domain.slots.observation_dim
        shape = (0, width + self.domain.slots.action_dim, width)
        scores = np.concatenate([np.zeros(shape, np.float32), *parts])
        if self.settings.target == "difference":
            own = self.scale.input_deviation[:width] / self.scale.target_deviation
            scores[:, np.arange(width), np.arange(width)] += own.numpy()
        return scores

    def scores(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        """Soft edges between slots, float32 [n, roots, children] in [0, inf): the largest of their
        columns; attention has slots already, and every slot counts as its own parent there (1 is
        added, as in the published code)."""
        slots = self.domain.slots
        if not self.network.edges_of_columns:
            children = len(slots.child_names)
            parts = [part.numpy() for part in self.chunks(observation, action)]
            empty = np.zeros((0, len(slots.root_names), children), np.float32)
            scores = np.concatenate([empty, *parts])
            scores[:, np.arange(children), np.arange(children)] += 1.0
            return scores
        columns = self.column_scores(observation, action)
        scores = np.empty((len(columns), len(slots.root_names), len(slots.child_names)), np.float32)
        for root, from_columns in enumerate(slots.root_columns):
            for child, slot in enumerate(slots.state):
                block = columns[:, list(from_columns)][:, :, list(slot.columns)]
                scores[:, root, child] = block.max(axis=(1, 2))
        return scores

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return self.scores(observation, action) > self.threshold.numpy()

    def tensors(self) -> dict[str, Tensor]:
        return {
            "threshold": self.threshold,
            **{f"network.{k}": v.detach() for k, v in self.network.parameters.items()},
            **{f"scale.{k}": v for k, v in vars(self.scale).items()},
            **{f"history.{k}": v for k, v in self.history.items()},
        }

    def facts(self) -> dict[str, Any]:
        """Threshold, the curve it was chosen by, and losses during training."""
        return {
            "threshold": float(self.threshold),
            "learning": {name: value.tolist() for name, value in self.history.items()},
        }


def learn_mask(
    network_of: NetworkOf[Settings],
    settings: Settings,
    domain: Domain,
    rows: Transitions,
    seed: int,
    log: Callable[[str], None],
    checkpoint: Checkpoint | None,
) -> LearnedMask:
    """Train a network on the rows and choose its threshold on held-out episodes.

    The same settings, rows and seed give the same bytes.
    Raises UserError for rows that are not finite, fewer than two episodes, and a loss that stops
    being finite.
    """
    check_rows(rows)
    held_out = hold_out(rows, settings.validation_share, numpy_generator(seed, "held_out"))
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
    mask = LearnedMask(network, domain, settings, scale, torch.tensor(0.0), history)
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
        settings.threshold_candidates,
        chooser,
    )
    choose_threshold(mask, curve)
    log(
        f"held-out error {curve.plain_error.tolist()} of the variance of the targets; "
        f"threshold {float(mask.threshold):.4g}"
    )
    return mask


def choose_threshold(mask: LearnedMask, curve: ThresholdCurve) -> None:
    """Set the mask's threshold, from its settings or the curve, and keep the curve."""
    given = mask.settings.threshold
    chosen = curve.choose(mask.settings.threshold_tolerance) if given is None else given
    mask.threshold = torch.tensor(chosen, dtype=torch.float32)
    mask.history |= {f"curve.{name}": value for name, value in vars(curve).items()}


def load_mask(
    network_of: NetworkOf[Settings],
    settings: Settings,
    domain: Domain,
    tensors: dict[str, Tensor],
) -> LearnedMask:
    """The mask whose `tensors()` these are; raises UserError if names or shapes do not fit."""
    network = network_of(domain.slots, settings, torch.Generator().manual_seed(0))

    def below(prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    stored, scale = below("network."), below("scale.")
    expected = {name: value.shape for name, value in network.parameters.items()}
    complete = set(scale) == set(Scale.__dataclass_fields__) and "threshold" in tensors
    if {name: value.shape for name, value in stored.items()} != expected or not complete:
        raise UserError(
            f"the tensors of a mask of kind {settings.kind}",  # type: ignore[attr-defined]
            expected="those that its settings and the domain's slots ask for",
            found="other names or shapes",
            remedy="Delete the mask's files and run the same command again.",
        )
    network.parameters.update(stored)
    return LearnedMask(
        network, domain, settings, Scale(**scale), tensors["threshold"], below("history.")
    )
