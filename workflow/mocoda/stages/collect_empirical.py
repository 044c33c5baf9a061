"""Stage 1: log transitions of the empirical task with a scripted, noisy behaviour policy."""

from __future__ import annotations

from mocoda.artifacts import write_json
from mocoda.domains import DOMAINS
from mocoda.domains.check import check_domain
from mocoda.jobs import Job
from mocoda.stores import write_transitions
from mocoda.transition_checks import check


def collect_empirical(job: Job) -> None:
    """Write the store of transitions, its manifest and the data card.

    Raises UserError if the domain returns rows that are not valid transitions.
    """
    domain = DOMAINS[job.wildcards["domain"]]
    settings = domain.settings.model_validate(job.settings)
    check_domain(domain)
    collected = domain.collect(settings, job.seed, job.threads, job.log)
    check(
        collected.transitions,
        f"transitions collected for {domain.name}",
        observation_dim=domain.slots.observation_dim,
        action_dim=domain.slots.action_dim,
        goal_dim=domain.goal_dim,
    )
    write_transitions(
        job.outputs["store"], job.outputs["manifest"], collected.transitions, collected.facts
    )
    write_json(job.outputs["card"], collected.facts)
