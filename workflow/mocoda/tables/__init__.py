"""Tables: what was measured, over how many seeds and episodes, beside what the paper printed."""

from mocoda.tables.checks import RunKey
from mocoda.tables.markdown import tables_markdown
from mocoda.tables.runs import Runs, read_runs
from mocoda.tables.success import COLUMNS, table3

__all__ = ["COLUMNS", "RunKey", "Runs", "read_runs", "table3", "tables_markdown"]
