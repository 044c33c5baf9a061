"""Transitions that the user logged, in place of those of a scripted behaviour policy.

One file, Parquet or NumPy's .npz, a row a transition. Wanted are observations, actions and next
observations in the domain's columns; goals, and which rows make an episode, if they are known. The
names are ours, or the plural ones of D4RL and Minari. Rewards are the domain's own: agents learn
from those, so that rewards in the file are only compared with them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from mocoda.domains.base import Collect, Collected, Domain
from mocoda.errors import UserError
from mocoda.logged_checks import compare_with_domain, refuse_jumps
from mocoda.logged_files import NAMES, NEEDED, read_columns_of, take
from mocoda.seeding import numpy_generator
from mocoda.transition_checks import check
from mocoda.transitions import Provenance, Transitions


class LoggedSettings(BaseModel):
    """What `collect_empirical` takes where the rows come from a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(
        pattern=r"\S",
        description="Parquet or .npz file of logged transitions; {seed} in it stands for the seed.",
    )
    transitions: int = Field(
        ge=2, description="Rows to take: whole episodes of it, drawn by the seed, if it has more."
    )

    @field_validator("file")
    @classmethod
    def has_no_braces_but_those_of_the_seed(cls, file: str) -> str:
        if re.search("[{}]", file.replace("{seed}", "")):
            raise ValueError("expected no braces but in {seed}, which stands for the seed")
        return file

    def of_seed(self, seed: int) -> Path:
        return Path(self.file.replace("{seed}", str(seed)))


def collection(domain: Domain, written: Any) -> tuple[type[BaseModel], Any]:
    """The settings model of a section `collect_empirical`, and what is written there for it.

    With a `file`, or a key that is nearly that, the behaviour policy's own settings are not used,
    and left out. What is no mapping is left to the model to refuse.
    """
    own_files = "file" in domain.settings.model_fields and domain.collect is not None
    if own_files or not isinstance(written, Mapping):
        return domain.settings, written
    fields = set(domain.settings.model_fields)
    own = fields - set(LoggedSettings.model_fields)
    meant = difflib.get_close_matches("file", map(str, set(written) - fields))
    if written.get("file") is not None or set(meant) - {"file"} or domain.collect is None:
        return LoggedSettings, {key: value for key, value in written.items() if key not in own}
    return domain.settings, {key: value for key, value in written.items() if key != "file"}


def with_note(tables: Any, collected: Mapping[str, Any]) -> Any:
    """The settings of the tables with a sentence more beneath them: whose rows these are."""
    notes = tables.get("notes", ()) if isinstance(tables, Mapping) else None
    if not isinstance(notes, list | tuple):
        return tables  # refused later
    file = str(collected.get("file"))
    drawn = (
        "Each seed has a file of its own."
        if "{seed}" in file
        else "Seeds draw episodes of this one file, so that their rows overlap: intervals over "
        "seeds do not tell what another log would give."
    )
    note = (
        f"Logged rows: of {file}, not of the scripted expert whose rows the notes below may tell "
        f"of. {drawn} Published figures are those of the paper's own data."
    )
    return {**tables, "notes": [note, *notes]}


def behaviour_policy(domain: Domain) -> Collect:
    """The domain's scripted behaviour policy; raises UserError where it has none."""
    if domain.collect is None:
        raise UserError(
            f"domain {domain.name}",
            expected="a scripted behaviour policy (`collect`)",
            found="none",
            remedy="Name a file of logged transitions in collect_empirical.file.",
        )
    return domain.collect


