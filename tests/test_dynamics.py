"""The dynamics: exactly no influence where the mask is 0, exact gradients, honest sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dynamics_examples import (
    BASE,
    CHILDREN,
    INPUTS,
    ROOTS,
    SLOTS,
    exact_state,
    gradients,
    random_mask,
    random_rows,
    reference,
    small_model,
)
from scipy import stats
from spine_examples import OBSERVATION
from torch import Tensor

from mocoda.dynamics import DYNAMICS
from mocoda.dynamics.ensemble import GaussianEnsemble
from mocoda.dynamics.fitting import DynamicsLearner
from mocoda.networks import Precision
from mocoda.seeding import torch_generator

MEMBERS, BATCH = 2, 24
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
ACTIVATIONS = ("relu", "none")
# Each architecture, the masked composer with and without its ReLU.
MODELS = [(kind, "relu") for kind in DYNAMICS] + [("locally_factored", "none")]


def random_inputs(name: object = "inputs") -> Tensor:
    return torch.randn(MEMBERS, BATCH, INPUTS, generator=torch_generator(name))


def bits(prediction: tuple[Tensor, Tensor]) -> np.ndarray:
    """Mean and variance [members, batch, obs, 2] as whole numbers, so that -0 is not 0."""
    return torch.stack(prediction, dim=-1).numpy().view(np.int32)


def influence(model: GaussianEnsemble, mask: Tensor, root: int) -> np.ndarray:
    """bool [members, batch, children]: whether any bit of a child changes with a root."""
    inputs = random_inputs()
    columns = list(SLOTS.root_columns[root])
    before = bits(model.predict(inputs, mask))
    changed = np.zeros((MEMBERS, BATCH, CHILDREN), dtype=bool)
    for scale in (1.0, 1e4):  # a huge value must not leak either
        other = inputs.clone()
        other[..., columns] = scale * random_inputs(("other", root))[..., columns]
        differs = (bits(model.predict(other, mask)) != before).any(axis=-1)
        for child, slot in enumerate(SLOTS.state):
            changed[..., child] |= differs[..., list(slot.columns)].any(axis=-1)
    return changed


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("root", range(ROOTS))
@torch.no_grad()
def test_a_masked_root_has_exactly_no_influence_in_the_masked_composer(
    precision: Precision, root: int, activation: str
) -> None:
    mask = random_mask(MEMBERS, BATCH)
    model = small_model("locally_factored", precision, composer_activation=activation)
    found = influence(model, mask, root)
    np.testing.assert_array_equal(found, mask[:, :, root].numpy())


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("root", range(ROOTS))
@torch.no_grad()
def test_only_parents_in_the_base_graph_count_in_the_globally_factored_model(
    precision: Precision, root: int
) -> None:
    found = influence(
        small_model("globally_factored", precision), random_mask(MEMBERS, BATCH), root
    )
    np.testing.assert_array_equal(found, np.broadcast_to(BASE[root].numpy(), found.shape))


@torch.no_grad()
def test_everything_counts_in_the_unfactored_model() -> None:
    """The control: the test above can see influence."""
    for root in range(ROOTS):
        assert influence(small_model("unfactored"), random_mask(MEMBERS, BATCH), root).all()


@torch.no_grad()
def test_the_mask_itself_counts_where_it_should() -> None:
    inputs, ones = random_inputs(), torch.ones(MEMBERS, BATCH, ROOTS, CHILDREN, dtype=torch.bool)
    for kind in DYNAMICS:
        model = small_model(kind)
        same = (bits(model.predict(inputs, ones)) == bits(model.predict(inputs, ~ones))).all()
        assert same == (kind != "locally_factored")


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_gradient_of_a_masked_roots_weights_is_exactly_zero(
    precision: Precision, activation: str
) -> None:
    """Root 1 never reaches child 2: of its weights, exactly those for child 2 get no gradient."""
    model = small_model("locally_factored", precision, composer_activation=activation)
    mask = torch.ones(MEMBERS, BATCH, ROOTS, CHILDREN, dtype=torch.bool)
    mask[:, :, 1, 2] = False
    inputs = random_inputs()
    model.accumulate(inputs, mask, inputs[..., :OBSERVATION] + 1)
    found = gradients(model.architecture.networks["composer"])
    width = model.settings.composer_width
    for name in ("0.weight", "0.bias"):
        by_root = found[name].view(MEMBERS, ROOTS, CHILDREN, width, -1)
        reached = (by_root != 0).any(dim=-1).any(dim=-1)
        expected = torch.ones(MEMBERS, ROOTS, CHILDREN, dtype=torch.bool)
        expected[:, 1, 2] = False
        assert torch.equal(reached, expected), name


@pytest.mark.parametrize(("kind", "activation"), MODELS)
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 8e-2)])
def test_outputs_and_gradients_are_those_of_autograd_in_float64(
    kind: str, activation: str, precision: Precision, tolerance: float
) -> None:
    """Through the plain re-implementation and the likelihood in autograd's own operations."""
    model = small_model(kind, precision, composer_activation=activation)
    inputs, mask = random_inputs(), random_mask(MEMBERS, BATCH)
    after = inputs[..., :OBSERVATION] + random_inputs("after")[..., :OBSERVATION]
    state = exact_state(model)
    exact = reference(kind, state, inputs.double(), mask, model.settings)
    mean, raw = exact.chunk(2, dim=-1)
    variance = torch.nn.functional.softplus(raw) + model.settings.variance_floor
    target = model.normalised_targets(inputs, after).double()
    loss = 0.5 * ((mean - target) ** 2 / variance + variance.log())
    loss.mean(dim=(1, 2)).sum().backward()

    found_raw = model.architecture(inputs, mask)
    torch.testing.assert_close(found_raw.double(), exact.detach(), rtol=0, atol=tolerance)
    found_loss, _ = model.accumulate(inputs, mask, after)
    assert float(found_loss) == pytest.approx(float(loss.mean().detach()), rel=tolerance)
    for name, network in model.architecture.networks.items():
        found = gradients(network)
        for key, value in state[name].items():
            assert value.grad is not None
            difference = (found[key].double() - value.grad).norm() / value.grad.norm()
            assert difference < tolerance, f"{name}.{key}: {difference}"


