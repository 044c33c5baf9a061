"""The heuristic mask: norm, threshold, symmetry, and the graph on either side of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spine_examples import ACTION, DOMAIN, OBSERVATION, logged_rows

from mocoda.factors import mask_id
from mocoda.masks import MASKS
from mocoda.masks.heuristic import HeuristicMask, HeuristicMaskSettings

BOX_1, BOX_2 = (slice(6, 11), slice(11, 16))


def boxes_apart(x: float, y: float, z: float = 0.0) -> np.ndarray:
    """One observation whose boxes are (x, y, z) metres apart."""
    observation = np.zeros((1, OBSERVATION))
    observation[0, 6:9] = (1.8, 0.7, 0.425)
    observation[0, 11:14] = observation[0, 6:9] + (x, y, z)
    return observation


def dense(settings: HeuristicMaskSettings, observation: np.ndarray) -> bool:
    graph = HeuristicMask(settings, DOMAIN)(observation, np.zeros((1, ACTION)))
    assert graph.shape == (1, *DOMAIN.base_mask.shape)
    assert graph.dtype == bool
    everything = bool(graph.all())
    assert everything or (graph[0] == DOMAIN.base_mask).all()
    return everything


@pytest.mark.parametrize(
    ("norm", "x", "y", "expected"),
    [
        ("l2", 0.0699, 0.0, True),
        ("l2", 0.0701, 0.0, False),
        ("l2", 0.049, 0.049, True),  # 0.0693 apart
        ("l2", 0.050, 0.050, False),  # 0.0707 apart
        ("l1", 0.034, 0.035, True),
        ("l1", 0.036, 0.035, False),
        ("l1", 0.049, -0.049, False),
        ("l1", -0.0699, 0.0, True),
    ],
)
def test_norm_and_threshold(norm: str, x: float, y: float, expected: bool) -> None:
    settings = HeuristicMaskSettings(distance=0.07, norm=norm)
    assert dense(settings, boxes_apart(x, y)) is expected


def test_the_distance_is_a_setting() -> None:
    assert not dense(HeuristicMaskSettings(distance=0.05), boxes_apart(0.06, 0.0))
    assert dense(HeuristicMaskSettings(distance=0.10), boxes_apart(0.06, 0.0))


def test_only_the_plane_of_the_table_counts() -> None:
    assert dense(HeuristicMaskSettings(), boxes_apart(0.05, 0.0, z=0.5))


@given(x=st.floats(-0.2, 0.2), y=st.floats(-0.2, 0.2), norm=st.sampled_from(["l1", "l2"]))
def test_swapping_the_boxes_changes_nothing(x: float, y: float, norm: str) -> None:
    settings = HeuristicMaskSettings(norm=norm)
    observation = boxes_apart(x, y)
    swapped = observation.copy()
    swapped[:, BOX_1], swapped[:, BOX_2] = observation[:, BOX_2], observation[:, BOX_1]
    assert dense(settings, observation) == dense(settings, swapped)


def test_away_from_contact_no_box_depends_on_the_other() -> None:
    slots = DOMAIN.slots
    root = {name: number for number, name in enumerate(slots.root_names)}
    child = {name: number for number, name in enumerate(slots.child_names)}
    graph = HeuristicMask(HeuristicMaskSettings(), DOMAIN)(
        boxes_apart(0.3, 0.0), np.zeros((1, ACTION))
    )[0]
    assert not graph[root["box_1"], child["box_2"]]
    assert not graph[root["box_2"], child["box_1"]]
    assert not graph[root["box_1"], child["gripper"]]
    assert graph[root["action"]].all()
    assert all(graph[root[name], child[name]] for name in child)


@pytest.mark.parametrize("kind", ["heuristic", "dense"])
def test_a_stored_mask_gives_the_same_graphs(kind: str) -> None:
    variant, rows = MASKS[kind], logged_rows(40)
    near = rows.observation.copy()
    near[::3, 11:14] = near[::3, 6:9] + np.float32(0.02)
    rows = replace(rows, observation=near)
    settings = variant.settings.model_validate({"kind": kind})
    fitted = variant.fit(settings, DOMAIN, rows, 0)
    loaded = variant.load(settings, DOMAIN, fitted.tensors())
    expected = fitted(rows.observation, rows.action)
    np.testing.assert_array_equal(loaded(rows.observation, rows.action), expected)
    assert expected[::3].all()
    if kind == "heuristic":
        assert len(np.unique(mask_id(expected))) == 2
