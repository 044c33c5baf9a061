"""SANDy's masks: bounds and attention that are what they claim, edges found without the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.functional import jacobian

from mocoda.artifacts import read_tensors, write_tensors
from mocoda.checkpoints import Checkpoint
from mocoda.domains.nav2d import NAV2D
from mocoda.domains.nav2d.task import in_quadrant
from mocoda.errors import UserError
from mocoda.factors import Slot, Slots
from mocoda.masks import MASKS
from mocoda.masks.base import ScoredMask
from mocoda.masks.learned import LearnedMask
from mocoda.masks.quality import auc, precision_recall
from mocoda.masks.sandy_mixture import SandyMixture, SandyMixtureSettings
from mocoda.masks.sandy_transformer import SandyTransformer, SandyTransformerSettings
from mocoda.transitions import Provenance, Transitions

# Two slots of different widths, in mixed order, and an action each would need.
SLOTS = Slots(
    state=(Slot("wide", (2, 0)), Slot("narrow", (1,))),
    action=(Slot("push", (1,)), Slot("pull", (0,))),
)
DOMAIN = replace(NAV2D, name="two_slots", slots=SLOTS)
# wide <- wide, push; narrow <- narrow, wide, pull. Transposed it would be another graph.
TRUTH = np.array([[1, 1], [0, 1], [1, 0], [0, 1]], dtype=bool)
SMALL: dict[str, dict[str, Any]] = {
    "sandy_mixture": {"experts": 2, "expert_width": 32, "gate_width": 16, "updates": 1500}
    | {"batch_size": 256, "target": "next_state", "jacobian_penalty": 0.03, "weight_penalty": 0.1},
    "sandy_transformer": {"width": 32, "updates": 2000, "batch_size": 128}
    | {"attention_penalty": 0.01, "learning_rate_decay_start": 0.5},
}
KINDS = tuple(SMALL)


def factored_rows(count: int = 3000) -> Transitions:
    """Random states, each followed by what `TRUTH` says it depends on and nothing else."""
    generator = np.random.default_rng(7)
    state = generator.standard_normal((count, 3)).astype(np.float32)
    action = generator.uniform(-1, 1, (count, 2)).astype(np.float32)
    following = np.stack(
        [
            0.8 * state[:, 0] + 0.9 * action[:, 1],
            0.7 * state[:, 1] + 0.8 * np.sin(state[:, 2]) - 0.9 * action[:, 0],
            np.sin(state[:, 2]) + 0.8 * action[:, 1],
        ],
        axis=1,
    ).astype(np.float32)
    return Transitions(
        observation=state,
        action=action,
        next_observation=following,
        goal=np.zeros((count, 0), np.float32),
        reward=np.zeros(count, np.float32),
        terminated=np.zeros(count, bool),
        truncated=np.zeros(count, bool),
        episode=np.arange(count) // 10,
        step=(np.arange(count) % 10).astype(np.int32),
        provenance=np.full(count, Provenance.REAL, dtype=np.uint8),
    )


def same_bytes(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    assert one.keys() == other.keys()
    return all(
        value.detach().numpy().tobytes() == other[name].detach().numpy().tobytes()
        for name, value in one.items()
    )


def learn(kind: str, rows: Transitions, seed: int = 0, **changed: Any) -> LearnedMask:
    variant = MASKS[kind]
    settings = variant.settings.model_validate({"kind": kind, **SMALL[kind], **changed})
    mask = variant.fit(settings, DOMAIN, rows, seed)
    assert isinstance(mask, LearnedMask)
    return mask


@pytest.fixture(scope="module", params=KINDS)
def learned(request: pytest.FixtureRequest) -> LearnedMask:
    return learn(request.param, factored_rows())


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_no_expert_has_a_derivative_above_its_bound(layers: int) -> None:
    settings = SandyMixtureSettings(experts=3, expert_width=16, expert_layers=layers)
    network = SandyMixture(SLOTS, settings, torch.Generator().manual_seed(layers))
    bounds = network.expert_bounds().detach()
    assert bounds.shape == (3, 5, 3)
    for seed in range(20):
        point = 3 * torch.randn(1, 5, generator=torch.Generator().manual_seed(seed))
        for expert in range(3):

            def output(x: torch.Tensor, expert: int = expert) -> torch.Tensor:
                with_gates = network.log_gates
                only = torch.full((1, 3), -torch.inf)
                only[0, expert] = 0.0
                network.log_gates = lambda context: only  # type: ignore[method-assign]
                try:
                    return network.predict(x, x)[0]
                finally:
                    network.log_gates = with_gates  # type: ignore[method-assign]

            derivative = jacobian(output, point)[:, 0].mT
            assert (derivative.abs() <= bounds[expert] * (1 + 1e-5)).all()
            if layers == 0:  # a linear map's bound is its slope
                torch.testing.assert_close(derivative.abs(), bounds[expert])


def test_the_bound_of_the_mixture_is_the_one_of_the_paper() -> None:
    settings = SandyMixtureSettings(experts=2, expert_width=8, gate_width=4)
    network = SandyMixture(SLOTS, settings, torch.Generator().manual_seed(0))
    values = {name: value.detach().numpy() for name, value in network.parameters.items()}
    inputs = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    hidden = np.maximum(inputs @ values["gate.0.weight"] + values["gate.0.bias"], 0)
    logits = hidden @ values["gate.1.weight"] + values["gate.1.bias"]
    gates = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.zeros((6, 5, 3))
    for expert in range(2):
        product = np.eye(5)
        for layer in range(3):
            product = product @ np.abs(values[f"expert.{layer}.weight"][expert])
        expected += gates[:, expert, None, None] * product
    found = network.edges(torch.from_numpy(inputs)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_attention_and_its_product_sum_to_one() -> None:
    settings = SandyTransformerSettings(width=16, blocks=3)
    network = SandyTransformer(SLOTS, settings, torch.Generator().manual_seed(0))
    inputs = 5 * torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    attention, _ = network.attend(inputs)
    assert len(attention) == 3
    for weights in (*attention, network.path(attention)):
        assert weights.shape == (7, 4, 4)
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(7, 4))
    # From root to child: a child's edges sum to one, a root's need not.
    torch.testing.assert_close(network.edges(inputs).sum(dim=1), torch.ones(7, 2))


def test_no_attention_is_exactly_no_influence() -> None:
    settings = SandyTransformerSettings(width=16)
    network = SandyTransformer(SLOTS, settings, torch.Generator().manual_seed(0))
    attention = torch.tensor([[0.5, 0, 0.5, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    network.attend = lambda context: ([attention] * 2, context)  # type: ignore[method-assign]
    inputs = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    changed = inputs.clone()
    changed[:, [1, 3]] += 1.0  # narrow and pull
    before, after = network.predict(inputs, inputs), network.predict(changed, inputs)
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.isclose(before[:, 1], after[:, 1]).any()


def test_the_graph_is_found_without_the_truth(learned: LearnedMask) -> None:
    rows = factored_rows()
    truth = np.broadcast_to(TRUTH, (len(rows), *TRUTH.shape))
    scores = learned.scores(rows.observation, rows.action)
    assert scores.dtype == np.float32
    assert (scores >= 0).all()
    assert auc(scores, truth) > 0.95
    graphs = learned(rows.observation, rows.action)
    np.testing.assert_array_equal(graphs, scores > learned.threshold.numpy())
    found = precision_recall(graphs, truth)
    assert found.precision > 0.9
    assert found.recall > 0.9


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("kind", KINDS)
def test_a_slot_that_rests_is_its_own_parent(kind: str, noise: float) -> None:
    """Nothing explains the difference of a slot that rests, but its next state is its state."""
    rows = factored_rows(1000)
    moved = rows.next_observation.copy()
    shaken = np.random.default_rng(1).standard_normal(len(moved)).astype(np.float32)
    moved[:, 1] = rows.observation[:, 1] + np.float32(noise) * shaken
    short = {"updates": 150, "target": "difference"}
    mask = learn(kind, replace(rows, next_observation=moved), **short)
    graphs = mask(rows.observation, rows.action)
    assert graphs[:, 1, 1].all()
    assert graphs[:, 0, 0].all()
    assert not graphs[:, :, 1].all()


def test_edges_go_from_roots_to_children(learned: LearnedMask) -> None:
    rows = factored_rows()
    scores = learned.scores(rows.observation, rows.action).mean(axis=0)
    wide, narrow = 0, 1
    assert scores[wide, narrow] > 3 * scores[narrow, wide]


def test_a_stored_mask_gives_the_same_bytes(learned: LearnedMask, tmp_path: Path) -> None:
    rows = factored_rows()
    write_tensors(tmp_path / "mask.safetensors", learned.tensors())
    tensors = read_tensors(tmp_path / "mask.safetensors")
    variant = MASKS[learned.settings.kind]  # type: ignore[attr-defined]
    loaded = variant.load(learned.settings, DOMAIN, tensors)
    assert isinstance(loaded, ScoredMask)
    for one, other in (
        (learned.scores(rows.observation, rows.action), loaded.scores),
        (learned(rows.observation, rows.action), loaded),
    ):
        assert one.tobytes() == other(rows.observation, rows.action).tobytes()  # type: ignore[operator]
    assert loaded.facts() == learned.facts()
    del tensors["scale.input_mean"]
    with pytest.raises(UserError, match="names or shapes"):
        variant.load(learned.settings, DOMAIN, tensors)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    rows = factored_rows(300)
    first = learn(kind, rows, seed=3, updates=120).tensors()
    assert same_bytes(first, learn(kind, rows, seed=3, updates=120).tensors())
    other = learn(kind, rows, seed=4, updates=120).tensors()
    assert not same_bytes(first, other)

    # A killed job goes on to the same bytes.
    class KilledError(Exception):
        pass

    class Dies(Checkpoint):
        def save(self, state: dict[str, torch.Tensor]) -> None:
            super().save(state)
            raise KilledError

    variant = MASKS[kind]
    settings = variant.settings.model_validate({"kind": kind, **SMALL[kind], "updates": 120})
    assert variant.learn is not None
    with pytest.raises(KilledError):
        variant.learn(settings, DOMAIN, rows, 3, print, Dies(tmp_path, 0.0))
    resumed = variant.learn(settings, DOMAIN, rows, 3, print, Checkpoint(tmp_path, 1e9))
    assert same_bytes(first, resumed.tensors())


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_not_finite_are_refused(kind: str) -> None:
    rows = factored_rows(100)
    rows.next_observation[17, 1] = np.nan
    with pytest.raises(UserError, match=r"next_observation.*row 17"):
        learn(kind, rows)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_explodes_is_told(kind: str) -> None:
    with pytest.raises(UserError, match="learning_rate"):
        learn(kind, factored_rows(100), learning_rate=1e30, updates=100)


def test_one_episode_is_refused() -> None:
    with pytest.raises(UserError, match="two episodes"):
        learn("sandy_mixture", factored_rows(10))


def test_a_given_threshold_is_taken() -> None:
    mask = learn("sandy_mixture", factored_rows(100), updates=1, threshold=0.25)
    assert mask.threshold.tolist() == [0.25, 0.25]


def test_in_nav2d_the_axes_are_coupled_in_the_quadrant() -> None:
    generator = np.random.default_rng(0)
    state, action = (generator.uniform(low, 1, (6000, 2)).astype(np.float32) for low in (0, -1))
    assert NAV2D.true_dynamics is not None
    rows = replace(
        factored_rows(6000),
        observation=state,
        action=action,
        next_observation=NAV2D.true_dynamics(state, action),
    )
    settings = SandyMixtureSettings.model_validate(
        {"experts": 4, "expert_width": 64, "gate_width": 64, "jacobian_penalty": 3e-3}
        | {"weight_penalty": 3e-3, "updates": 1500, "batch_size": 200, "learning_rate": 3e-3}
        | {"threshold_tolerance": 1.0}
    )
    mask = MASKS["sandy_mixture"].fit(settings, NAV2D, rows, 0)
    assert isinstance(mask, LearnedMask)
    scores, inside = mask.scores(rows.observation, rows.action), in_quadrant(rows.observation)
    # Roots x, y, move_x, move_y: each axis' influence, and each move's, on the other axis.
    for root, axis in ((0, 1), (1, 0), (2, 1), (3, 0)):
        assert scores[inside, root, axis].mean() > 1.25 * scores[~inside, root, axis].mean()
    # Chosen without the truth.
    assert NAV2D.true_mask is not None
    found = precision_recall(mask(state, action), NAV2D.true_mask(state, action))
    assert found.precision > 0.9
    assert found.recall > 0.8
