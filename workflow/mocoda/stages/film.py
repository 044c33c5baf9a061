"""Films of the trained agent and of the scripted oracle, in the simulator's own picture.

The agent is shown on an episode that nobody chose, and on the first evaluated ones that succeeded
and failed (of each side, where the domain has sides): failures tell what to mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mocoda.artifacts import read_tensors, write_json
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.evaluation import episode_seeds
from mocoda.jobs import Job
from mocoda.stages.evaluate import load_actor


def shown_episodes(episodes: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Name and seed of the first success and the first failure, of each side if there are sides."""
    keys = [key for key in ("success", "side") if key in episodes]
    for _, first in episodes.drop_duplicates(keys).sort_values(keys, ascending=False).iterrows():
        words = ["success" if first["success"] else "failure", *first[keys[1:]]]
        yield "_".join(words), int(first["episode_seed"])


def film(job: Job) -> None:
    """Write a folder of films; where no renderer works, a note says so and the run goes on."""
    domain = DOMAINS[job.wildcards["domain"]]
    folder = Path(job.outputs["films"])
    folder.mkdir(parents=True, exist_ok=True)
    notes: dict[str, str] = {}
    actor = load_actor(domain, job.inputs["card"], read_tensors(job.inputs["policy"]))
    seed = int(episode_seeds(domain, "film", 0, 1)[0])
    films = [("agent", actor, seed), ("oracle", None, seed)]
    for name, of_episode in shown_episodes(pd.read_parquet(job.inputs["episodes"])):
        films.append((name, actor, of_episode))
    for name, policy, of_episode in films:
        try:
            if domain.film is None:
                raise UserError(f"domain {domain.name}", expected="films", found="none")
            domain.film(policy, of_episode, folder / f"{name}.gif")
        except UserError as error:
            notes[name] = str(error)
            job.log(f"no film of the {name}: {error}")
    write_json(folder / "notes.json", notes)
