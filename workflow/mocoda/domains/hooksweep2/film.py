"""Films of HookSweep2 episodes as small GIFs.

Rendering needs EGL or OSMesa; MuJoCo picks its back end when first imported, so a film made in a
process that has imported MuJoCo without `MUJOCO_GL` draws through whatever that process has.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from mocoda.domains.hooksweep2 import scene, task
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator
from mocoda.errors import UserError

WIDTH, HEIGHT = 320, 240
FRAMES_PER_SECOND = 15
_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


def _renderer(model: Any) -> Any:
    """A MuJoCo renderer on the first back end that works: the chosen one, EGL, OSMesa.

    Raises UserError when none does.
    """
    chosen = os.environ.get("MUJOCO_GL")
    faults = []
    for back_end in [chosen] if chosen else ["egl", "osmesa"]:
        try:
            context = _context(back_end)
            renderer = mujoco.Renderer.__new__(mujoco.Renderer)
            return _start(renderer, model, context)
        except Exception as fault:
            faults.append(f"{back_end}: {fault}")
    raise UserError(
        "film of hooksweep2",
        expected="a working EGL or OSMesa renderer",
        found="; ".join(faults),
        remedy="Install libegl1 or libosmesa6, or leave films out.",
    )
