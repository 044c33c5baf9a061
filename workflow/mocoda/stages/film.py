"""A film of the trained agent and one of the scripted oracle, in the simulator's own picture."""

from __future__ import annotations

from pathlib import Path

from mocoda.artifacts import read_tensors, write_json
from mocoda.domains import DOMAINS
from mocoda.errors import UserError
from mocoda.evaluation import episode_seeds
from mocoda.jobs import Job
from mocoda.stages.evaluate import load_actor


def film(job: Job) -> None:
    """Write a folder of films; where no renderer works, a note says so and the run goes on."""
    domain = DOMAINS[job.wildcards["domain"]]
    folder = Path(job.outputs["films"])
    folder.mkdir(parents=True, exist_ok=True)
    notes: dict[str, str] = {}
    actor = load_actor(domain, job.inputs["card"], read_tensors(job.inputs["policy"]))
    seed = int(episode_seeds(domain, "film", 0, 1)[0])
    for name, policy in (("agent", actor), ("oracle", None)):
        try:
            if domain.film is None:
                raise UserError(f"domain {domain.name}", expected="films", found="none")
            domain.film(policy, seed, folder / f"{name}.gif")
        except UserError as error:
            notes[name] = str(error)
            job.log(f"no film of the {name}: {error}")
    write_json(folder / "notes.json", notes)