def collect_logged(
    settings: LoggedSettings, domain: Domain, path: Path, seed: int, log: Callable[[str], None]
) -> Collected:
    """`settings.transitions` rows of the user's file as transitions of the domain.

    Goals that the file lacks are the target task's, one an episode, drawn by the seed. Rewards and
    `terminated` are the domain's, for these goals; how often the file has others is told. Without a
    column `episode` a new one begins after a truncated row and wherever a row does not start where
    the one before it ended.

    Raises UserError for a file that cannot be read or has no such rows (`check`), naming column
    and row of the file, for an episode's last row that leads to the start of the next one, and for
    fewer rows or episodes than are needed.
    """
    columns, unused = read_columns_of(path)
    if unused:
        log(f"{path}: columns that are not used: {', '.join(unused)}")
    found = {ours: take(path, columns, ours, unused) for ours in NAMES}
    rows = transitions_of(path, domain, found, seed)
    check(
        rows,
        str(path),
        observation_dim=domain.slots.observation_dim,
        action_dim=domain.slots.action_dim,
        goal_dim=domain.goal_dim,
    )
    ended = found["terminated"]
    refuse_jumps(path, rows, None if ended is None else whole(path, "terminated", ended) != 0)
    facts: dict[str, Any] = {
        "file": str(path),
        "rows_in_the_file": len(rows),
        "columns_not_used": sorted(unused),
        "goals": "the target task's" if found["goal"] is None else "the file's",
    }
    facts |= compare_with_domain(path, domain, rows, found, log)
    taken = draw_episodes(path, rows, settings.transitions, seed)
    lengths = np.diff(np.flatnonzero(np.append(begins(taken.episode), True)))
    if len(lengths) < 2:
        raise UserError(
            f"{path}, the {len(taken)} rows that collect_empirical.transitions asks for",
            expected="at least two episodes, since models are validated on others than they learn",
            found="one",
            remedy="Take more rows, or log more episodes.",
        )
    facts |= {
        "rows": len(taken),
        "episodes": len(lengths),
        "share_of_rows_terminated": float(taken.terminated.mean()),
    }
    log(
        f"{path}: {len(taken)} of {len(rows)} rows, {len(lengths)} episodes of {lengths.min()} to "
        f"{lengths.max()} rows"
    )
    if found["episode"] is None and len(lengths) == len(taken):
        log(f"{path}: no row starts where the one before it ended, so each is its own episode")
    return Collected(transitions=taken, facts=facts)


def transitions_of(
    path: Path, domain: Domain, found: Mapping[str, np.ndarray | None], seed: int
) -> Transitions:
    """All rows of a file, with what it lacks: see `collect_logged`. Not checked yet."""
    check_shapes(path, domain, found)
    observation, action, next_observation = (single(found[name]) for name in NEEDED)
    n = len(observation)
    cut = np.zeros(n, bool)
    if found["truncated"] is not None:
        cut = whole(path, "truncated", found["truncated"]) != 0
    episode = (
        episodes_of(observation, next_observation, cut)
        if found["episode"] is None
        else whole(path, "episode", found["episode"])
    )
    first = begins(episode)
    last = np.append(first[1:], True)
    if (cut & ~last).any():
        row = int((cut & ~last).argmax())
        raise UserError(
            f"{path}, column 'truncated', row {row}",
            expected=f"0, since the next row is of the same episode, {episode[row]}",
            found="1",
            remedy="Give what follows a truncated row another number in 'episode'.",
        )
    counted = np.arange(n) - np.maximum.accumulate(np.where(first, np.arange(n), 0))
    step = counted if found["step"] is None else whole(path, "step", found["step"], np.int32)
    if found["goal"] is None:
        generator = numpy_generator(domain.name, "goals_of_logged_rows", seed)
        goals = domain.sample_goals(int(first.sum()), generator)
        goal = goals[np.cumsum(first) - 1].astype(np.float32)
    else:
        goal = single(found["goal"])
    reward = np.asarray(domain.reward(next_observation, goal), dtype=np.float32)
    terminated = np.asarray(domain.terminated(reward), dtype=bool)
    return Transitions(
        observation=observation,
        action=action,
        next_observation=next_observation,
        goal=goal,
        reward=reward,
        terminated=terminated,
        truncated=last & ~terminated,
        episode=episode,
        step=step.astype(np.int32),
        provenance=np.full(n, Provenance.REAL, dtype=np.uint8),
    )


