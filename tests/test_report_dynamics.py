"""What the cards and reports of the first stages tell, against the rows themselves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from chain_examples import Chain, make_chain
from dynamics_examples import small_settings
from spine_examples import DOMAIN, logged_rows

from mocoda.artifacts import read_json
from mocoda.dynamics.settings import DynamicsSettings
from mocoda.stages.report_dynamics import report_dynamics
from mocoda.stages.train_dynamics import load_dynamics, split_rows
from mocoda.stores import read_transitions, write_transitions


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return make_chain(tmp_path_factory.mktemp("chain"))


def test_the_cards_of_the_stages_before_tell_what_they_hold(chain: Chain) -> None:
    mask = read_json(chain.folder / "mask.json")
    assert sum(graph["share"] for graph in mask["local_graphs"]) == pytest.approx(1.0)
    assert mask["roots"] == list(DOMAIN.slots.root_names)
    card = read_json(chain.folder / "locally_factored.json")
    assert card["updates"] == 20
    assert [entry["updates"] for entry in card["validation"]] == [10, 20]
    parents = read_json(chain.folder / "parents.json")
    assert parents["parent_sets"] == [list(names) for names in DOMAIN.parent_sets]


def test_the_report_is_the_error_on_rows_that_chose_nothing(chain: Chain) -> None:
    two_box = logged_rows(50, "two-box")
    write_transitions(chain.folder / "oracle", chain.folder / "oracle.json", two_box, {})
    job = chain.job("report_dynamics", DynamicsSettings(), {"errors": "errors.json"}, "unfactored")
    names = {"oracle_store": "oracle", "oracle_manifest": "oracle.json"}
    oracle = {name: str(chain.folder / file) for name, file in names.items()}
    report_dynamics(replace(job, inputs={**job.inputs, **oracle}))
    report = read_json(job.outputs["errors"])
    assert set(report) == {"held-out", "two-box"}
    assert set(report["held-out"]) == {"gripper", "box_1", "box_2"}
    assert "position" not in report["held-out"]["gripper"]

    model = load_dynamics(job.inputs["dynamics_card"], job.inputs["dynamics"], DOMAIN)
    dense = np.ones((50, len(DOMAIN.slots.root_names), len(DOMAIN.slots.state)), dtype=bool)
    predicted = model.mean_prediction(two_box.observation, two_box.action, dense)
    off = predicted[:, 6:8] - two_box.next_observation[:, 6:8]
    expected = math.sqrt(sum(float(np.dot(row, row)) for row in off) / 50)
    assert report["two-box"]["box_1"]["position"] == pytest.approx(expected, rel=1e-4)

    real = read_transitions(job.inputs["manifest"], job.inputs["store"])
    split = split_rows(DOMAIN, real, small_settings("auto", updates=20), job.seed)
    parts = [set(real.episode[rows]) for rows in (split.training, split.watched, split.reported)]
    assert not set(split.watched) & set(split.reported)
    assert not parts[0] & (parts[1] | parts[2])
