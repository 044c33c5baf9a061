"""Synthetic Markov process, stationary (CoDA, appendix C.2): three factors that never interact."""

from __future__ import annotations

from mocoda.domains.synthetic_mp import make_domain

SYNTHETIC_MP_STATIONARY = make_domain("synthetic_mp_stationary", stationary=True)
