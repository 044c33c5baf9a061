"""What the dynamics do with their columns: normalise them, or take them as they are."""

from __future__ import annotations

import torch
from dynamics_examples import INPUTS, exact_state, random_rows, reference, small_model
from spine_examples import OBSERVATION


def test_constant_columns_survive_normalisation() -> None:
    rows = random_rows(200)
    rows.inputs[:, 3], rows.inputs[:, INPUTS - 1] = 0.25, -1.0
    rows.next_observation[:, 3] = 0.25
    model = small_model("locally_factored")
    model.normalise_by(rows.inputs, rows.next_observation)
    for name, column in (("input", 3), ("input", INPUTS - 1), ("target", 3)):
        assert float(model.statistics[f"{name}_std"][column]) == 1.0
    target = model.normalised_targets(rows.inputs, rows.next_observation)
    assert torch.isfinite(target).all()
    assert (target[:, 3] == 0).all()
    back = model.next_observation(rows.inputs, target)
    torch.testing.assert_close(back, rows.next_observation, rtol=0, atol=1e-6)
    moving = [column for column in range(OBSERVATION) if column != 3]
    assert ((target[:, moving].std(dim=0) - 1).abs() < 1e-3).all()


def test_raw_columns_are_taken_and_predicted_as_they_are() -> None:
    rows = random_rows(200)
    model = small_model("locally_factored", normalise=False, targets="absolute")
    model.normalise_by(rows.inputs, rows.next_observation)
    assert torch.equal(model.normalised(rows.inputs), rows.inputs)
    targets = model.normalised_targets(rows.inputs, rows.next_observation)
    assert torch.equal(targets, rows.next_observation)
    members = model.settings.members
    mask = rows.mask.expand(members, *rows.mask.shape)
    raw = reference(
        "locally_factored",
        exact_state(model),
        rows.inputs.double().expand(members, -1, -1),
        mask,
        model.settings,
    )
    mean, _ = model.predict(rows.inputs.expand(members, -1, -1), mask)
    expected = raw[..., :OBSERVATION].detach()
    torch.testing.assert_close(mean.double(), expected, rtol=0, atol=1e-5)
