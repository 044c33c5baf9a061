"""What a user's logged rows say otherwise than the domain does, and rows that cannot be meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.transitions import Transitions

# Rewards that differ by more are told (float32 files of float64 rewards differ by less).
SAME_REWARD = 1e-5
# A change of a column by more than this times the largest within episodes is no step of the system
# (our choice: a reset is many steps away, and a step is hardly ever twice the next largest).
JUMP = 2.0


def refuse_jumps(path: Path, rows: Transitions, ended: np.ndarray | None) -> None:
    """Refuse last rows of episodes whose next observation is the first one of the next episode.

    So it comes out where next observations are taken as observations[1:] of a whole log. `ended` :
    bool [n], the rows that the file calls terminated, if it does. An episode that is cut in two,
    whose next row does go on from its last, is known by its change, no larger than others'.

    Raises UserError naming the first of them.
    """
    border = np.append(rows.episode[1:] != rows.episode[:-1], True)
    if ended is not None:
        border = border | ended
    if border.all():
        return
    touching = (rows.next_observation[:-1] == rows.observation[1:]).all(axis=1)
    change = np.abs(rows.next_observation - rows.observation)
    far = (change > JUMP * change[~border].max(axis=0)).any(axis=1)
    jumps = border & far & np.append(touching, False)
    if jumps.any():
        row = int(jumps.argmax())
        raise UserError(
            f"{path}, row {row}",
            expected="as next_observation what was seen after the episode's last step",
            found=f"the first observation of the next episode (so in {jumps.sum()} rows)",
            remedy="Leave these rows out, or log what was seen before the reset.",
        )


def compare_with_domain(
    path: Path,
    domain: Domain,
    rows: Transitions,
    found: Mapping[str, np.ndarray | None],
    log: Callable[[str], None],
) -> dict[str, float]:
    """Shares of rows whose rewards or terminations in the file are not the domain's, and of rows
    that the domain calls impossible; told if there are any, with the first of them."""
    facts = {}
    kinds = (
        ("reward", "rewards", rows.reward, SAME_REWARD),
        ("terminated", "terminations", rows.terminated, 0.0),
    )
    for name, plural, own, tolerance in kinds:
        values = found[name]
        if values is None:
            continue
        theirs = values.reshape(len(rows)).astype(float)
        differing = ~(np.abs(theirs - own) <= tolerance)
        share = facts[f"share_of_{plural}_that_differ"] = float(differing.mean())
        if share:
            row = int(differing.argmax())
            log(
                f"{path}: {share:.1%} of the {plural} are not the domain's, which agents learn "
                f"from; first in row {row}: {theirs[row]:g} in the file, {float(own[row]):g} by "
                "the domain for that row's goal"
            )
    for reason, mask in domain.invalid_parents(rows.observation, rows.action).items():
        invalid = np.asarray(mask)
        if invalid.any():
            facts[f"share_of_rows_{reason}"] = float(invalid.mean())
            log(
                f"{path}: {invalid.mean():.1%} of the rows are what domain {domain.name} calls "
                f"invalid ({reason}), first row {int(invalid.argmax())}: are the units its own?"
            )
    return facts
