"""Domains: one module each, one line each in this literal dict."""

from mocoda.domains.base import Domain
from mocoda.domains.hooksweep2 import HOOKSWEEP2
from mocoda.domains.nav2d import NAV2D

DOMAINS: dict[str, Domain] = {"hooksweep2": HOOKSWEEP2, "nav2d": NAV2D}
