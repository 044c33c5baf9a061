"""What the planted faults share: assertions on an error's four parts, and a folder's contents."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mocoda.errors import UserError


def refused(
    action: Callable[[], object], *, where: str, expected: str, found: str, remedy: str
) -> UserError:
    """Run what must raise a `UserError`; each part must contain the text given for it."""
    with pytest.raises(UserError) as caught:
        action()
    error = caught.value
    for name, text in (
        ("where", where),
        ("expected", expected),
        ("found", found),
        ("remedy", remedy),
    ):
        assert text, f"the case says nothing about '{name}'"
        assert text in getattr(error, name), f"{name}: {getattr(error, name)!r} lacks {text!r}"
        assert text in str(error)
    return error


def contents(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by its path in it."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@contextmanager
def little_space(size: int = 65_536) -> Iterator[None]:
    """No file can grow beyond `size` bytes: the system refuses it as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
