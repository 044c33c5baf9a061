"""Batches for an agent from a table in memory: rows drawn, given new goals, labelled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.timing import Case, Contender, Contest, repeated
from mocoda.batches import BatchSource, Table
from mocoda.domains import DOMAINS
from mocoda.seeding import torch_generator

ROWS, BATCH = 1_000_000, 512
# As many as the training stage draws at once.
BATCHES_PER_BLOCK = 50


def make(rows: int = ROWS) -> Contest:
    """Ours draws goals and rewards anew for each batch; the loader's rows are labelled already."""
    domain = DOMAINS["hooksweep2"]
    width, act = domain.slots.observation_dim, domain.slots.action_dim
    noise = torch_generator("benchmarks", "table")
    table = Table(
        torch.randn(rows, 2 * width + act, generator=noise),
        torch.randn(rows, domain.goal_dim, generator=noise),
        rows,
    )
    source = BatchSource(domain, table, ("benchmarks",), "batch", normalise=True)
    blocks = itertools.count()

    def draw_ours() -> None:
        for _ in source.block(next(blocks), [BATCH] * BATCHES_PER_BLOCK):
            pass

    inputs = width + len(domain.agent_goal_columns)
    widths = (inputs, act, 1, inputs, 1)
    columns = [torch.randn(rows, columns, generator=noise) for columns in widths]
    loader = DataLoader(TensorDataset(*columns), BATCH, shuffle=True, num_workers=0)
    stream = _without_end(loader)

    def draw_peer() -> None:
        for _ in range(BATCHES_PER_BLOCK):
            next(stream)

    return Contest(
        ours=[Contender("BatchSource", repeated(draw_ours))],
        peers=[Contender("DataLoader", repeated(draw_peer))],
        note=lambda ours, peer: (
            "torch's DataLoader over a TensorDataset, shuffled, num_workers 0, "
            "default collation; its rows are labelled already, ours are labelled as they are drawn"
        ),
    )


def _without_end(loader: DataLoader[tuple[Tensor, ...]]) -> Iterator[list[Tensor]]:
    while True:
        yield from loader


CASES = [
    Case(
        name="labelled_batches",
        operation="labelled batches",
        shape=f"batch {BATCH} of {ROWS} rows",
        unit="batches/s",
        units=BATCHES_PER_BLOCK,
        make=make,
    )
]
