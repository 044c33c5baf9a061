"""Every figure, drawn from saved artefacts only, without a display and without global state."""

from mocoda.figures.coverage import coverage
from mocoda.figures.curves import curves
from mocoda.figures.data_card import data_card, shares
from mocoda.figures.dynamics_errors import dynamics_errors
from mocoda.figures.mask_means import mask_means
from mocoda.figures.mask_roc import mask_roc
from mocoda.figures.nav2d_density import nav2d_density
from mocoda.figures.nav2d_errors import error_map, nav2d_model_errors
from mocoda.figures.nav2d_policies import follow, nav2d_policies
from mocoda.figures.nav2d_transitions import Arrows, nav2d_transitions
from mocoda.figures.results import bars
from mocoda.figures.small_png import save_small
from mocoda.figures.style import save
from mocoda.figures.validation_loss import validation_loss

__all__ = [
    "Arrows",
    "bars",
    "coverage",
    "curves",
    "data_card",
    "dynamics_errors",
    "error_map",
    "follow",
    "mask_means",
    "mask_roc",
    "nav2d_density",
    "nav2d_model_errors",
    "nav2d_policies",
    "nav2d_transitions",
    "save",
    "save_small",
    "shares",
    "validation_loss",
]
