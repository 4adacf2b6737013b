# Everything a person does with this project; bare `make` tells what there is.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help demo test check bench clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("batchconv needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY) ## set everything up and run the main job against the embedded stand-in
	@sh examples/demo.sh $(BIN)/batchconv

test: $(READY) ## the tests
	$(BIN)/python -m pytest

check: $(READY) ## types, lint and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY) ## speed, as ratios to what the plainest loop does in the same run
	$(BIN)/python -m tests.bench

clean: ## remove what the other targets made
	rm -rf $(VENV) demo build dist bench.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	find . -name __pycache__ -prune -exec rm -rf {} + ; rm -rf *.egg-info
