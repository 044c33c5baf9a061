"""Films of the trained agent and of the scripted oracle, in the simulator's own picture.

The agent is shown on episodes that nobody chose, and on the first evaluated ones that succeeded
and that failed (of each side, where the domain has sides): failures tell what to mend. They are the
same episodes, but played fewer at a time, in products that may round otherwise: a close one can end
otherwise than it did.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mocoda.artifacts import read_tensors, write_json
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.evaluation import episode_seeds
from mocoda.jobs import Job
from mocoda.stages.evaluate import load_actor

# A domain shows as many of them as fit its picture.
EPISODES = 8


def shown_episodes(episodes: pd.DataFrame) -> Iterator[tuple[str, np.ndarray]]:
    """Name and seeds, uint64 [n], of the first successes and of the first failures: of each side,
    if there are sides."""
    sides = ["side"] if "side" in episodes else []
    for (success, *side), own in episodes.groupby(["success", *sides]):
        words = ["success" if success else "failure", *map(str, side)]
        yield "_".join(words), own["episode_seed"].to_numpy(np.uint64)[:EPISODES]


def film(job: Job) -> None:
    """Write a folder of films; where no renderer works, a note says so and the run goes on."""
    domain = DOMAINS[job.wildcards["domain"]]
    folder = Path(job.outputs["films"])
    folder.mkdir(parents=True, exist_ok=True)
    notes: dict[str, str] = {}
    actor = load_actor(domain, job.inputs["card"], read_tensors(job.inputs["policy"]))
    unchosen = episode_seeds(domain, "film", 0, EPISODES)
    films = [("agent", actor, unchosen), ("oracle", None, unchosen)]
    for name, seeds in shown_episodes(pd.read_parquet(job.inputs["episodes"])):
        films.append((name, actor, seeds))
    for name, policy, seeds in films:
        try:
            if domain.film is None:
                raise UserError(f"domain {domain.name}", expected="films", found="none")
            domain.film(policy, seeds, folder / f"{name}.gif")
        except UserError as error:
            notes[name] = str(error)
            job.log(f"no film of the {name}: {error}")
    write_json(folder / "notes.json", notes)
