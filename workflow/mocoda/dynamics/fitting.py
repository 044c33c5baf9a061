"""Fit an ensemble: negative log-likelihood, validation, early stopping that keeps the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mocoda.dynamics.ensemble import CHUNK, GaussianEnsemble
from mocoda.learning_rate import decayed_share
from mocoda.optimiser import Adam
from mocoda.seeding import torch_generator
from mocoda.transitions import Transitions


@dataclass(frozen=True)
class DynamicsLosses:
    """The logged metrics of one update."""

    negative_log_likelihood: Tensor
    squared_error: Tensor


@dataclass(frozen=True)
class Rows:
    """Rows on the training device: inputs [n, in], next_observation [n, obs], mask [n, ...]."""

    inputs: Tensor
    next_observation: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Tensor) -> Rows:
        return Rows(self.inputs[rows], self.next_observation[rows], self.mask[rows])


def rows_of(transitions: Transitions, mask: np.ndarray, device: torch.device | str) -> Rows:
    """The columns that a dynamics model sees, as tensors."""
    inputs = np.concatenate([transitions.observation, transitions.action], axis=1)
    return Rows(
        torch.from_numpy(inputs).to(device),
        torch.from_numpy(transitions.next_observation).to(device),
        torch.from_numpy(mask).to(device),
    )


class DynamicsLearner:
    """Adam on the Gaussian negative log-likelihood, each member on batches of its own."""

    def __init__(self, model: GaussianEnsemble, training: Rows, validation: Rows, seed: int):
        self.model, self.training, self.validation = model, training, validation
        self.settings = model.settings
        self.seed = seed
        self.updates = 0
        self.optimisers = {
            name: Adam(
                network, self.settings.learning_rate, weight_decay=self.settings.weight_decay
            )
            for name, network in model.architecture.networks.items()
        }
        # Finite, because a state that is saved is checked to be.
        self.best_score = torch.tensor(torch.finfo(torch.float32).max)
        self.best = model.tensors()
        self.waited = 0
        self.scores: list[tuple[float, float, float]] = []

    def batches(self, block: int, count: int) -> list[Rows]:
        """The batches of a block: [members, batch] rows each, a function of the block alone."""
        generator = torch_generator(self.seed, "batches", block, device=self.model.device)
        shape = (count, self.settings.members, self.settings.batch_size)
        drawn = torch.randint(
            len(self.training), shape, generator=generator, device=self.model.device
        )
        return [self.training.take(rows) for rows in drawn]

    def rate(self) -> float:
        """Adam's rate at this update: constant, then linear to zero."""
        settings = self.settings
        share = decayed_share(self.updates, settings.updates, settings.learning_rate_decay_start)
        return settings.learning_rate * share

    def update(self, batch: Rows) -> DynamicsLosses:
        likelihood, squared_error = self.model.accumulate(
            batch.inputs, batch.mask, batch.next_observation
        )
        for optimiser in self.optimisers.values():
            optimiser.step(self.rate())
        self.updates += 1
        return DynamicsLosses(likelihood, squared_error)

    @torch.no_grad()
    def validate(self) -> tuple[float, float]:
        """Held-out error (root mean square, normalised) and negative log-likelihood."""
        squared_sum = likelihood_sum = 0.0
        members = self.settings.members
        for start in range(0, len(self.validation), CHUNK // members):
            rows = torch.arange(start, min(start + CHUNK // members, len(self.validation)))
            part = self.validation.take(rows.to(self.model.device))
            inputs = part.inputs.expand(members, *part.inputs.shape)
            mean, variance = self.model.predict(inputs, part.mask.expand(members, *part.mask.shape))
            target = self.model.normalised_targets(part.inputs, part.next_observation)
            squared = (mean - target) ** 2
            squared_sum += float(squared.mean(dim=(0, 2)).sum())
            likelihood = 0.5 * (squared / variance + variance.log())
            likelihood_sum += float(likelihood.mean(dim=(0, 2)).sum())
        n = len(self.validation)
        return (squared_sum / n) ** 0.5, likelihood_sum / n

    def check_validation(self, updates: int, log: Callable[[str], None]) -> bool:
        """Validate, keep the best parameters, and say whether patience has run out."""
        rmse, likelihood = self.validate()
        score = rmse if self.settings.select_by == "rmse" else likelihood
        self.scores.append((float(updates), rmse, likelihood))
        if score < float(self.best_score):
            self.best_score, self.best, self.waited = torch.tensor(score), self.model.tensors(), 0
        else:
            self.waited += 1
        log(f"update {updates}: held-out rmse {rmse:.4f}, nll {likelihood:.3f}")
        return self.waited >= self.settings.patience

    def state(self) -> dict[str, Tensor]:
        return {
            **{f"model.{k}": v for k, v in self.model.tensors().items()},
            **{f"best.{k}": v for k, v in self.best.items()},
            **{
                f"optimiser.{name}.{k}": v
                for name, optimiser in self.optimisers.items()
                for k, v in optimiser.state().items()
            },
            "updates": torch.tensor(self.updates),
            "best_score": self.best_score,
            "waited": torch.tensor(self.waited),
            "scores": torch.tensor(self.scores, dtype=torch.float64).reshape(-1, 3),
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        def below(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}

        self.model.load_tensors(below("model."))
        self.best = below("best.")
        for name, optimiser in self.optimisers.items():
            optimiser.load_state(below(f"optimiser.{name}."))
        self.updates, self.waited = int(state["updates"]), int(state["waited"])
        self.best_score = state["best_score"]
        self.scores = [(row[0], row[1], row[2]) for row in state["scores"].tolist()]
