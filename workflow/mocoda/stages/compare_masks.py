"""Tables of scales that differ by their mask, in one (`results/<domain>/masks.csv`).

Where the true local graphs are not known, masks are measured here against one another: how many
edges they keep, how far they agree with the heuristic, how well the dynamics below them predict,
and which generated rows end in states that cannot be.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mocoda.artifacts import atomic_path, read_json, read_tensors
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.episodes import shared_split
from mocoda.factors import Slots
from mocoda.jobs import Job
from mocoda.masks.base import Mask
from mocoda.masks.quality import precision_recall
from mocoda.masks.stored import load_mask
from mocoda.stores import read_columns, read_transitions, verify
from mocoda.tables.mask_comparison import (
    GENERATED,
    HELD_OUT,
    ORACLE,
    REFERENCE,
    MaskScale,
    compare,
    comparison_markdown,
)
from mocoda.tables.names import column_title, display
from mocoda.transitions import Transitions

# Places that `report_dynamics` measures, by their keys in its report.
PLACES = {"held-out": HELD_OUT, "two-box": ORACLE}
Measures = dict[tuple[str, str], float]  # (measure, unit) -> value


def of_scale(job: Job, name: str, scale: str) -> list[str]:
    """The inputs `name` that belong to a scale, in their order."""
    return [file for file in job.inputs.get(name, []) if scale in Path(file).parts]


def graphs_measured(
    slots: Slots, place: str, graphs: np.ndarray, reference: np.ndarray | None
) -> Measures:
    """Of bool [n, roots, children]: share of all entries kept, rows with each edge, and agreement
    with the heuristic's graphs of the same rows (no truth: two masks can agree and be wrong)."""
    found = {(f"mask, edges kept, {place}", "%"): 100 * float(graphs.mean())}
    if reference is not None:
        quality = precision_recall(graphs, reference)
        agreement = {
            "precision": quality.precision,
            "recall": quality.recall,
            "rows with its very graph": float((graphs == reference).all(axis=(1, 2)).mean()),
        }
        for name, value in agreement.items():
            found[f"agreement with the heuristic: {name}, {place}", "share"] = value
    shares = 100 * graphs.mean(axis=0)
    for root, root_name in enumerate(slots.root_names):
        for child, child_name in enumerate(slots.child_names):
            if root_name != child_name:
                found[f"edge {root_name} to {child_name}, {place}", "%"] = float(
                    shares[root, child]
                )
    return found


def dynamics_measured(card: dict[str, Any], errors: dict[str, Any]) -> Measures:
    """Errors of a model: what its training watched, at the parameters it kept, and the root mean
    square of each slot (its position, where it is an object) on rows that chose nothing."""
    title = f"{display(card['dynamics'])} model"
    best = min(card["validation"], key=lambda entry: entry[card["settings"]["select_by"]])
    found = {
        (f"{title}, RMSE on watched rows", "std of the target"): float(best["rmse"]),
        (f"{title}, NLL on watched rows", "nats a column"): float(best["nll"]),
    }
    for key, slots in errors.items():
        for slot, entry in slots.items():
            what = "position" if "position" in entry else "all columns"
            value = 1000 * float(entry.get("position", entry["all_columns"]))
            name = f"{title}, error of {slot} ({what}), {PLACES.get(key, key)}"
            found[name, "domain's unit x 0.001"] = value
    return found


def generated_measured(
    domain: Domain, title: str, manifest: str, store: str, selection: str
) -> Measures:
    """Shares of a data set's generated rows whose NEXT state cannot be, by the domain's reasons
    (their states and actions were rejected by the same reasons before)."""
    verify(manifest, store)
    counts: dict[str, int] = {}
    rows = 0
    chosen = read_tensors(selection)["rows"].numpy()
    for action, state in read_columns(store, ["action", "next_observation"], chosen=chosen):
        rows += len(state)
        for reason, invalid in domain.invalid_parents(state, action).items():
            counts[reason] = counts.get(reason, 0) + int(invalid.sum())
    return {
        (f"{title}, {GENERATED} {reason.replace('_', ' ')}", "%"): 100 * count / max(rows, 1)
        for reason, count in counts.items()
    }


def measured(job: Job, scale: str, kind: str, number: int) -> Measures:
    """All measures of a scale and its seed of this number, where no truth is known."""
    domain = DOMAINS[job.wildcards["domain"]]
    seeds, columns = job.settings["seeds"], job.settings["columns"][scale]

    def of_seed(name: str, of: str = scale) -> list[str]:
        files = of_scale(job, name, of)
        each = len(files) // len(seeds)
        return files[number * each : (number + 1) * each]

    def mask_of(of: str) -> Mask:
        return load_mask(of_seed("mask_card", of)[0], of_seed("mask", of)[0], domain)

    mask, reference = mask_of(scale), None
    heuristic = [name for name, other in job.settings["scales"] if other == REFERENCE]
    if heuristic and kind != REFERENCE:
        reference = mask_of(heuristic[0])
    rows = read_transitions(of_seed("manifest")[0], of_seed("store")[0])
    share = job.settings["held_out_share"]
    places: dict[str, Transitions] = {
        HELD_OUT: rows.take(shared_split(domain.name, rows, share, seeds[number])[1])
    }
    for manifest, store in zip(
        of_scale(job, "oracle_manifest", scale), of_scale(job, "oracle_store", scale), strict=True
    ):
        places[ORACLE] = read_transitions(manifest, store)
    found: Measures = {}
    for place, at in places.items():
        beside = None if reference is None else reference(at.observation, at.action)
        found |= graphs_measured(domain.slots, place, mask(at.observation, at.action), beside)
    for card, errors in zip(of_seed("dynamics_cards"), of_seed("errors"), strict=True):
        found |= dynamics_measured(read_json(card), read_json(errors))
    for column, *files in zip(
        columns,
        of_seed("augmented_manifests"),
        of_seed("augmented_stores"),
        of_seed("selections"),
        strict=True,
    ):
        title = column_title(column["distribution"], column["dynamics"])
        found |= generated_measured(domain, title, *files)
    return found


def measures_of(job: Job, scale: str, kind: str) -> pd.DataFrame:
    """`measured` of all seeds of a scale: columns seed, measure, unit, value."""
    rows = []
    for number, seed in enumerate(job.settings["seeds"]):
        found = measured(job, scale, kind, number)
        job.log(f"{scale}, seed {seed}: {len(found)} measures")
        rows += [
            {"seed": seed, "measure": name, "unit": unit, "value": value}
            for (name, unit), value in found.items()
        ]
    return pd.DataFrame(rows)


def compare_masks(job: Job) -> None:
    """Write `masks.csv` (a row per mask and measure) and `masks.md`."""
    scales = []
    for file, (scale, mask) in zip(job.inputs["tables"], job.settings["scales"], strict=True):
        beside = {
            name: next(
                (f for f in job.inputs.get(name, []) if Path(f).parent == Path(file).parent), None
            )
            for name in ("validity", "quality")
        }
        read = {name: None if path is None else pd.read_csv(path) for name, path in beside.items()}
        own = measures_of(job, scale, mask) if "seeds" in job.settings else None
        scales.append(MaskScale(scale, mask, pd.read_csv(file), **read, measures=own))
    frame = compare(job.wildcards["domain"], scales)
    with atomic_path(job.outputs["csv"]) as path:
        frame.to_csv(path, index=False)
    with atomic_path(job.outputs["markdown"]) as path:
        path.write_text(comparison_markdown(frame))
