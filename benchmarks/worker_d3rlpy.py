"""One update of an agent of d3rlpy on ready batches; run by d3rlpy's own interpreter."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import d3rlpy
import torch
from d3rlpy.models.encoders import VectorEncoderFactory
from d3rlpy.torch_utility import TorchMiniBatch

from benchmarks.worker_protocol import serve

CONFIGS = {
    "td3_bc": d3rlpy.algos.TD3PlusBCConfig,
    "bcq": d3rlpy.algos.BCQConfig,
    "cql": d3rlpy.algos.CQLConfig,
    "sac": d3rlpy.algos.SACConfig,
}
BATCHES = 16


def make(settings: dict[str, Any]) -> tuple[str, Callable[[int], float]]:
    """The agent with d3rlpy's own defaults, but our widths, batch, discount and rates."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    size, inputs, actions = settings["batch_size"], settings["input_dim"], settings["action_dim"]
    encoder = VectorEncoderFactory(list(settings["hidden_sizes"]))
    config = CONFIGS[settings["agent"]](
        batch_size=size,
        gamma=0.98,
        actor_learning_rate=1e-3,
        critic_learning_rate=1e-3,
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        **settings.get("options", {}),
    )
    agent = config.create(device="cpu:0")
    agent.create_impl((inputs,), actions)
    batches = [random_batch(size, inputs, actions) for _ in range(BATCHES)]
    updates = 0

    def seconds(repetitions: int) -> float:
        nonlocal updates
        start = time.perf_counter()
        for _ in range(repetitions):
            updates += 1
            agent.impl.update(batches[updates % BATCHES], updates)
        return time.perf_counter() - start

    return f"d3rlpy {d3rlpy.__version__}, torch {torch.__version__}", seconds


def random_batch(size: int, inputs: int, actions: int) -> TorchMiniBatch:
    """Rows of the ranges that our side's have; a tensor each, so that no copy is timed."""
    action = torch.rand(2, size, actions) * 2 - 1
    return TorchMiniBatch(
        observations=torch.randn(size, inputs),
        actions=action[0],
        rewards=-(torch.rand(size, 1) < 0.9).float(),
        next_observations=torch.randn(size, inputs),
        next_actions=action[1],
        returns_to_go=torch.zeros(size, 1),
        terminals=torch.zeros(size, 1),
        intervals=torch.ones(size, 1),
        device="cpu:0",
    )


if __name__ == "__main__":
    serve(make)
