"""Domains: one module each, one line each in this literal dict."""

from mocoda.domains.base import Domain
from mocoda.domains.bouncing_balls import BOUNCING_BALLS
from mocoda.domains.hooksweep2 import HOOKSWEEP2
from mocoda.domains.nav2d import NAV2D
from mocoda.domains.synthetic_mp import SYNTHETIC_MP
from mocoda.domains.synthetic_mp_stationary import SYNTHETIC_MP_STATIONARY

DOMAINS: dict[str, Domain] = {
    "bouncing_balls": BOUNCING_BALLS,
    "hooksweep2": HOOKSWEEP2,
    "nav2d": NAV2D,
    "synthetic_mp": SYNTHETIC_MP,
    "synthetic_mp_stationary": SYNTHETIC_MP_STATIONARY,
}
