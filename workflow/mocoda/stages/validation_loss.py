"""Does swapping help a dynamics model that has few rows? (CoDA, appendix, Figure 11)

One network is trained on few logged rows alone, one on them and rows made by random swaps, and one
on them and CoDA's; all are validated on logged rows of other episodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mocoda.artifacts import atomic_path, read_json
from mocoda.augmentation import coda
from mocoda.augmentation.base import Generated, Ingredients, NoSettings
from mocoda.augmentation.swap import draw_independent_sets, draw_pairs, swapped
from mocoda.checkpoints import Checkpoint
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.episodes import shared_split
from mocoda.jobs import Job
from mocoda.masks.base import Mask
from mocoda.masks.ground_truth import GroundTruthMask
from mocoda.masks.stored import load_mask
from mocoda.seeding import numpy_generator, seed_for, torch_generator
from mocoda.stages.validation_loss_settings import ValidationLossSettings
from mocoda.stores import read_transitions
from mocoda.tables.names import display
from mocoda.training import train
from mocoda.training_state import load_training_state, training_state
from mocoda.transitions import Transitions

# Share of the episodes to validate on where the mask was not learned (our choice).
HELD_OUT = 0.1


@dataclass(frozen=True)
class Batch:
    """Standardised inputs [n, obs + act] and targets [n, obs]."""

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Losses:
    """Mean square of the standardised error."""

    training_loss: Tensor


class Standardisation:
    """Rows as a network sees them, in deviations from the mean of the logged rows learned from."""

    def __init__(self, rows: Transitions) -> None:
        inputs, targets = columns_of(rows)
        self.scales = [(x.mean(axis=0), x.std(axis=0) + 1e-6) for x in (inputs, targets)]

    def __call__(self, rows: Transitions, generated: Generated | None) -> Batch:
        """The rows and, after them, the generated ones."""
        parts = [columns_of(part) for part in (rows, generated) if part is not None]
        inputs, targets = (
            (np.concatenate(values) - mean) / deviation
            for values, (mean, deviation) in zip(zip(*parts, strict=True), self.scales, strict=True)
        )
        return Batch(*(torch.from_numpy(x.astype(np.float32)) for x in (inputs, targets)))


def columns_of(rows: Transitions | Generated) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [n, obs + act] and the changes of the state [n, obs], float64."""
    inputs = np.concatenate([rows.observation, rows.action], axis=1, dtype=np.float64)
    return inputs, rows.next_observation.astype(np.float64) - rows.observation


class Regression:
    """A network of ReLU layers that predicts the change of the state; squared error, Adam."""

    def __init__(
        self, settings: ValidationLossSettings, training: Batch, validation: Batch, seed: int
    ) -> None:
        sizes = (training.inputs.shape[1], *settings.hidden_sizes, training.targets.shape[1])
        layers: list[nn.Module] = []
        generator = torch_generator(seed, "parameters")
        for inputs, outputs in pairwise(sizes):
            layer = nn.Linear(inputs, outputs)
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -(inputs**-0.5), inputs**-0.5, generator=generator)
            layers += [layer, nn.ReLU()]
        self.network = nn.Sequential(*layers[:-1])
        self.optimiser = torch.optim.Adam(
            self.network.parameters(), lr=settings.learning_rate, fused=True
        )
        self.settings, self.training, self.validation, self.seed = (
            settings,
            training,
            validation,
            seed,
        )
        self.validation_losses: list[float] = []

    def batches(self, block: int) -> list[Batch]:
        """The batches of a block, a function of its number alone."""
        shape = (self.settings.validate_every, self.settings.batch_size)
        generator = torch_generator(self.seed, "batches", block)
        rows = torch.randint(len(self.training.inputs), shape, generator=generator)
        return [Batch(self.training.inputs[r], self.training.targets[r]) for r in rows]

    def update(self, batch: Batch) -> Losses:
        loss = (self.network(batch.inputs) - batch.targets).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return Losses(loss.detach())

    @torch.no_grad()
    def validate(self, updates: int) -> bool:
        """Keep the loss on the validation rows; never stops the training."""
        error = self.network(self.validation.inputs) - self.validation.targets
        self.validation_losses.append(float(error.square().mean()))
        return False

    def state(self) -> dict[str, Tensor]:
        losses = torch.tensor(self.validation_losses, dtype=torch.float64)
        parameters = dict(self.network.named_parameters())
        return {**training_state(parameters, self.optimiser), "validation_losses": losses}

    def load_state(self, state: dict[str, Tensor]) -> None:
        load_training_state(dict(self.network.named_parameters()), self.optimiser, state)
        self.validation_losses = state["validation_losses"].tolist()