def test_gradients_add_up_until_the_optimiser_clears_them() -> None:
    model = small_model("locally_factored")
    inputs, mask = random_inputs(), random_mask(MEMBERS, BATCH)
    after = random_inputs("after")[..., :OBSERVATION]
    model.accumulate(inputs, mask, after)
    once = {name: n.gradient.clone() for name, n in model.architecture.networks.items()}
    model.accumulate(inputs, mask, after)
    for name, network in model.architecture.networks.items():
        torch.testing.assert_close(network.gradient, 2 * once[name])


@pytest.mark.parametrize("kind", list(DYNAMICS))
@pytest.mark.parametrize("targets", ["difference", "absolute"])
def test_the_loss_is_the_gaussian_negative_log_likelihood(kind: str, targets: str) -> None:
    """Against SciPy's normal density in float64, on the plain re-implementation's outputs."""
    model = small_model(kind, targets=targets, variance_floor=1e-3)
    rows = random_rows(500)
    model.normalise_by(rows.inputs, rows.next_observation)
    learner = DynamicsLearner(model, rows, random_rows(50), seed=0)
    batch = learner.batches(0, 1)[0]

    inputs, after = (rows.inputs.double().numpy(), rows.next_observation.double().numpy())
    target = after - inputs[:, :OBSERVATION] if targets == "difference" else after
    shift, scale = target.mean(axis=0), target.std(axis=0, ddof=1)
    batch_inputs = batch.inputs.double().numpy()
    batch_after = batch.next_observation.double().numpy()
    observed = batch_after - (batch_inputs[..., :OBSERVATION] if targets == "difference" else 0)
    observed = (observed - shift) / scale
    normal = (batch_inputs - inputs.mean(axis=0)) / inputs.std(axis=0, ddof=1)
    with torch.no_grad():
        raw = reference(
            kind,
            exact_state(model),
            torch.from_numpy(normal),
            batch.mask,
            model.settings,
        ).numpy()
    mean, raw_variance = raw[..., :OBSERVATION], raw[..., OBSERVATION:]
    variance = np.logaddexp(0, raw_variance) + 1e-3
    density = stats.norm(mean, np.sqrt(variance)).logpdf(observed)
    expected = -density.mean() - 0.5 * np.log(2 * np.pi)  # the constant is left out

    losses = learner.update(batch)
    assert float(losses.negative_log_likelihood) == pytest.approx(expected, rel=1e-4)
    assert float(losses.squared_error) == pytest.approx(((mean - observed) ** 2).mean(), rel=1e-4)


