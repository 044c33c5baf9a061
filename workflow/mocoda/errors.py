"""Errors that a user can act on: where it is, what was expected, what was found, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A fault in something the user supplied: a setting, a data set, an artefact, a plug-in.

    Parameters
    ----------
    where : file, configuration key or row at fault.
    expected, found : what should be there and what is.
    remedy : what the user can do about it.
    """

    def __init__(self, where: object, *, expected: str, found: str, remedy: str = "") -> None:
        self.where = str(where)
        self.expected = expected
        self.found = found
        self.remedy = remedy
        text = f"{where}: expected {expected}; found {found}."
        super().__init__(f"{text} {remedy}" if remedy else text)


def suggestion(name: str, known: Iterable[str]) -> str:
    """`"Did you mean 'x'?"` for the nearest of the known names, or all of them if none is near."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
