"""Every figure, drawn from saved artefacts only, without a display and without global state."""

from mocoda.figures.coverage import coverage
from mocoda.figures.curves import curves
from mocoda.figures.data_card import data_card, shares
from mocoda.figures.dynamics_errors import dynamics_errors
from mocoda.figures.results import bars
from mocoda.figures.style import save

__all__ = ["bars", "coverage", "curves", "data_card", "dynamics_errors", "save", "shares"]
