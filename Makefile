# Each command makes the environment it needs (.venv, from envs/requirements.lock) by itself.
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
PYTHON ?= python3
BIN := .venv/bin
SNAKEMAKE := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES)
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help tables smoke plan test lint clean-environment

help: ## Show the commands.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

$(INSTALLED): envs/requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mocoda needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --requirement envs/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

tables: $(INSTALLED) ## The main job: results/hooksweep2/tables.csv at the default scale.
	$(SNAKEMAKE) results/hooksweep2/tables.csv

smoke: $(INSTALLED) ## All stages at a tiny scale, in minutes: results/hooksweep2/smoke/.
	$(SNAKEMAKE) results/hooksweep2/smoke/tables.csv results/hooksweep2/smoke/figures results/hooksweep2/smoke/films

plan: $(INSTALLED) ## What `make tables` would run, how many jobs, and the expected time.
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m mocoda.plan --cores $(CORES) results/hooksweep2/tables.csv

test: $(INSTALLED) ## The tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES)

lint: $(INSTALLED) ## Style, types, and the workflow's own checks.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules workflow/Snakefile
	$(BIN)/snakemake --lint

clean-environment: ## Remove .venv; the next command makes it anew.
	rm -rf .venv