def random_swaps(
    domain: Domain, rows: Transitions, number: int, generator: np.random.Generator
) -> Generated:
    """Swaps as if every slot were independent of all others (the identity as a mask)."""
    first, second = draw_pairs(len(rows), number, generator)
    each_alone = np.tile(np.arange(len(domain.slots.root_names)), (number, 1))
    chosen = draw_independent_sets(each_alone, generator)
    return swapped(rows, domain.slots, first, second, chosen)


def data_sets(
    domain: Domain, rows: Transitions, mask: Mask, kind: str, number: int, seed: int
) -> dict[str, Generated | None]:
    """Generated rows by the name of the data set; None: the logged rows alone."""
    names = (domain.name, "validation_loss", seed)
    found: dict[str, Generated | None] = {
        "logged rows": None,
        "random swaps": random_swaps(domain, rows, number, numpy_generator(*names, "random")),
    }
    masks = {f"CoDA, {display(kind)}": mask}
    if domain.true_mask is not None:
        masks["CoDA, ground truth"] = GroundTruthMask(domain.true_mask)
    for name, one in masks.items():
        ingredients = Ingredients(domain, transitions=rows, mask=one)
        found[name] = coda.generate(NoSettings(), ingredients, number, (*names, "coda"))
    return found


def validation_loss(job: Job) -> None:
    """Write each data set's losses on its own rows and on the validation rows, by updates."""
    settings = ValidationLossSettings.model_validate(job.settings["training"])
    domain = DOMAINS[job.wildcards["domain"]]
    mask = load_mask(job.inputs["mask_card"], job.inputs["mask"], domain)
    logged = read_transitions(job.inputs["manifest"], job.inputs["store"])
    # The models are validated on what the mask was not trained on.
    learned_by = read_json(job.inputs["mask_card"])["settings"]
    share = float(learned_by.get("validation_share", HELD_OUT))
    training, held_out = shared_split(domain.name, logged, share, job.seed)
    generator = numpy_generator(domain.name, "validation_loss", "rows", job.seed)
    real = logged.take(np.sort(generator.permutation(training)[: settings.real_rows]))
    validation = logged.take(np.sort(generator.permutation(held_out)[: settings.validation_rows]))
    scale = Standardisation(real)
    sets = data_sets(domain, real, mask, job.settings["mask"], settings.generated_rows, job.seed)
    parts = []
    for name, generated in sets.items():
        learner = Regression(
            settings,
            scale(real, generated),
            scale(validation, None),
            seed_for(*job.names, "network"),
        )
        progress = train(
            learner,
            learner.batches,
            settings.updates,
            settings.validate_every,
            checkpoint=Checkpoint(job.state / name.replace(" ", "_")),
            log=lambda text, name=name: job.log(f"{name}: {text}"),  # type: ignore[misc]
            after_block=learner.validate,
        )
        parts.append(
            pd.DataFrame(
                {
                    "data": name,
                    "seed": job.seed,
                    "updates": progress.metric_updates,
                    "training_loss": progress.metrics["training_loss"],
                    "validation_loss": learner.validation_losses,
                    "rows": len(real) + (0 if generated is None else len(generated.observation)),
                }
            )
        )
        job.log(f"{name}: least validation loss {min(learner.validation_losses):.4g}")
    with atomic_path(job.outputs["curves"]) as path:
        pd.concat(parts).to_csv(path, index=False)
