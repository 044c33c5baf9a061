"""Generated rows, from the first stages as they are run: counts, labels, resume, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from chain_examples import REAL, ROWS, SETTINGS, SHARD, Chain, make_chain
from spine_examples import ACTION, DOMAIN, OBSERVATION

from mocoda.artifacts import read_json
from mocoda.errors import UserError
from mocoda.masks.heuristic import HeuristicMask, HeuristicMaskSettings
from mocoda.stages.train_dynamics import load_dynamics
from mocoda.stores import TransitionWriter
from mocoda.transition_checks import check
from mocoda.transitions import Provenance, Transitions


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return make_chain(tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def augmented(chain: Chain) -> Transitions:
    return chain.sample("whole")


def test_counts_are_those_of_the_settings(chain: Chain, augmented: Transitions) -> None:
    assert SETTINGS.generated_rows(REAL) == 400
    assert len(augmented) == SETTINGS.proposed_rows(REAL) == ROWS
    listed = read_json(chain.folder / "whole.json")
    assert listed["rows"] == ROWS
    assert listed["rows_by_provenance"] == {"real": 0, "model": ROWS, "coda": 0}
    assert all(count >= 0 for count in listed["facts"]["proposals"].values())
    assert len(list((chain.folder / "whole").glob("*/goal/c/*/0"))) == 4


def test_every_row_is_valid_and_says_where_it_comes_from(augmented: Transitions) -> None:
    check(augmented, "augmented", observation_dim=OBSERVATION, action_dim=ACTION)
    assert (augmented.provenance == Provenance.MODEL).all()
    assert (augmented.episode == -1).all()
    invalid = DOMAIN.invalid_parents(augmented.observation, augmented.action)
    assert not [reason for reason, rows in invalid.items() if rows.any()]
    assert len(np.unique(augmented.observation, axis=0)) == ROWS


def test_rewards_are_the_domains_with_its_gap(augmented: Transitions) -> None:
    expected = np.asarray(DOMAIN.reward(augmented.next_observation, augmented.goal), np.float32)
    np.testing.assert_array_equal(augmented.reward, expected)
    np.testing.assert_array_equal(augmented.terminated, DOMAIN.terminated(augmented.reward))
    assert not ((augmented.reward > -0.6 + 1e-6) & (augmented.reward < -0.2 - 1e-6)).any()
    assert not augmented.truncated.any()


def test_goals_are_those_of_the_target_task(augmented: Transitions) -> None:
    shift = augmented.goal - np.array([1.85, 0.7, 0.42, 1.85, 0.8, 0.42])
    np.testing.assert_allclose(shift[:, :3], shift[:, 3:], atol=1e-6)
    assert 0.4 < (shift[:, 0] > 0).mean() < 0.6


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    chain: Chain, augmented: Transitions
) -> None:
    again = chain.sample("again")
    assert chain.manifest("again") == chain.manifest("whole")  # the checksums of all files
    np.testing.assert_array_equal(again.next_observation, augmented.next_observation)
    wildcards = {"domain": "hooksweep2", "scale": "test", "augmentation": "mocoda"}
    other = chain.sample("other", wildcards={**wildcards, "seed": "1"})
    assert not np.isin(other.observation[:, 0], augmented.observation[:, 0]).all()


def test_columns_of_a_table_differ_by_their_dynamics_alone(
    chain: Chain, augmented: Transitions
) -> None:
    other = chain.sample("unfactored_rows", "unfactored")
    np.testing.assert_array_equal(other.observation, augmented.observation)
    np.testing.assert_array_equal(other.action, augmented.action)
    np.testing.assert_array_equal(other.goal, augmented.goal)
    assert (other.next_observation != augmented.next_observation).any()


def test_a_box_that_does_not_interact_moves_as_if_the_other_were_not_there(
    chain: Chain, augmented: Transitions
) -> None:
    mask = HeuristicMask(HeuristicMaskSettings(distance=0.21), DOMAIN)
    model = load_dynamics(
        str(chain.folder / "locally_factored.json"),
        str(chain.folder / "locally_factored.safetensors"),
        DOMAIN,
    )
    graphs = mask(augmented.observation, augmented.action)
    away = ~graphs.all(axis=(1, 2))
    assert 0.1 < away.mean() < 0.9
    moved = augmented.observation.copy()
    moved[:, 11:16] += np.float32(0.3)

    def children(observation: np.ndarray) -> np.ndarray:
        noise = torch.Generator().manual_seed(0)
        return model.sample(observation, augmented.action, graphs, 3.0, noise)

    differs = children(moved) != children(augmented.observation)
    assert not differs[away][:, :11].any()  # gripper and box 1
    assert differs[~away][:, :11].any()
    assert differs[away][:, 11:].any()


class Killed(BaseException):
    """What a signal would be."""


@pytest.mark.parametrize("moment", ["before the shard", "in the shard", "after the shard", "end"])
def test_a_killed_run_ends_with_the_same_bytes(
    chain: Chain, augmented: Transitions, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    write, finish = TransitionWriter.write, TransitionWriter.finish
    written: list[int] = []

    def killed_write(self: TransitionWriter, shard: int, rows: Transitions, swaps: Any) -> None:
        if shard == 2 and moment == "before the shard":
            raise Killed
        if shard == 2 and moment == "in the shard":
            self.group["observation"][600:700] = 7.0  # type: ignore[index]
            raise Killed
        write(self, shard, rows, swaps)
        if shard == 2 and moment == "after the shard":
            raise Killed

    def killed_finish(self: TransitionWriter) -> None:
        finish(self)
        if moment == "end":
            raise Killed

    name = f"killed {moment}"
    state = chain.folder / "state" / name
    with monkeypatch.context() as patch:
        patch.setattr(TransitionWriter, "write", killed_write)
        patch.setattr(TransitionWriter, "finish", killed_finish)
        with pytest.raises(Killed):
            chain.sample(name, state=state)
    assert not (chain.folder / name).exists()

    def counted_write(self: TransitionWriter, shard: int, rows: Transitions, swaps: Any) -> None:
        written.append(shard)
        write(self, shard, rows, swaps)

    monkeypatch.setattr(TransitionWriter, "write", counted_write)
    chain.sample(name, state=state)
    expected = {"after the shard": [3], "end": [0, 1, 2, 3]}.get(moment, [2, 3])
    assert written == expected
    assert chain.manifest(name) == chain.manifest("whole")


def test_memory_holds_one_shard(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    write: Callable[..., None] = TransitionWriter.write
    sizes = []

    def watched(self: TransitionWriter, shard: int, rows: Transitions, swaps: Any) -> None:
        sizes.append(len(rows))
        write(self, shard, rows, swaps)

    monkeypatch.setattr(TransitionWriter, "write", watched)
    chain.sample("watched", state=chain.folder / "state" / "watched")
    assert sizes == [SHARD, SHARD, SHARD, ROWS - 3 * SHARD]


def test_children_that_are_not_finite_are_refused(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mocoda.dynamics.ensemble import GaussianEnsemble

    sample = GaussianEnsemble.sample

    def broken(self: GaussianEnsemble, *arguments: Any) -> np.ndarray:
        drawn = sample(self, *arguments)
        drawn[17, 3] = np.nan
        return drawn

    monkeypatch.setattr(GaussianEnsemble, "sample", broken)
    with pytest.raises(UserError) as caught:
        chain.sample("broken", state=chain.folder / "state" / "broken")
    assert caught.value.where.startswith(
        "generated row 17 of hooksweep2/sample_augmented/mocoda/0/0"
    )
    assert caught.value.expected == "finite children"
    assert "Retrain the dynamics" in caught.value.remedy
    assert not (chain.folder / "broken.json").exists()
