"""The benchmarks: peers do the same work, contenders run in turn, tables of several runs merge."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from benchmarks import command, results, worker
from benchmarks.cases import CASES, agents, density, dynamics, parents
from benchmarks.cases.batches import make as make_batches
from benchmarks.figure import TARGET, draw
from benchmarks.peers.bcq import BCQ
from benchmarks.peers.dynamics import Ensemble
from benchmarks.timing import Case, Contender, Contest, compare, rates
from mocoda.domains import DOMAINS
from mocoda.dynamics.fitting import DynamicsLearner
from mocoda.errors import UserError
from mocoda.networks import StackedMlp

INPUT, ACTION, HIDDEN = 6, 3, (24, 16)
LOSSES = {
    "td3_bc": ("critic", "actor"),
    "bcq": ("critic",),
    "cql": ("critic", "actor"),
    "sac": ("critic", "actor"),
}


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


@torch.no_grad()
def take_over(networks: Iterable[nn.Module], stacked: StackedMlp) -> None:
    """Give each plain network the parameters of one head."""
    state = stacked.state()
    for head, network in enumerate(networks):
        for number, layer in enumerate(linear_layers(network)):
            layer.weight.copy_(state[f"{number}.weight"][head])
            layer.bias.copy_(state[f"{number}.bias"][head])


def pair(agent: str, **options: object):
    """Our agent in fp32 and the plain one with the same parameters and the same noise."""
    ours = agents.ours(agent, HIDDEN, INPUT, ACTION, "fp32")
    if agent == "td3_bc":
        ours.settings = ours.settings.model_copy(update={"smoothing_noise": 0.0})
        peer = agents.PEERS[agent](ours.settings, INPUT, ACTION)
        take_over([peer.actor], ours.actor)
        take_over([peer.target_actor], ours.target_actor)
    else:
        noise = torch.Generator()
        noise.set_state(ours.state()["noise"])
        peer = agents.PEERS[agent](ours.settings, INPUT, ACTION, noise, **options)
    if agent == "bcq":
        take_over(peer.behaviour, ours.behaviour.network)
        take_over([peer.critic], ours.critic)
        take_over([peer.target_critic], ours.target_critic)
    else:
        take_over([peer.actor], ours.actor)
        take_over([peer.critic_1, peer.critic_2], ours.critics)
        take_over([peer.target_1, peer.target_2], ours.target_critics)
    return ours, peer


@pytest.mark.parametrize("agent", sorted(LOSSES))
def test_plain_agents_do_the_same_work(agent: str) -> None:
    ours, peer = pair(agent)
    for batch in agents.random_batches(8, 32, INPUT, ACTION):
        mine, other = ours.update(batch), peer.update(batch)
        for name in LOSSES[agent]:
            expected = getattr(mine, name)
            if agent == "cql" and name == "critic":
                # Ours reports the parts of the critics' objective apart.
                expected = expected + ours.settings.conservative_weight * mine.conservative
            torch.testing.assert_close(other[name], expected, atol=1e-4, rtol=1e-4)
    # After updates of different weights, so are the parameters, targets too.
    for mine, other in (
        [(ours.target_critic, peer.target_critic)]
        if agent == "bcq"
        else [(ours.actor, peer.actor), (ours.target_critics, peer.target_1)]
    ):
        weight = linear_layers(other)[0].weight
        assert weight.detach().numpy() == pytest.approx(mine.state()["0.weight"][0], abs=1e-4)


def test_states_repeated_before_the_ensemble_give_the_same_proposals() -> None:
    _, once = pair("bcq")
    _, repeated = pair("bcq", repeat=True)
    batch = agents.random_batches(1, 16, INPUT, ACTION)[0]
    torch.testing.assert_close(once.propose(batch.input), repeated.propose(batch.input))
    assert isinstance(once, BCQ)


@pytest.mark.parametrize("name", ["hooksweep2", "nav2d"])
def test_plain_dynamics_do_the_same_work(name: str) -> None:
    domain = DOMAINS[name]
    rows = dynamics.training_rows(domain, 400)
    model = dynamics.ensemble(
        domain, "fp32", members=2, factored_hidden=(16, 16), composer_width=8, batch_size=32
    )
    model.normalise_by(rows.inputs, rows.next_observation)
    learner = DynamicsLearner(model, rows, rows, seed=0)
    peer = Ensemble(domain.slots, model.settings, model.statistics)
    with torch.no_grad():
        for number, member in enumerate(peer.members):
            copy_member(number, member, model, domain.slots)
    for batch in learner.batches(0, 6):
        mine, other = learner.update(batch), peer.update(batch)
        torch.testing.assert_close(other, mine.negative_log_likelihood, atol=1e-4, rtol=1e-4)
    # Without noise to speak of, members that are all alike predict the same child.
    observation, action, mask = dynamics.ROWS[name](domain, 50, np.random.default_rng(0))
    found = model.mean_prediction(observation, action, mask)
    alike = Ensemble(domain.slots, model.settings, model.statistics)
    alike.members = [peer.members[0]] * 2
    drawn = alike.sample(observation, action, mask, 1e9)
    other_rows = torch.from_numpy(np.concatenate([observation, action], axis=1))
    with torch.no_grad():
        mean, _ = peer.members[0](peer.normalised(other_rows), torch.from_numpy(mask))
    change = mean * model.statistics["target_std"] + model.statistics["target_mean"]
    np.testing.assert_allclose(drawn - observation, change.numpy(), atol=1e-5)
    assert (drawn.shape, drawn.dtype) == (found.shape, found.dtype)


def copy_member(number: int, member: nn.Module, model, slots) -> None:
    """Our padded roots and children to the plain ones, which have no padding."""
    roots, children = len(slots.root_columns), len(slots.state)
    composer = model.architecture.networks["composer"].state()
    network = model.architecture.networks["network"].state()
    width = model.layout.child_width
    for root, layer in enumerate(member.roots):
        head = number * roots + root
        layer.weight.copy_(composer["0.weight"][head][:, : layer.in_features])
        layer.bias.copy_(composer["0.bias"][head])
    for child, plain in enumerate(member.networks):
        head, columns = number * children + child, len(slots.state[child].columns)
        kept = [*range(columns), *range(width, width + columns)]
        layers = linear_layers(plain)
        for place, layer in enumerate(layers):
            chosen = kept if layer is layers[-1] else slice(None)
            layer.weight.copy_(network[f"{place}.weight"][head][chosen])
            layer.bias.copy_(network[f"{place}.bias"][head][chosen])


def test_contenders_run_in_turn_and_as_often_in_each_round() -> None:
    ran: list[tuple[str, int]] = []

    def contender(name: str, each: float) -> Contender:
        def seconds(repetitions: int) -> float:
            ran.append((name, repetitions))
            return repetitions * each

        return Contender(name, seconds)

    field = [contender("ours", 0.01), contender("first", 0.02), contender("second", 5.0)]
    found = rates(field, rounds=3, seconds=1.0)
    assert ran[-9:] == [("ours", 100), ("first", 50), ("second", 1)] * 3
    assert found["ours"] == pytest.approx([100.0] * 3)
    assert found["second"] == pytest.approx([0.2] * 3)
    ran.clear()
    rates(field, rounds=2, seconds=1.0, warm_up=False)
    assert ran == [("ours", 1), ("first", 1), ("second", 1)] * 2


def test_ratios_are_taken_within_a_round() -> None:
    # The machine is half as fast in the middle round: rates suffer, ratios do not.
    found = compare([80.0, 40.0, 88.0], [20.0, 10.0, 20.0])
    assert (found.ours, found.peer) == (80.0, 20.0)
    assert (found.ratio, found.lowest, found.highest) == (4.0, 4.0, 4.4)


def case(name: str = "a", **changes: object) -> Case:
    def make() -> Contest:
        seconds = {"bf16": 0.5, "fp32": 1.0, "plain": 2.0}
        made = [Contender(key, lambda n, s=s: n * s) for key, s in seconds.items()]
        return Contest(made[:2], made[2:], lambda ours, peer: f"{ours} and {peer}")

    options = {"units": 10.0, "targets": {("bf16", "plain"): 3.0}, "make": make, **changes}
    return Case(name, f"operation {name}", "shape", "rows/s", **options)  # type: ignore[arg-type]


def test_rows_say_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.9, 0.9, 0.9))
    rows = command.run_case(case(), rounds=2, seconds=1.0)
    table = tmp_path / "table.csv"
    results.write(results.merged(results.read(table), rows), table)
    frame = results.read(table)
    assert list(frame.columns) == results.COLUMNS
    assert list(frame["ours"]) == ["bf16", "fp32"]
    assert list(frame["ours_measured"]) == [20.0, 10.0]
    assert list(frame["peer_measured"]) == [5.0, 5.0]
    assert list(frame["ratio"]) == [4.0, 2.0]
    assert frame["target_ratio"][0] == 3.0
    assert pd.isna(frame["target_ratio"][1])
    assert list(frame["note"]) == ["bf16 and plain", "fp32 and plain"]
    assert frame["processor"][0] == results.processor()
    monkeypatch.setattr(os, "getloadavg", lambda: (6.5, 0.9, 0.9))
    assert "load 6.5" in str(command.run_case(case(), 1, 1.0)[0]["note"])
    # A row that is measured again replaces the old one; the others stay.
    others = command.run_case(case("b"), rounds=1, seconds=1.0)
    both = results.merged(frame, others)
    again = results.merged(both, [{**rows[1], "ratio": 7.0}])
    assert list(again["operation"]) == ["operation a"] * 2 + ["operation b"] * 2
    assert list(again["ratio"]) == [4.0, 7.0, 4.0, 2.0]


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    for text in ("a,b\n1,2\n", ""):
        (tmp_path / "table.csv").write_text(text)
        with pytest.raises(UserError, match="a table of benchmarks"):
            results.read(tmp_path / "table.csv")


def test_the_figure_shows_each_ratio_and_target() -> None:
    rows = command.run_case(case(), 1, 1.0) + command.run_case(case("b", targets={}), 1, 1.0)
    axes = draw(results.merged(pd.DataFrame(columns=results.COLUMNS), rows)).axes[0]
    assert axes.get_xscale() == "log"
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in points] == [4.0, 2.0, 4.0, 2.0]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_label() == TARGET] == [3.0]


def test_a_run_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(agents, "BATCHES", 2)
    given = ["--only", "sac_2x512", "--rounds", "1", "--seconds", "0.05", "--output", str(tmp_path)]
    assert command.main(given) == 0
    frame = results.read(tmp_path / "benchmarks.csv")
    assert set(frame["peer"]) == {"PyTorch", "PyTorch, critics frozen"}
    assert "fp32" in set(frame["ours"])
    assert (frame["ratio"] > 0).all()
    assert (tmp_path / "benchmarks.png").stat().st_size > 1000
    # Peers that are not installed are named, with what installs them.
    assert "make bench-peers" in capsys.readouterr().err


def test_a_mistyped_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "td3_cb_3x512"]) == 1
    assert "Did you mean 'td3_bc_3x512'?" in capsys.readouterr().err


def test_names_are_unique_and_groups_stand_for_their_cases() -> None:
    every = [case.name for group in CASES.values() for case in group]
    assert len(every) == len(set(every))
    assert not set(every) & set(CASES)
    assert command.chosen_cases(["agents"]) == CASES["agents"]
    assert [case.name for case in command.chosen_cases([])] == every


def test_notes_compare_the_results_of_both_sides() -> None:
    contest = density.make(support=300, queries=600)
    rates([*contest.ours, *contest.peers], 1, 0.0, warm_up=False)
    note = contest.note("fp32", "scikit-learn")
    assert float(note.split("probability ")[1].split()[0]) <= 1e-3
    contest = parents.make_fit(rows=1500, held_out=300)
    rates([*contest.ours, *contest.peers], 1, 0.0, warm_up=False)
    words = contest.note("fp64", "scikit-learn").replace(",", "").split()
    ours, peer = (float(words[words.index(key) + 1]) for key in ("row", "scikit-learn"))
    # Few rows and 32 components: both overfit, alike.
    assert ours == pytest.approx(peer, abs=5.0)


def test_small_contests_run() -> None:
    for contest in (make_batches(rows=5000), parents.make_sampling()):
        found = rates([*contest.ours, *contest.peers], 1, 0.0, warm_up=False)
        assert all(value > 0 for values in found.values() for value in values)


ECHO = """
from benchmarks.worker_protocol import serve
def make(settings):
    print("more noise", flush=True)
    return settings["name"], lambda repetitions: settings["each"] * repetitions
serve(make)
"""


def test_a_worker_answers_and_its_failure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ROOT", tmp_path)
    (tmp_path / "echo.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", str(Path(command.__file__).parent.parent))
    python = Path(sys.executable)
    running = worker.Worker(python, "echo", {"name": "a peer", "each": 0.25})
    assert running.description == "a peer"
    assert [running.seconds(4), running.seconds(2)] == [1.0, 0.5]
    running.close()
    with pytest.raises(UserError, match="make bench-peers"):
        worker.Worker(python, "echo", {})
