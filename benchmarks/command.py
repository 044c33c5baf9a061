"""The command line: which cases, how long, where to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks import learning, results
from benchmarks.cases import CASES
from benchmarks.figure import draw
from benchmarks.timing import Case, compare, rates
from mocoda.errors import UserError, suggestion
from mocoda.figures.small_png import save_small

ROUNDS, SECONDS = 5, 1.5
LEARNING = "learning"


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def chosen_cases(names: Sequence[str]) -> list[Case]:
    """The cases of these names, of cases or of groups; all where there is none.

    Raises UserError for a name that is neither."""
    every = [case for group in CASES.values() for case in group]
    known = [*CASES, *(case.name for case in every), LEARNING]
    for name in names:
        if name not in known:
            raise UserError(
                "--only",
                expected="names of benchmarks or of their groups",
                found=name,
                remedy=suggestion(name, known),
            )
    wanted = set(names) | {case.name for name in names for case in CASES.get(name, [])}
    return [case for case in every if case.name in wanted or not names]


def run_case(case: Case, rounds: int | None, seconds: float) -> list[dict[str, object]]:
    """Time a case: one line of the table for each pair of ours and a peer."""
    contest = case.make()
    contenders = [*contest.ours, *contest.peers]
    try:
        if not contest.peers:
            return []
        beside = results.busy()
        count = rounds or case.rounds or ROUNDS
        found = rates(contenders, count, seconds, warm_up=case.warm_up, log=say)
        return [
            results.row(
                case,
                ours.name,
                peer.name,
                compare(found[ours.name], found[peer.name]),
                count,
                contest.note(ours.name, peer.name) + beside,
            )
            for ours in contest.ours
            for peer in contest.peers
        ]
    finally:
        for contender in contenders:
            contender.close()


def main(arguments: Sequence[str]) -> int:
    """Run the chosen cases; the table and the figure are written anew after each of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="benchmarks, or groups of them"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        help=f"rounds of each benchmark (default: {ROUNDS}, fewer for what takes minutes)",
    )
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="seconds of each contender a round"
    )
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder")
    given = parser.parse_args(arguments)
    if (given.rounds is not None and given.rounds < 1) or given.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    torch.set_num_threads(1)
    table, picture = given.output / "benchmarks.csv", given.output / "benchmarks.png"
    try:
        for case in chosen_cases(given.only):
            say(f"{case.name}: {case.operation}, {case.shape}")
            rows = run_case(case, given.rounds, given.seconds)
            for row in rows:
                target = f", target {row['target_ratio']:g}" if row["target_ratio"] else ""
                say(f"  {row['ours']} / {row['peer']}: {row['ratio']} ({row['spread']}{target})")
            if rows:
                # Read again, as another run may have written meanwhile.
                frame = results.merged(results.read(table), rows)
                results.write(frame, table)
                save_small(draw(frame[frame["operation"] != learning.OPERATION]), picture)
        if LEARNING in given.only or not given.only:
            rows = learning.rows(Path("results/nav2d"))
            if rows:
                results.write(results.merged(results.read(table), rows), table)
            say(f"{len(rows)} cells of nav2d in both precisions")
    except UserError as error:
        say(f"Error: {error}")
        return 1
    return 0
