"""What an agent trains on: the composition of its table, its labels, and its blocks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from spine_examples import ACTION, DOMAIN, OBSERVATION, logged_rows

from mocoda import batches
from mocoda.agents.base import Batch
from mocoda.batches import BatchSource, Table, load_table, make_actor
from mocoda.errors import UserError
from mocoda.stores import read_columns, write_transitions
from mocoda.transitions import Provenance, Transitions

Paths = tuple[Path, Path]


@pytest.fixture(scope="module")
def real() -> Transitions:
    return logged_rows(60, "real")


@pytest.fixture(scope="module")
def generated() -> Transitions:
    rows = logged_rows(240, "generated")
    return replace(rows, provenance=np.full(240, Provenance.MODEL, np.uint8))


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory, real: Transitions, generated: Transitions
) -> dict[str, Paths]:
    folder = tmp_path_factory.mktemp("stores")
    found = {}
    for name, rows in (("real", real), ("generated", generated)):
        found[name] = (folder / f"{name}.json", folder / name)
        write_transitions(folder / name, folder / f"{name}.json", rows, {}, shard_rows=70)
    return found


def packed(rows: Transitions) -> np.ndarray:
    return np.concatenate([rows.observation, rows.action, rows.next_observation], axis=1)


def test_emp_is_the_logged_rows_bit_for_bit(stores: dict[str, Paths], real: Transitions) -> None:
    table = load_table(DOMAIN, 0, stores["real"])
    assert (table.real, table.generated) == (60, 0)
    assert table.rows.numpy().tobytes() == packed(real).tobytes()


@pytest.mark.parametrize("chunk_rows", [1000, 70, 33])
def test_augmented_data_hold_all_real_rows_and_the_chosen_generated_ones(
    stores: dict[str, Paths],
    real: Transitions,
    generated: Transitions,
    monkeypatch: pytest.MonkeyPatch,
    chunk_rows: int,
) -> None:
    monkeypatch.setattr(batches, "read_columns", partial(read_columns, chunk_rows=chunk_rows))
    chosen = np.sort(np.random.default_rng(0).permutation(240)[:97])
    table = load_table(DOMAIN, 0, stores["real"], stores["generated"], chosen)
    assert (table.real, table.generated) == (60, 97)
    assert table.rows[:60].numpy().tobytes() == packed(real).tobytes()
    assert table.rows[60:].numpy().tobytes() == packed(generated)[chosen].tobytes()
    # Generated rows keep the goals that they were labelled with; logged ones get the target's.
    np.testing.assert_array_equal(table.goals[60:].numpy(), generated.goal[chosen])
    emp = load_table(DOMAIN, 0, stores["real"])
    assert torch.equal(table.goals[:60], emp.goals)
    whole = load_table(DOMAIN, 0, stores["real"], stores["generated"])
    assert (whole.real, whole.generated) == (60, 240)


def test_goals_of_logged_rows_are_the_target_tasks_and_differ_by_seed(
    stores: dict[str, Paths],
) -> None:
    goals = load_table(DOMAIN, 0, stores["real"]).goals
    shift = goals - torch.tensor([1.85, 0.7, 0.42, 1.85, 0.8, 0.42])
    torch.testing.assert_close(shift[:, :3], shift[:, 3:], rtol=0, atol=1e-6)
    assert ((shift[:, 0].abs() > 0.2) & (shift[:, 0].abs() < 0.42)).all()
    assert not torch.equal(goals, load_table(DOMAIN, 1, stores["real"]).goals)


def test_a_selection_of_another_store_is_refused(stores: dict[str, Paths]) -> None:
    with pytest.raises(UserError) as caught:
        load_table(DOMAIN, 0, stores["real"], stores["generated"], np.array([3, 240]))
    assert caught.value.where == str(stores["generated"][1])
    assert caught.value.expected == "at least 241 rows"
    assert caught.value.found == "240 rows"
    assert "run rebalance again" in caught.value.remedy


def source(table: Table, goals: str = "dataset", normalise: bool = False) -> BatchSource:
    return BatchSource(DOMAIN, table, ("test", 0), goals, normalise)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def table(stores: dict[str, Paths]) -> Table:
    return load_table(DOMAIN, 0, stores["real"], stores["generated"])


def joined(parts: list[Batch]) -> dict[str, torch.Tensor]:
    return {
        name: torch.cat([getattr(batch, name) for batch in parts])
        for name in ("input", "action", "reward", "next_input", "not_terminated")
    }


@pytest.mark.parametrize("goals", ["batch", "dataset"])
def test_labels_are_the_domains(table: Table, goals: str) -> None:
    """Agents read x and y of both goals; with the z of all goals the reward is computed anew."""
    blocks = list(source(table, goals).block(4, [100, 28]))
    assert [len(batch.reward) for batch in blocks] == [100, 28]
    rows = joined(blocks)
    width = OBSERVATION + len(DOMAIN.agent_goal_columns)
    assert rows["input"].shape == rows["next_input"].shape == (128, width)
    assert rows["action"].shape == (128, ACTION)
    goal = torch.full((128, 6), 0.42)
    goal[:, [0, 1, 3, 4]] = rows["input"][:, OBSERVATION:]
    torch.testing.assert_close(rows["next_input"][:, OBSERVATION:], goal[:, [0, 1, 3, 4]])
    next_observation = rows["next_input"][:, :OBSERVATION]
    expected = DOMAIN.reward(next_observation, goal)
    torch.testing.assert_close(rows["reward"], expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(rows["not_terminated"], (~DOMAIN.terminated(rows["reward"])).float())
    # Each row is a row of the table, whole.
    known = {row.tobytes() for row in table.rows.numpy()}
    drawn = torch.cat([rows["input"][:, :OBSERVATION], rows["action"], next_observation], dim=1)
    assert all(row.tobytes() in known for row in drawn.numpy())


def test_a_share_of_goals_lies_near_the_rows_own_boxes(table: Table) -> None:
    """Also goals of the target task; the reward is that of the goal that the agent sees."""
    rows = table.rows.clone()
    boxes = [16 + 4 + column for column in (6, 7, 8, 11, 12, 13)]
    solvable = DOMAIN.sample_goals(len(rows), np.random.default_rng(0))
    rows[:, boxes] = torch.from_numpy(solvable.astype(np.float32))
    placed = Table(rows, table.goals, table.real)
    shares = {}
    for share in (0.0, 0.3, 1.0):
        drawn = BatchSource(DOMAIN, placed, ("t", 0), "batch", False, "never", share)
        batch = joined(list(drawn.block(2, [3000])))
        goal = torch.full((3000, 6), 0.42)
        goal[:, [0, 1, 3, 4]] = batch["input"][:, OBSERVATION:]
        next_observation = batch["next_input"][:, :OBSERVATION]
        torch.testing.assert_close(batch["reward"], DOMAIN.reward(next_observation, goal))
        shift = goal - torch.tensor([1.85, 0.7, 0.42, 1.85, 0.8, 0.42])
        torch.testing.assert_close(shift[:, :3], shift[:, 3:], rtol=0, atol=1e-6)
        assert ((shift[:, 0].abs() > 0.2099) & (shift[:, 0].abs() < 0.4101)).all()
        assert (shift[:, 1].abs() < 0.1001).all()
        shares[share] = float(DOMAIN.success(batch["reward"]).float().mean())
    # Both boxes lie at a goal, so a goal near them is reached and hardly another one.
    assert shares[1.0] == 1.0
    assert shares[0.3] == pytest.approx(0.3 + 0.7 * shares[0.0], abs=0.04)
    assert shares[0.0] < 0.5


def test_no_row_ends_the_return_where_none_shall(table: Table) -> None:
    """The same rows with the same rewards; without it, some rows do end the return."""
    # Both boxes at the goal of a row, so that some do succeed.
    boxes, goals = [16 + 4 + column for column in (6, 7, 8, 11, 12, 13)], table.goals[:50]
    rows = table.rows.clone()
    rows[:50, boxes] = goals
    solved = Table(rows, table.goals, table.real)
    ending = joined(list(source(solved).block(3, [400])))
    never = BatchSource(DOMAIN, solved, ("test", 0), "dataset", False, "never")
    going_on = joined(list(never.block(3, [400])))
    assert torch.equal(ending.pop("not_terminated") == 0, DOMAIN.terminated(ending["reward"]))
    assert DOMAIN.terminated(ending["reward"]).any()
    assert (going_on.pop("not_terminated") == 1).all()
    assert all(torch.equal(value, going_on[name]) for name, value in ending.items())


def test_dataset_goals_stay_with_their_row_and_batch_goals_are_new(table: Table) -> None:
    by_row = {
        row.tobytes(): goal for row, goal in zip(table.rows.numpy(), table.goals, strict=True)
    }
    columns = list(DOMAIN.agent_goal_columns)
    for goals, share in (("dataset", 1.0), ("batch", 0.0)):
        rows = joined(list(source(table, goals).block(0, [200])))
        whole = torch.cat(
            [rows["input"][:, :OBSERVATION], rows["action"], rows["next_input"][:, :OBSERVATION]], 1
        )
        kept = [
            torch.equal(seen, by_row[row.tobytes()][columns])
            for seen, row in zip(rows["input"][:, OBSERVATION:], whole.numpy(), strict=True)
        ]
        assert np.mean(kept) == share


def test_a_block_is_a_function_of_its_number_alone(table: Table) -> None:
    first, second = source(table, "batch"), source(table, "batch")
    list(second.block(9, [7]))  # another history
    list(second.block(2, [64]))
    for number in (0, 1, 5):
        one = joined(list(first.block(number, [32, 32])))
        two = joined(list(second.block(number, [32, 32])))
        for name, value in one.items():
            assert torch.equal(value, two[name]), name
    assert not torch.equal(
        joined(list(first.block(0, [64])))["action"], joined(list(first.block(1, [64])))["action"]
    )
    other = BatchSource(DOMAIN, table, ("test", 1), "batch", False)
    assert not torch.equal(
        joined(list(first.block(0, [64])))["action"], joined(list(other.block(0, [64])))["action"]
    )


def test_rows_are_drawn_in_the_tables_ratio(table: Table) -> None:
    """1 real row to 4 generated: 20000 draws lie within 5 standard deviations of the share."""
    actions = joined(list(source(table).block(0, [20_000])))["action"]
    real = {row.tobytes() for row in table.rows[: table.real, OBSERVATION:][:, :ACTION].numpy()}
    share = np.mean([row.tobytes() in real for row in actions.numpy()])
    assert abs(share - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 20_000)


def test_normalised_inputs_have_mean_0_and_deviation_1(table: Table) -> None:
    given = source(table, "dataset", normalise=True)
    whole = torch.cat([table.rows[:, :OBSERVATION], table.goals[:, [0, 1, 3, 4]]], dim=1)
    inputs = given.inputs(whole[:, :OBSERVATION], whole[:, OBSERVATION:]).double()
    moving = whole.double().std(dim=0) > 1e-3
    torch.testing.assert_close(
        inputs.mean(dim=0)[moving],
        torch.zeros(int(moving.sum()), dtype=torch.float64),
        rtol=0,
        atol=1e-4,
    )
    assert ((inputs.std(dim=0)[moving] - 1).abs() < 1e-3).all()
    plain = source(table, "dataset", normalise=False)
    assert torch.equal(plain.inputs(whole[:, :OBSERVATION], whole[:, OBSERVATION:]), whole)


def test_the_actor_sees_what_the_batches_showed(table: Table) -> None:
    given = source(table, "dataset", normalise=True)
    seen: list[torch.Tensor] = []

    def act(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs)
        return inputs[:, :ACTION]

    actor = make_actor(DOMAIN, act, given.mean, given.std)
    observation, goal = table.rows[:, :OBSERVATION], table.goals
    action = actor(observation.double().numpy(), goal.double().numpy())
    expected = given.inputs(observation, goal[:, list(DOMAIN.agent_goal_columns)])
    assert torch.equal(seen[0], expected)
    assert action.dtype == np.float64
