"""The precisions in which ours is timed."""

from __future__ import annotations

import torch

from mocoda.networks import Precision, resolve_precision


def precisions() -> list[Precision]:
    """bf16 where the processor multiplies in it, which `auto` then chooses; and fp32."""
    if resolve_precision("auto", "cpu") == torch.bfloat16:
        return ["bf16", "fp32"]
    return ["fp32"]
