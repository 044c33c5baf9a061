"""The one loop: a killed run ends with the same bytes, and a broken one says what broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mocoda.checkpoints import Checkpoint
from mocoda.seeding import torch_generator
from mocoda.training import NotFiniteError, Progress, train

UPDATES, BLOCK = 53, 10  # the last block is cut


class Killed(BaseException):
    """What a signal would be."""


@dataclass(frozen=True)
class Losses:
    error: torch.Tensor
    size: torch.Tensor


class Walker:
    """Momentum descent on noisy data with noise of its own: all of its state matters."""

    def __init__(self, kill_at: int | None = None, break_at: int | None = None) -> None:
        self.weights = torch.randn(7, generator=torch_generator("walker", "start"))
        self.momentum = torch.zeros(7)
        self.noise = torch_generator("walker", "noise")
        self.updates, self.kill_at, self.break_at = 0, kill_at, break_at

    def update(self, batch: torch.Tensor) -> Losses:
        if self.updates == self.kill_at:
            raise Killed
        error = (self.weights - batch).square().mean()
        self.momentum = 0.9 * self.momentum + (self.weights - batch)
        self.weights = self.weights - 0.05 * (
            self.momentum + torch.randn(7, generator=self.noise) * 0.1
        )
        self.updates += 1
        size = self.weights.norm()
        return Losses(error, size / 0 if self.updates == self.break_at else size)

    def state(self) -> dict[str, torch.Tensor]:
        return {
            "weights": self.weights,
            "momentum": self.momentum,
            "noise": self.noise.get_state(),
            "updates": torch.tensor(self.updates),
        }

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        self.weights, self.momentum = state["weights"], state["momentum"]
        self.noise.set_state(state["noise"])
        self.updates = int(state["updates"])


def blocks(number: int) -> list[torch.Tensor]:
    generator = torch_generator("blocks", number)
    return list(torch.randn(BLOCK, 7, generator=generator))


def run(learner: Walker, checkpoint: Checkpoint | None = None, **options: object) -> Progress:
    return train(
        learner,
        blocks,
        UPDATES,
        BLOCK,
        checkpoint=checkpoint,
        log=lambda text: None,
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def unbroken() -> tuple[Walker, Progress]:
    learner = Walker()
    return learner, run(learner)


@settings(max_examples=20, deadline=None)
@given(kills=st.lists(st.integers(0, UPDATES - 1), min_size=1, max_size=4).map(sorted))
def test_a_killed_run_ends_with_the_same_bytes(
    unbroken: tuple[Walker, Progress], tmp_path_factory: pytest.TempPathFactory, kills: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("state")
    for kill in kills:
        with pytest.raises(Killed):
            run(Walker(kill_at=kill), Checkpoint(folder, seconds=0))
    learner = Walker()
    progress = run(learner, Checkpoint(folder, seconds=0))
    for name, value in unbroken[0].state().items():
        assert torch.equal(learner.state()[name], value), name
    assert progress == unbroken[1]


def test_a_resumed_run_does_not_start_anew(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(Walker(kill_at=35), Checkpoint(tmp_path, seconds=0))
    seen: list[int] = []

    def counted(number: int) -> list[torch.Tensor]:
        seen.append(number)
        return blocks(number)

    told: list[str] = []
    train(
        Walker(),
        counted,
        UPDATES,
        BLOCK,
        checkpoint=Checkpoint(tmp_path, seconds=0),
        log=told.append,
    )
    assert seen == [3, 4, 5]
    assert told[0] == f"going on from update 30 of {UPDATES}"


def test_a_damaged_checkpoint_means_to_start_anew(
    unbroken: tuple[Walker, Progress], tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        run(Walker(kill_at=35), Checkpoint(tmp_path, seconds=0))
    file = Checkpoint(tmp_path).file
    file.write_bytes(file.read_bytes()[:50])
    learner = Walker()
    assert run(learner, Checkpoint(tmp_path, seconds=0)) == unbroken[1]
    assert torch.equal(learner.weights, unbroken[0].weights)


def test_a_checkpoint_is_written_only_when_it_is_due(tmp_path: Path) -> None:
    run(Walker(), Checkpoint(tmp_path / "rare", seconds=3600))
    assert not (tmp_path / "rare").exists()
    checkpoint = Checkpoint(tmp_path / "often", seconds=0)
    run(Walker(), checkpoint)
    assert checkpoint.load() is not None
    checkpoint.remove()
    assert checkpoint.load() is None
    assert not (tmp_path / "often").exists()


def test_a_loss_that_is_not_finite_names_term_and_update_and_keeps_the_checkpoint(
    tmp_path: Path,
) -> None:
    checkpoint = Checkpoint(tmp_path, seconds=0)
    with pytest.raises(NotFiniteError) as caught:
        run(Walker(break_at=27), checkpoint)
    text = str(caught.value)
    assert text.startswith("update 27: the term 'size' is inf")
    assert "Lower the learning rate" in text
    assert str(tmp_path) in text
    kept = checkpoint.load()
    assert kept is not None
    assert int(kept["loop.updates"]) == int(kept["updates"]) == 20
    assert all(torch.isfinite(value).all() for value in kept.values() if value.is_floating_point())


def test_metrics_are_the_means_of_each_block(unbroken: tuple[Walker, Progress]) -> None:
    learner = Walker()
    values = [
        [float(v) for v in vars(learner.update(batch)).values()]
        for number in range(6)
        for batch in blocks(number)
    ][:UPDATES]
    ends = [10, 20, 30, 40, 50, 53]
    assert unbroken[1].updates == UPDATES
    assert unbroken[1].metric_updates == ends
    for column, name in enumerate(("error", "size")):
        expected = [
            sum(row[column] for row in values[start:stop]) / (stop - start)
            for start, stop in zip([0, *ends], ends, strict=False)
        ]
        assert unbroken[1].metrics[name] == pytest.approx(expected, rel=1e-5)


def stop_at(limit: int) -> Callable[[int], bool]:
    return lambda updates: updates >= limit


def test_training_stops_early_when_it_is_told_to(tmp_path: Path) -> None:
    learner = Walker()
    progress = run(learner, Checkpoint(tmp_path, seconds=0), after_block=stop_at(30))
    assert progress.updates == learner.updates == 30
    assert progress.metric_updates == [10, 20, 30]
    # Killed after the stop, before the outputs: it stops at the same place again.
    again = Walker()
    assert run(again, Checkpoint(tmp_path, seconds=0), after_block=stop_at(30)) == progress
    assert torch.equal(again.weights, learner.weights)
