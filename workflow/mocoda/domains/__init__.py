"""Domains: one module each, one line each in this literal dict."""

from mocoda.domains.base import Domain
from mocoda.domains.hooksweep2 import HOOKSWEEP2

DOMAINS: dict[str, Domain] = {"hooksweep2": HOOKSWEEP2}
