"""The shipped configuration, spoilt on purpose, and what it is then told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from spine_examples import shipped_config

from mocoda.config import ConfigError, load

Raw = dict[str, Any]


def faults(change: Callable[[Raw], object]) -> list[str]:
    """The lines of the error that a change of the shipped configuration brings."""
    raw = shipped_config()
    change(raw)
    with pytest.raises(ConfigError) as caught:
        load(raw)
    head, *lines = str(caught.value).splitlines()
    assert head == f"{len(lines)} fault(s) in the configuration:"
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]


def at(raw: Raw, *keys: str) -> Raw:
    """The mapping below `domains.hooksweep2`, made where it is missing."""
    section = raw["domains"]["hooksweep2"]
    for key in keys:
        section = section.setdefault(key, {})
    found: Raw = section
    return found
