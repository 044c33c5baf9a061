"""Parent distributions: where the states and actions of generated transitions come from.

A variant is a module with a settings model and the functions of `mocoda.parents.gmm`, and one
line here.
"""

from __future__ import annotations

from mocoda.parents import gmm
from mocoda.parents.settings import GmmSettings

PARENTS = {"gmm": (GmmSettings, gmm)}
