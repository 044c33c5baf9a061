"""Stage 8: the final policy over fresh episodes, and the snapshots over some of their own."""

from __future__ import annotations

import pandas as pd
import torch

from mocoda.agents import AGENTS
from mocoda.artifacts import atomic_path, read_json, read_tensors
from mocoda.batches import make_actor
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.evaluation import Actor, episode_seeds, evaluate_actor
from mocoda.jobs import Job
from mocoda.stages.evaluation_settings import EvaluationSettings


def load_actor(domain: Domain, card: str, tensors: dict[str, torch.Tensor]) -> Actor:
    """The policy that `train_offline_agent` wrote, ready to act in the domain."""
    facts = read_json(card)
    variant = AGENTS[facts["agent"]]
    settings = variant.settings.model_validate(facts["settings"]["agent"])
    weights = {k: v for k, v in tensors.items() if not k.startswith("input.")}
    policy = variant.policy_from_tensors(weights, settings, "cpu")
    return make_actor(domain, policy.act, tensors["input.mean"], tensors["input.std"])


def evaluate(job: Job) -> None:
    """Write one row an episode of the final policy, and the curve of the snapshots.

    The curve has a row a snapshot: updates, success (a fraction), steps (mean over its episodes;
    the horizon where an episode does not arrive) and episodes.
    """
    domain = DOMAINS[job.wildcards["domain"]]
    settings = EvaluationSettings.model_validate(job.settings)
    final = read_tensors(job.inputs["policy"])
    seeds = episode_seeds(domain, "evaluate", job.seed, settings.episodes)
    actor = load_actor(domain, job.inputs["card"], final)
    episodes = evaluate_actor(domain, actor, seeds, job.threads)
    job.log(f"success {episodes['success'].mean():.3f} over {len(episodes)} episodes")
    keys = {
        key: job.wildcards[key] for key in ("domain", "scale", "agent", "distribution", "dynamics")
    }
    with atomic_path(job.outputs["episodes"]) as path:
        episodes.assign(**keys, seed=job.seed).to_parquet(path, index=False)
    points = []
    if settings.curve_episodes:
        snapshots: dict[str, dict[str, torch.Tensor]] = {}
        for name, value in read_tensors(job.inputs["snapshots"]).items():
            updates, _, rest = name.partition("/")
            snapshots.setdefault(updates, {})[rest] = value
        statistics = {k: final[k] for k in ("input.mean", "input.std")}
        seeds = episode_seeds(domain, "curve", job.seed, settings.curve_episodes)
        for updates, tensors in sorted(snapshots.items()):
            actor = load_actor(domain, job.inputs["card"], {**tensors, **statistics})
            found = evaluate_actor(domain, actor, seeds, job.threads)
            success = float(found["success"].mean())
            steps = float(found["steps"].mean())
            points.append((int(updates), success, steps, len(found)))
            job.log(f"after {int(updates)} updates: success {success:.3f}, {steps:.1f} steps")
    curve = pd.DataFrame(points, columns=["updates", "success", "steps", "episodes"])
    with atomic_path(job.outputs["curve"]) as path:
        curve.to_csv(path, index=False)
