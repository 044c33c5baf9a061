"""Scales that change one thing each, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from spine_examples import shipped_config

from mocoda.artifacts import canonical_json
from mocoda.config import load
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.stages.compare_ablations import compare_ablations
from mocoda.tables.ablations import Ablation, ablations_markdown, set_beside
from mocoda.tables.columns import long_form
from mocoda.workflow import ablations, ablations_text


def rows_of(mean: float, cells: list[tuple[str, str, str]], scale: str) -> pd.DataFrame:
    metrics = [
        ("success rate", "%", 1.0),
        ("success rate, away", "%", 2.0),
        ("return", "reward", 3.0),
    ]
    rows: list[dict[str, Any]] = [
        {
            "agent": agent,
            "distribution": distribution,
            "dynamics": dynamics,
            "scale": scale,
            "metric": metric,
            "unit": unit,
            "mean": mean + add,
            "ci_low": mean - 1,
            "ci_high": mean + 1,
            "seeds": 3,
            "episodes": 300,
            "updates": 20000,
        }
        for agent, distribution, dynamics in cells
        for metric, unit, add in metrics
    ]
    oracle = {"agent": "scripted oracle", "distribution": "-", "dynamics": "-", "scale": scale}
    rows.append({**oracle, "metric": "success rate", "unit": "%", "mean": 99.0})
    return long_form(rows)


MOCODA_P = ("td3_bc", "mocoda_p", "locally_factored")
WHOLE = [("bcq", "emp", "none"), ("td3_bc", "emp", "none"), MOCODA_P]


@pytest.fixture
def compared() -> list[Ablation]:
    return [
        Ablation("demo", "as it stands", rows_of(80.0, WHOLE, "demo")),
        Ablation("one", "without the first", rows_of(60.0, [MOCODA_P], "one")),
        Ablation("two", "without the second", rows_of(70.0, [MOCODA_P], "two")),
    ]


def test_only_cells_that_are_compared_stay(compared: list[Ablation]) -> None:
    rows = set_beside("hooksweep2", compared)
    assert rows.columns[0] == "what"
    assert set(rows["agent"]) == {"td3_bc"}
    assert set(rows["distribution"]) == {"mocoda_p"}
    main = rows[rows["metric"] == "success rate"]
    assert main["what"].tolist() == ["as it stands", "without the first", "without the second"]
    assert main["mean"].tolist() == [81.0, 61.0, 71.0]
    # A cell that only the others share is no ablation of the first.
    both = ("bcq", "mocoda", "locally_factored")
    others = [
        compared[0],
        *(Ablation(n, n, rows_of(1.0, [MOCODA_P, both], n)) for n in ("a", "b")),
    ]
    assert set(set_beside("hooksweep2", others)["agent"]) == {"td3_bc"}


def test_the_markdown_has_a_line_a_change(compared: list[Ablation]) -> None:
    text = ablations_markdown("hooksweep2", set_beside("hooksweep2", compared))
    assert "**TD3-BC on MoCoDA-P**" in text
    header = "|  | success rate (%) | success rate, away (%) | return (reward) | updates | seeds |"
    assert header in text
    values = " | ".join(f"{mean:.1f} [59.0, 61.0]" for mean in (61, 62, 63))
    assert f"| without the first | {values} | 20,000 | 3 |" in text
    assert text.index("as it stands") < text.index("without the first") < text.index("the second")


def test_the_stage_reads_and_writes_files(tmp_path: Path, compared: list[Ablation]) -> None:
    files = []
    for one in compared:
        files.append(str(tmp_path / f"{one.scale}.csv"))
        one.table.to_csv(files[-1], index=False)
    outputs = {name: str(tmp_path / f"out.{name}") for name in ("csv", "markdown")}
    job = Job(
        stage="compare_ablations",
        inputs={"tables": files},
        outputs=outputs,
        wildcards={"domain": "hooksweep2"},
        settings={"scales": [[one.scale, one.what] for one in compared]},
        code="",
        threads=1,
        state=tmp_path / "state",
    )
    compare_ablations(job)
    written = pd.read_csv(outputs["csv"])
    assert written["mean"].tolist() == set_beside("hooksweep2", compared)["mean"].tolist()
    assert "without the second" in Path(outputs["markdown"]).read_text()


def test_the_shipped_ablations_are_scales_and_a_domain_without_them_says_so() -> None:
    config = load(shipped_config())
    named = ablations(config, "hooksweep2")
    assert next(iter(named)) == "demo"
    assert set(named) <= set(config.domains["hooksweep2"])
    assert ablations_text(config, "hooksweep2") == canonical_json({"scales": list(named.items())})
    with pytest.raises(UserError, match=r"tables\.ablations"):
        ablations(config, "nav2d")
    raw = shipped_config()
    raw["domains"]["hooksweep2"]["tables"]["ablations"] = {"demo": "one", "target_task": "two"}
    with pytest.raises(UserError, match="none in target_task"):
        ablations(load(raw), "hooksweep2")