def begins(episode: np.ndarray) -> np.ndarray:
    """bool [n]: the rows that begin an episode; those of none (-1) are like one each."""
    return np.append(True, (episode[1:] != episode[:-1]) | (episode[1:] < 0))


def check_shapes(path: Path, domain: Domain, found: Mapping[str, np.ndarray | None]) -> None:
    """Refuse columns of other widths than the domain's, or of different lengths, or of none."""
    widths = {
        "observation": domain.slots.observation_dim,
        "action": domain.slots.action_dim,
        "next_observation": domain.slots.observation_dim,
        "goal": domain.goal_dim,
    }
    rows = len(single(found["observation"]))
    if rows == 0:
        raise UserError(path, expected="at least one transition", found="none")
    for name, values in found.items():
        if values is None:
            continue
        expected = (rows, widths.get(name, 1))
        if values.shape != expected and (values.shape != (rows,) or expected[1] != 1):
            raise UserError(
                f"{path}, column '{name}'",
                expected=f"shape {list(expected)}: a row for each observation, in the columns of "
                f"domain {domain.name}",
                found=f"shape {list(values.shape)}",
                remedy="The widths are those of the domain's slots and goal.",
            )


def single(values: np.ndarray | None) -> np.ndarray:
    """float32 rows; numbers [n] become [n, 1]."""
    rows = np.ascontiguousarray(values, dtype=np.float32)
    return rows[:, None] if rows.ndim == 1 else rows


def whole(path: Path, name: str, values: np.ndarray, dtype: type = np.int64) -> np.ndarray:
    """int64 [n] of a column; raises UserError for numbers that are not whole or beyond `dtype`."""
    flat = values.reshape(len(values))
    limits = np.iinfo(dtype)
    broken = np.zeros(len(flat), bool)
    if flat.dtype.kind == "f":
        # 2^63 is a float, the largest int64 is none.
        broken = ~(flat == np.floor(flat)) | ~(np.abs(flat) < float(limits.max))
    elif flat.dtype.kind in "ui":
        broken = (flat > limits.max) | (flat < limits.min)
    if broken.any():
        row = int(broken.argmax())
        raise UserError(
            f"{path}, column '{name}', row {row}",
            expected=f"whole numbers below 2^{limits.bits - 1}",
            found=str(flat[row]),
            remedy="Count episodes and steps from 0; what is true is 1, what is not 0.",
        )
    return flat.astype(np.int64)


def episodes_of(
    observation: np.ndarray, next_observation: np.ndarray, cut: np.ndarray
) -> np.ndarray:
    """Numbers int64 [n] of the episodes that rows [n, obs] in order make."""
    breaks: np.ndarray = cut[:-1] | (observation[1:] != next_observation[:-1]).any(axis=1)
    return np.concatenate([[0], np.cumsum(breaks)]).astype(np.int64)


def draw_episodes(path: Path, rows: Transitions, number: int, seed: int) -> Transitions:
    """`number` rows: all in their order, or whole episodes in an order drawn by the seed, the last
    of them cut. Raises UserError where there are fewer."""
    if number > len(rows):
        raise UserError(
            "collect_empirical.transitions",
            expected=f"at most the {len(rows)} rows of {path}",
            found=str(number),
            remedy=f"Set it to {len(rows)} to take all of them, or log more.",
        )
    if number == len(rows):
        return rows
    begin = np.flatnonzero(begins(rows.episode))
    end = np.append(begin[1:], len(rows))
    order = numpy_generator("logged", "episodes", seed).permutation(len(begin))
    chosen = np.concatenate([np.arange(begin[i], end[i]) for i in order])[:number]
    taken = rows.take(chosen)
    taken.truncated[-1] = not taken.terminated[-1]
    return taken
