"""Stage 1: transitions of the empirical task, by a scripted, noisy behaviour policy or the user."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mocoda.artifacts import canonical_json, write_json
from mocoda.domains import DOMAINS
from mocoda.domains.check import check_domain
from mocoda.errors import UserError
from mocoda.jobs import Job
from mocoda.logged import LoggedSettings, behaviour_policy, collect_logged, collection
from mocoda.stores import write_transitions
from mocoda.transition_checks import check


def collect_empirical(job: Job) -> None:
    """Write the store of transitions, its manifest and the data card.

    Raises UserError for rows that are not valid transitions, of the domain or of the user's file.
    """
    domain = DOMAINS[job.wildcards["domain"]]
    model, written = collection(domain, job.settings)
    settings = model.model_validate(written)
    check_domain(domain)
    if isinstance(settings, LoggedSettings):
        file = Path(job.inputs["logged"])
        collected = collect_logged(settings, domain, file, job.seed, job.log)
    else:
        collected = behaviour_policy(domain)(settings, job.seed, job.threads, job.log)
    check(
        collected.transitions,
        f"transitions collected for {domain.name}",
        observation_dim=domain.slots.observation_dim,
        action_dim=domain.slots.action_dim,
        goal_dim=domain.goal_dim,
    )
    facts = plain_facts(collected.facts, domain.name)
    write_transitions(job.outputs["store"], job.outputs["manifest"], collected.transitions, facts)
    write_json(job.outputs["card"], facts)


def plain_facts(facts: Mapping[str, Any], domain: str) -> dict[str, Any]:
    """The facts for the data card, NumPy's numbers and arrays as JSON has them.

    Raises UserError naming a fact that JSON cannot hold.
    """
    plain = {}
    for name, value in facts.items():
        plain[name] = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        try:
            canonical_json({name: plain[name]})
        except (TypeError, ValueError) as error:
            raise UserError(
                f"domain {domain}, collect(...).facts['{name}']",
                expected="finite numbers, texts, lists or mappings of them",
                found=f"{value!r:.60} ({error})",
                remedy="Correct collect in the module of the domain.",
            ) from error
    return plain
