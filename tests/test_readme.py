"""What README and pages show can be typed: commands, code, links and pictures."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from spine_examples import REPOSITORY

from mocoda.domains.nav2d import NAV2D
from mocoda.logged import LoggedSettings, collect_logged

README = (REPOSITORY / "README.md").read_text()
PAGES = [REPOSITORY / "README.md", REPOSITORY / "docs" / "masks.md"]
PAGES += sorted(REPOSITORY.glob("docs/*/README.md"))
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)
LINES = [
    line.split("#")[0].strip()
    for language, block in BLOCKS
    if language == "sh"
    for line in block.splitlines()
    if line.strip() and not line.startswith("#")
]
SNAKEMAKE = [line for line in LINES if line.startswith("snakemake ") and "--profile" not in line]
# In the running text of the pages, where a line may end within a command.
OF_PAGES = {
    " ".join(command.split())
    for page in PAGES
    for command in re.findall(r"`(snakemake\s[^`]*)`", page.read_text())
}
SNAKEMAKE += sorted(OF_PAGES - set(SNAKEMAKE) - {"snakemake --unlock"})
# A file by a number of cores, and no more.
PLAIN = re.compile(r"snakemake --cores \d+ [^- ]\S*")
MAKE = [line for line in LINES if line.startswith("make ")]
MODULES = [line for line in LINES if line.startswith("python -m mocoda.")]


def test_the_readme_has_its_two_commands() -> None:
    assert {"make tables", "make test"} <= set(MAKE)
    assert "snakemake --cores 8 results/hooksweep2/tables.csv" in SNAKEMAKE


@pytest.mark.parametrize("line", MAKE)
def test_make_knows_the_command(line: str) -> None:
    """A dry run: the target exists and its recipe can be written down."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    done = subprocess.run(
        [*shlex.split(line), "--dry-run"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def dry_run(folder: Path, *words: str) -> str:
    """What a dry run in an empty folder says: all stages from the beginning."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--dry-run", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_snakemake_can_plan_what_is_asked_for(tmp_path: Path) -> None:
    """The commands with no other option than the cores, in one dry run, which needs seconds."""
    targets = [line.split()[3] for line in SNAKEMAKE if PLAIN.fullmatch(line)]
    assert len(targets) > 5
    told = dry_run(tmp_path, "--cores", "1", *targets)
    for target in targets:
        assert re.search(rf"^    (input|output): .*{re.escape(target)}\b", told, re.M), target


@pytest.mark.parametrize("line", [line for line in SNAKEMAKE if not PLAIN.fullmatch(line)])
def test_snakemake_can_plan_the_command(line: str, tmp_path: Path) -> None:
    words = [word for word in shlex.split(line)[1:] if word != "--unlock"]
    assert "collect_empirical" in dry_run(tmp_path, *words)


@pytest.mark.parametrize("line", MODULES)
def test_the_module_takes_the_options(line: str) -> None:
    """With no more than the help asked for: the module is there, and knows the options."""
    words = shlex.split(line)[1:]
    command = [sys.executable, *words[:2], "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(word in told for word in words[2:] if word.startswith("--"))


@pytest.mark.parametrize("block", [block for language, block in BLOCKS if language == "python"])
def test_the_code_runs(block: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", block], check=True, cwd=tmp_path)


def test_the_rows_that_the_readme_writes_are_taken(tmp_path: Path) -> None:
    """Its example of own data: what it writes is in the domain's columns, and in order."""
    (block,) = (b for language, b in BLOCKS if language == "python" and "rows.npz" in b)
    subprocess.run([sys.executable, "-c", block], check=True, cwd=tmp_path)
    path = tmp_path / "rows.npz"
    settings = LoggedSettings(file=str(path), transitions=2000)
    taken = collect_logged(settings, NAV2D, path, 0, print).transitions
    assert np.unique(taken.episode, return_counts=True)[1].tolist() == [100] * 20


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_and_pictures_are_there(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_found_from_the_readme() -> None:
    linked = {(REPOSITORY / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", README)}
    assert linked >= {page.resolve() for page in PAGES[1:]}
