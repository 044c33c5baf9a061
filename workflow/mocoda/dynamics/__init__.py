"""Dynamics models: what a child is, given its parents. One line a variant."""

from mocoda.dynamics.ensemble import MakeArchitecture
from mocoda.dynamics.globally_factored import GloballyFactored
from mocoda.dynamics.locally_factored import LocallyFactored
from mocoda.dynamics.unfactored import Unfactored

DYNAMICS: dict[str, MakeArchitecture] = {
    "unfactored": Unfactored,
    "globally_factored": GloballyFactored,
    "locally_factored": LocallyFactored,
}
