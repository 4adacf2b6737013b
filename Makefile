# Everything a person does with this project; bare `make` tells what there is.
#
# PYTHON is the interpreter to build upon, VENV the folder for what is installed:
#
#     make test PYTHON=python3.12 VENV=.venv/3.12

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && exit; done; echo python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
RUNS   := $(VENV)/runs
READY  := $(VENV)/ready
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --no-compile
PYTHONS = python3.11 python3.12 python3.13 $(wildcard $(HOME)/.pyenv/versions/3.1[123]*/bin/python3)
# Every unconditional dependency of pyproject.toml at its lower bound: aiohttp==3.14 and so on.
LOWER_BOUNDS = 'import tomllib; \
	wanted = tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]; \
	print(*[one.replace(">=", "==") for one in wanted if ";" not in one])'

.DEFAULT_GOAL := help
.PHONY: help demo test check bench fuzz torture ray schedulers matrix oldest clean

help: ## what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

# The command alone: all that a demo needs.
$(RUNS): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("batchconv needs Python 3.11 or newer: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip  # an old one takes minutes to choose among the versions of s3fs
	$(PIP) --editable .
	@touch $@

# The command with everything that checks it.
$(READY): $(RUNS)
	$(PIP) --editable '.[dev]'
	@touch $@

demo: $(RUNS) ## set everything up and run the main job against the embedded simulator
	@sh examples/demo.sh $(BIN)/batchconv

test: $(READY) ## the tests
	$(BIN)/python -m pytest

check: $(READY) ## types, lint and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/library.py

bench: $(READY) ## speed, as ratios to what the plainest loop does in the same run
	$(BIN)/python -m tests.bench

fuzz: $(READY) ## ten minutes of files that nobody would write
	$(BIN)/python -m tests.fuzz

torture: $(READY) ## hundreds of runs killed, resumed and audited; a thousand jobs against a model
	TORTURE=20000 $(BIN)/python -m pytest -q -n 0 tests/journal/test_settled_index.py
	TORTURE=$(or $(TORTURE),1000) $(BIN)/python -m pytest -q -n 0 -o timeout=0 tests/journal/test_job_against_model.py
	$(BIN)/python -m tests.torture --runs 200

ray: $(READY) ## runs through Ray, its parts killed (300 MB)
	$(PIP) --editable '.[ray]'
	$(BIN)/python -m pytest --timeout 300 tests/ray/*.py

schedulers: $(READY) ## the example DAG in an Airflow of its own (300 MB)
	$(PYTHON) -m venv $(VENV)/airflow
	$(VENV)/airflow/bin/python -m pip install --quiet --disable-pip-version-check --no-input 'apache-airflow>=3.3'
	$(BIN)/python -m tests.schedulers $(VENV)/airflow/bin/python

matrix: ## the tests under every Python from 3.11 to 3.13 that is found
	@seen=" "; failed=""; for python in $(PYTHONS); do \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		case "$$seen" in *" $$version "*) continue;; esac; \
		seen="$$seen$$version "; echo "== Python $$version"; \
		$(MAKE) --no-print-directory test PYTHON=$$python VENV=$(VENV)/$$version || failed="$$failed $$version"; \
	done; echo "== tested:$$seen"; test -z "$$failed" || { echo "== failed:$$failed"; exit 1; }

oldest: ## the tests with the oldest dependencies that pyproject.toml allows
	$(PYTHON) -m venv $(VENV)/oldest
	$(VENV)/oldest/bin/python -m pip install --quiet --disable-pip-version-check --no-input --upgrade pip
	$(VENV)/oldest/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
		--editable '.[dev]' $$($(PYTHON) -c $(LOWER_BOUNDS))
	$(VENV)/oldest/bin/python -m pip list --disable-pip-version-check | grep -iE '^(aiohttp|click|rich|tenacity) '
	$(VENV)/oldest/bin/python -m pytest

clean: ## remove what the other targets made
	rm -rf $(VENV) demo build dist bench.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	find . -name __pycache__ -prune -exec rm -rf {} + ; rm -rf *.egg-info
