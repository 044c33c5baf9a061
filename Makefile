# Each command makes the environment it needs (.venv, from envs/requirements.lock) by itself.
DOMAIN ?= hooksweep2
CORES ?= $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
PYTHON ?= python3
BIN := .venv/bin
SNAKEMAKE := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES)
INSTALLED := .venv/installed

# After a failure: Snakemake names the lock, this the command that lifts it.
LOCKED = status=$$?; if ls .snakemake/locks/* >/dev/null 2>&1; then \
	echo 'The folder is locked. If no other run uses it: make unlock, then the same again.' >&2; fi; \
	exit $$status

.DEFAULT_GOAL := help
.PHONY: help tables smoke plan unlock test lint bench bench-peers clean-environment

help: ## Show the commands.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

$(INSTALLED): envs/requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mocoda needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --requirement envs/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

tables: $(INSTALLED) ## The main job: results/hooksweep2/tables.csv at the default scale (or DOMAIN=nav2d).
	$(SNAKEMAKE) results/$(DOMAIN)/tables.csv || { $(LOCKED); }

smoke: $(INSTALLED) ## All stages of all domains at a tiny scale, in minutes: results/<domain>/smoke/.
	$(SNAKEMAKE) $(foreach domain,hooksweep2 nav2d,$(addprefix results/$(domain)/smoke/,tables.csv figures films)) \
		$(foreach domain,synthetic_mp bouncing_balls,results/$(domain)/smoke/tables.csv) || { $(LOCKED); }

plan: $(INSTALLED) ## What `make tables` would run, how many jobs, and the expected time.
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m mocoda.plan --cores $(CORES) results/$(DOMAIN)/tables.csv

unlock: $(INSTALLED) ## Lift the lock that a killed run left (when no other run uses the folder).
	$(SNAKEMAKE) --unlock

test: $(INSTALLED) ## The tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES)

lint: $(INSTALLED) ## Style, types, and the workflow's own checks.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules workflow/Snakefile
	$(BIN)/snakemake --lint

bench: $(INSTALLED) ## Speed beside peers, growth, bf16 beside fp32: results/benchmarks.csv, scaling.csv (ONLY="names").
	$(if $(ONLY),,$(SNAKEMAKE) $(foreach precision,bf16 fp32,results/nav2d/precision_$(precision)/tables.csv))
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))
	$(if $(ONLY),,$(BIN)/python -m benchmarks.scaling)

bench-peers: .bench/d3rlpy/installed .bench/fetch/installed ## Peers of `make bench` in environments of their own (1.5 GB in .bench/).

.bench/%/installed: benchmarks/environments/%.txt | $(INSTALLED)
	$(BIN)/python -m venv .bench/$*
	.bench/$*/bin/python -m pip install --quiet --requirement $<
	touch $@

clean-environment: ## Remove .venv; the next command makes it anew.
	rm -rf .venv
