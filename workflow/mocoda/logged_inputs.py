"""What the rules need to know of the user's files of logged transitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mocoda.config import Config
from mocoda.domains import DOMAINS
from mocoda.logged import LoggedSettings, collection
from mocoda.logged_files import check_readable
from mocoda.workflow import section


def logged_file(config: Config, wildcards: Any) -> str | None:
    """The user's file of logged transitions for a job's seed, where the settings name one.

    Raises UserError for one that is not there, or cannot be read.
    """
    model, written = collection(
        DOMAINS[wildcards.domain], section(config, wildcards).collect_empirical
    )
    if model is not LoggedSettings:
        return written.get("file")  # of a domain that reads files in its own way
    path = LoggedSettings.model_validate(written).of_seed(int(wildcards.seed))
    check_readable(path)
    return str(path)


def logged_file_as_seen(config: Config, wildcards: Any) -> str:
    """Size in bytes and time in ns of `logged_file`; empty where there is none."""
    path = logged_file(config, wildcards)
    if path is None or not Path(path).exists():
        return ""
    status = Path(path).stat()
    return f"{status.st_size} {status.st_mtime_ns}"