def one_row(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same observation, action and graph, many times."""
    row = random_inputs("one row")[0, :1].expand(count, INPUTS).numpy()
    mask = np.broadcast_to(BASE.numpy(), (count, ROOTS, CHILDREN)).copy()
    return row[:, :OBSERVATION].copy(), row[:, OBSERVATION:].copy(), mask


@pytest.mark.parametrize("divisor", [1.0, 3.0])
def test_samples_have_the_predicted_mean_and_the_divided_deviation(divisor: float) -> None:
    model = small_model("locally_factored", members=1)
    model.statistics["target_std"] = torch.linspace(0.1, 2.0, OBSERVATION)
    model.statistics["target_mean"] = torch.linspace(-1.0, 1.0, OBSERVATION)
    count = 20_000
    observation, action, mask = one_row(count)
    drawn = model.sample(observation, action, mask, divisor, torch_generator("sample"))
    inputs = torch.from_numpy(np.concatenate([observation[:1], action[:1]], axis=1))
    with torch.no_grad():
        _, variance = model.predict(inputs[None], torch.from_numpy(mask[:1])[None])
    deviation = (variance[0, 0].sqrt() * model.statistics["target_std"]).numpy() / divisor
    centre = model.mean_prediction(observation[:1], action[:1], mask[:1])[0]
    # Five standard errors of a mean and of a standard deviation.
    assert (np.abs(drawn.mean(axis=0) - centre) < 5 * deviation / np.sqrt(count)).all()
    assert (np.abs(drawn.std(axis=0) / deviation - 1) < 5 / np.sqrt(2 * count)).all()
    correlation = np.corrcoef(drawn.T) - np.eye(OBSERVATION)
    assert np.abs(correlation).max() < 5 / np.sqrt(count)


def told_apart(members: int) -> GaussianEnsemble:
    """A model whose member m predicts 1000 m in the first column, roughly."""
    model = small_model("unfactored", members=members, targets="absolute")
    network = model.architecture.networks["network"]
    state = network.state()
    state["2.bias"][:, 0] = 1000.0 * torch.arange(members)
    network.load_state(state)
    return model


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7, 1003])
def test_each_member_gets_an_equal_share_of_the_rows_in_random_order(count: int) -> None:
    model = told_apart(members=5)
    drawn = model.sample(*one_row(count), 3.0, torch_generator("deal"))
    assert drawn.shape == (count, OBSERVATION)
    assert np.isfinite(drawn).all()
    member = np.rint(drawn[:, 0] / 1000).astype(int)
    shares = np.bincount(member, minlength=5)
    assert len(shares) == 5
    assert shares.max() - shares.min() <= 1
    if count == 1003:
        assert not (np.diff(member) == 0).all()
        assert len(np.unique(member[:50])) == 5


def test_samples_are_deterministic_under_their_generator() -> None:
    model = small_model("locally_factored", "auto")
    given = one_row(101)
    first = model.sample(*given, 3.0, torch_generator("a"))
    assert first.tobytes() == model.sample(*given, 3.0, torch_generator("a")).tobytes()
    assert first.tobytes() != model.sample(*given, 3.0, torch_generator("b")).tobytes()


def test_stored_tensors_make_the_same_model_again() -> None:
    for kind in DYNAMICS:
        model, other = small_model(kind), small_model(kind)
        rows = random_rows(100)
        model.normalise_by(rows.inputs, rows.next_observation)
        for network in other.architecture.networks.values():
            network.parameters.detach().zero_()
            network.refresh()
        other.load_tensors(model.tensors())
        inputs, mask = random_inputs(), random_mask(MEMBERS, BATCH)
        with torch.no_grad():
            np.testing.assert_array_equal(
                bits(model.predict(inputs, mask)), bits(other.predict(inputs, mask))
            )
