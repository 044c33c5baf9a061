"""PNG files with few colours, for pictures with thousands of strokes."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from mocoda.artifacts import atomic_path
from mocoda.errors import UserError

COLOURS = 128


def save_small(figure: Figure, path: Path | str) -> None:
    """Write a PNG (150 dots per inch) of at most 64 colours, whole or not at all.

    A fourth to an eighth of the bytes of `save` where a figure is made of thin lines. The same
    figure gives the same bytes. Raises UserError for another suffix.
    """
    if Path(path).suffix.lower() != ".png":
        raise UserError(path, expected="a name ending in .png", found=Path(path).suffix)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    full = Image.open(drawn).convert("RGB")
    # This method keeps the colour of what is small, as the goal box is; the default one mixes it
    # with others.
    few = full.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    with atomic_path(path) as partial:
        few.save(partial, format="PNG", optimize=True)
