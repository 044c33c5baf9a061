"""What a run would do: jobs by stage and the time to expect. `python -m mocoda.plan TARGET`.

The times are guesses from rates measured on two hyperthreads of a Xeon that multiplies in bf16
(AMX); two cores of an AMD EPYC took two thirds of them. Training on a GPU was never measured: it
is reckoned as on a CPU.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
import yaml

from mocoda.agent_runs import side_by_side_runs
from mocoda.config import Config, ConfigError, DomainConfig, load
from mocoda.domains import DOMAINS
from mocoda.domains.base import Domain
from mocoda.masks import MASKS
from mocoda.matrix_products import resolve_precision

# Per second on one core (our measurements); without a simulator the first two hardly count.
COLLECTED_ROWS = 2100
SIMULATED_STEPS = 2400
SAMPLED_ROWS = 50_000
REBALANCED_ROWS = 100_000
# Seconds of an update: a part that does not depend on the networks' size, and one for each row and
# weight (lines through our measurements at 256 and 512 wide layers).
AGENT_UPDATE, AGENT_ROW_WEIGHT = 0.008, 33e-12
DYNAMICS_UPDATE, DYNAMICS_ROW_WEIGHT = 0.005, 100e-12
MASK_UPDATE, VALIDATION_LOSS_UPDATE = 0.012, 0.001
# What training takes where a processor multiplies in fp32 alone.
FP32 = 2.5
JOB_START = 4.0  # seconds: Python, torch, MuJoCo


def weights(widths: Sequence[int]) -> int:
    """Weights between the hidden layers: nearly all that a network has."""
    return sum(a * b for a, b in pairwise((widths[0], *widths)))


def expected_seconds(settings: DomainConfig, domain: Domain) -> dict[str, float]:
    """Core-seconds of one job of each stage (a guess)."""
    simulated = 0.0 if domain.true_dynamics else 1.0
    horizon = domain.horizon * simulated
    dynamics = settings.train_dynamics
    children = len(domain.slots.child_names)
    dynamics_update = DYNAMICS_UPDATE + DYNAMICS_ROW_WEIGHT * (
        dynamics.members * dynamics.batch_size * children * weights(dynamics.factored_hidden) / 2
    )
    slower = 1.0 if resolve_precision("auto", "cpu") == torch.bfloat16 else FP32
    agents = [getattr(settings.train_offline_agent, name) for name in settings.tables.agents]
    agent_update = AGENT_UPDATE + AGENT_ROW_WEIGHT * (
        sum(a.batch_size * weights(a.hidden_sizes) for a in agents) / max(len(agents), 1)
    )
    real = settings.collect_empirical["transitions"]
    logged = "file" in settings.collect_empirical
    proposed = settings.sample_augmented.proposed_rows(real)
    training = settings.train_offline_agent
    evaluation = settings.evaluate
    episodes = evaluation.episodes + evaluation.curve_episodes * training.snapshots
    one_agent = training.updates * agent_update * slower
    loss = settings.tables.validation_loss
    # Rows of the target task are simulated, and none is proposed in vain.
    of_task = sum(column.distribution == "target_task" for column in settings.tables.columns)
    share = of_task / max(1, len(settings.tables.columns))
    generated = settings.sample_augmented.generated_rows(real)
    sampled = (1 - share) * proposed / SAMPLED_ROWS
    sampled += share * simulated * generated / SIMULATED_STEPS
    return {
        "fit_mask": learned_updates(settings) * MASK_UPDATE,
        "validation_loss": (4 * loss.updates if loss else 0) * VALIDATION_LOSS_UPDATE,
        "collect_empirical": 0.0 if logged else simulated * real / COLLECTED_ROWS,
        "collect_oracle": settings.collect_oracle.episodes * horizon / SIMULATED_STEPS,
        "fit_gmm_parents": 20.0 * min(1.0, real / 200_000),
        "train_dynamics": dynamics.updates * dynamics_update * slower,
        "sample_augmented": sampled,
        "rebalance": proposed / REBALANCED_ROWS,
        # A run takes its own files out of the other job's, if there is one.
        "train_offline_agent": 0.0 if training.side_by_side else one_agent,
        "train_side_by_side": one_agent * len(side_by_side_runs(settings)),
        "evaluate": episodes * horizon / SIMULATED_STEPS,
    }


def learned_updates(settings: DomainConfig) -> float:
    """Gradient steps of a mask, mean over those that a scale names; by a rule: none."""
    named = {str(entry["kind"]): entry for entry in settings.tables.masks}
    named[str(settings.fit_mask["kind"])] = settings.fit_mask
    updates = [
        getattr(MASKS[kind].settings.model_validate(entry), "updates", 0)
        for kind, entry in named.items()
    ]
    return float(sum(updates) / len(updates))


def planned_jobs(target: str, snakefile: Path) -> dict[str, int]:
    """Jobs by rule that Snakemake would run for a target; raises SystemExit with its message."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--dry-run"]
    done = subprocess.run([*command, target], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    stats = (done.stdout + done.stderr).rpartition("Job stats:")[2].partition("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)\s*$", stats, re.M)}


def scale_of(target: str, config: Config) -> tuple[str, str]:
    """Domain and scale that a target's path names; the default scale where it names none."""
    parts = Path(target).parts
    domain = next((p for p in parts if p in config.domains), next(iter(config.domains)))
    scale = next((p for p in parts if p in config.domains[domain]), config.default_scale)
    return domain, scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", default="results/hooksweep2/tables.csv")
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    root = Path(__file__).parents[2]
    try:
        config = load(yaml.safe_load((root / "config.yaml").read_text()))
    except (ConfigError, yaml.YAMLError) as error:
        sys.exit(f"Error in config.yaml: {error}")
    domain, scale = scale_of(arguments.target, config)
    jobs = planned_jobs(arguments.target, root / "Snakefile")
    seconds = expected_seconds(config.domains[domain][scale], DOMAINS[domain])
    print(f"{arguments.target}: domain {domain}, scale {scale}, {arguments.cores} core(s)\n")
    total = 0.0
    for rule, count in jobs.items():
        each = JOB_START + seconds.get(rule, 5.0)
        total += count * each
        print(f"{rule:22s} {count:4d} job(s), about {each / 60:6.1f} core-minutes each")
    print(f"\n{sum(jobs.values())} job(s), about {total / arguments.cores / 60:.0f} minutes in all")


if __name__ == "__main__":
    main()
