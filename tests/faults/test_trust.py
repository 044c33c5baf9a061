"""Nothing that is read from disk can run code."""

from __future__ import annotations

import ast
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from spine_examples import REPOSITORY, logged_rows

from faults.planted import refused
from mocoda.artifacts import checksum, read_json, write_json
from mocoda.errors import UserError
from mocoda.stores import STORE, read_columns, read_transitions, write_transitions

SOURCES = sorted(
    file
    for folder in ("workflow/mocoda", "workflow/scripts")
    for file in (REPOSITORY / folder).rglob("*.py")
)
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
# Calls by the last part of their name, or with the module before it.
CALLS = {"eval", "exec", "torch.load", "read_pickle", "to_pickle", "yaml.unsafe_load"}
SHELL = {"os.system", "os.popen"}


def name_of(node: ast.expr) -> str:
    """`a.b.c` of an attribute or a name, else the text of the last part."""
    if isinstance(node, ast.Attribute):
        before = name_of(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def unsafe_uses(source: str) -> list[str]:
    """What in a source could run what is read from disk, as `line: what`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            found += [f"{node.lineno}: import {name}" for name in sorted(names & MODULES)]
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                found.append(f"{node.lineno}: from {node.module}")
        elif isinstance(node, ast.Call):
            name = name_of(node.func)
            options = {option.arg: option.value for option in node.keywords}
            if {name, name.rpartition(".")[2]} & CALLS - {"model.eval"} or name in SHELL:
                found.append(f"{node.lineno}: {name}(")
            if name == "yaml.load" and "Safe" not in ast.dump(node):
                found.append(f"{node.lineno}: yaml.load without a safe loader")
            for option in ("allow_pickle", "shell"):
                value = options.get(option)
                if value is not None and getattr(value, "value", True) is not False:
                    found.append(f"{node.lineno}: {option}=True")
    return found


def test_the_sources_load_nothing_that_can_run_code() -> None:
    assert len(SOURCES) > 80
    found = {
        file.relative_to(REPOSITORY).as_posix(): uses
        for file in SOURCES
        if (uses := unsafe_uses(file.read_text()))
    }
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "eval('1')",
        "exec(text)",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "import pandas as pd\npd.read_pickle('x')",
        "import subprocess\nsubprocess.run('x', shell=True)",
    ],
)
def test_the_search_finds_each_of_them(source: str) -> None:
    assert unsafe_uses(source)


@pytest.mark.parametrize(
    "source",
    [
        "import yaml\nyaml.safe_load(text)",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "import numpy as np\nnp.load('x', allow_pickle=False)",
        "evaluate(policy)",
    ],
)
def test_the_search_leaves_what_is_safe(source: str) -> None:
    assert not unsafe_uses(source)


class Bomb:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.file,))


@pytest.mark.parametrize(
    "change",
    [
        {"data_type": "object"},
        {"codecs": [{"name": "numcodecs.pickle", "configuration": {}}]},
        {"data_type": "string", "codecs": [{"name": "vlen-utf8"}], "fill_value": ""},
        {"codecs": [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 1}}]},
    ],
    ids=["objects", "pickle codec", "text", "another codec"],
)
def test_a_store_with_pickled_objects_is_not_loaded(
    change: dict[str, object], tmp_path: Path
) -> None:
    """Even if its manifest agrees: the column is refused by its metadata, no chunk is decoded."""
    manifest, store, fired = tmp_path / "manifest.json", tmp_path / "store", tmp_path / "fired"
    write_transitions(store, manifest, logged_rows(20), {})
    metadata = store / STORE / "reward" / "zarr.json"
    metadata.write_text(json.dumps({**json.loads(metadata.read_text()), **change}))
    chunk = store / STORE / "reward" / "c" / "0"
    chunk.write_bytes(pickle.dumps(np.array([Bomb(fired)] * 20, dtype=object)))
    listed = read_json(manifest)
    for file in (metadata, chunk):
        entry = {"bytes": file.stat().st_size, "sha256": checksum(file)}
        listed["files"][file.relative_to(store).as_posix()] = entry
    write_json(manifest, listed)
    for read in (
        lambda: read_transitions(manifest, store),
        lambda: list(read_columns(store, ["reward"])),
    ):
        refused(
            read,
            where="column 'reward'",
            expected="a Zarr array of dtype float32 with the codecs ['bytes']",
            found="o",
            remedy="run the same command again",
        )
    assert not fired.exists()


def test_a_store_of_the_older_format_is_not_loaded(tmp_path: Path) -> None:
    """Version 2 of Zarr knows object arrays with pickle filters."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "store" / STORE, mode="w", zarr_format=2)
    group.create_array("reward", shape=(4,), dtype="float32")
    with pytest.raises(UserError, match="expected a Zarr store of transitions"):
        list(read_columns(tmp_path / "store", ["reward"]))
