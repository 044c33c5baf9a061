"""Tables: what was measured, over how many seeds and episodes, beside what the paper printed."""

from mocoda.tables.agent_tables import AgentTable, agent_table
from mocoda.tables.agents import table_of_agents
from mocoda.tables.checks import RunKey
from mocoda.tables.columns import COLUMNS
from mocoda.tables.markdown import tables_markdown
from mocoda.tables.model_error_files import read_model_errors
from mocoda.tables.model_errors import table_of_model_errors
from mocoda.tables.runs import Runs, read_runs

__all__ = [
    "COLUMNS",
    "AgentTable",
    "RunKey",
    "Runs",
    "agent_table",
    "read_model_errors",
    "read_runs",
    "table_of_agents",
    "table_of_model_errors",
    "tables_markdown",
]
