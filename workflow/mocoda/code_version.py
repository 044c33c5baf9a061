"""A hash of the code that a stage uses: the workflow manager does not see imported modules.

The hash covers a module and everything of this package that it imports, transitively. Comments,
docstrings and formatting do not count. The literal dicts in the packages' `__init__` files are
left out, so that one more variant does not rerun the others: the variant that is used is named
explicitly.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# Modules that say how a job is run and stored, not what it computes; stored formats carry version
# numbers of their own.
BOOKKEEPING = {
    "mocoda.artifacts",
    "mocoda.checkpoints",
    "mocoda.code_version",
    "mocoda.domains.bouncing_balls.film",
    "mocoda.domains.check",
    "mocoda.domains.hooksweep2.film",
    "mocoda.domains.nav2d.film",
    "mocoda.errors",
    "mocoda.interruption",
    "mocoda.jobs",
    "mocoda.provenance",
    "mocoda.stores",
    "mocoda.transition_checks",
}
# Data that belongs to a module's meaning.
DATA_FILES = {
    "mocoda.published": "published/mocoda.csv",
    "mocoda.tables.masks": "published/coda.csv",
}
# Folders of variants, whose `__init__` lists them.
REGISTRIES = {
    f"mocoda.{name}"
    for name in (
        "agents",
        "augmentation",
        "domains",
        "dynamics",
        "masks",
        "parents",
        "rebalance",
    )
}


def module_file(name: str) -> Path | None:
    """The source file of a module of this package, or None.

    None for the folders of variants (`mocoda.agents`), whose `__init__` lists the variants; other
    folders (`mocoda.figures`, `mocoda.domains.hooksweep2`) have their `__init__`.
    """
    parts = name.split(".")[1:]
    path = PACKAGE.joinpath(*parts)
    if not parts or name in REGISTRIES:
        return None
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


@cache
def parse(path: Path) -> tuple[str, frozenset[str]]:
    """The code of a module without docstrings, as text, and the package's modules it imports."""
    tree = ast.parse(path.read_text())
    imports: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mocoda"):
            imports.add(str(node.module))
            imports.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            imports.update(a.name for a in node.names if a.name.startswith("mocoda."))
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            body[0].value.value = ""
    return ast.unparse(tree), frozenset(imports)


def modules_used(*names: str) -> list[str]:
    """The named modules and all of this package that they import, sorted."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        path = module_file(name)
        if name in seen or path is None or (name in BOOKKEEPING and name not in names):
            continue
        seen.add(name)
        waiting.extend(parse(path)[1])
    return sorted(seen)


def code_version(*names: str) -> str:
    """12 hexadecimal digits for the code of the named modules and what they import."""
    digest = hashlib.sha256()
    unknown = [name for name in names if module_file(name) is None]
    if unknown:
        raise ValueError(f"no module {unknown[0]}: a variant's name must be its module's")
    for name in modules_used(*names):
        path = module_file(name)
        if path is not None:
            digest.update(name.encode() + b"\0" + parse(path)[0].encode() + b"\0")
        if name in DATA_FILES:
            digest.update((PACKAGE / DATA_FILES[name]).read_bytes())
    return digest.hexdigest()[:12]
