# The targets of a working day. Checks are the same here and in .ci/run.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(firstword $(shell command -v python3.11 python3 python))
UV := .venv/bin/uv
JOBS := .venv/bin/python
DEMO ?= .demo
AIRFLOW_PORT ?= 8080
# Where pip was told to look for packages, uv looks as well.
PIP_INDEX = $(or $(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
UV_ENV = $(if $(UV_DEFAULT_INDEX)$(UV_INDEX_URL),,$(if $(PIP_INDEX),UV_DEFAULT_INDEX=$(PIP_INDEX)))
COMPILE := pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: help setup lock demo airflow test lint types spark cluster-test kill fuzz drill bench pictures clean

help: ## This help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready .venv-airflow/.ready ## Both environments, .venv and .venv-airflow, from the hash-pinned locks

.venv/.uv: requirements-build.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo 'Python 3.11 is needed; name it with: make setup PYTHON=/path/to/python3.11' >&2; exit 2; }
	@echo '== .venv: Python and uv'
	@$(PYTHON) -m venv .venv
	@$(JOBS) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	@touch $@

# Compiled at once: else every process compiles anew where nothing may be written (PYTHONDONTWRITEBYTECODE, another user's
# service), which takes longer than a small night's work.
.venv/.ready: .venv/.uv requirements.lock pyproject.toml
	@echo '== .venv: the jobs'
	@$(UV_ENV) $(UV) pip sync --quiet --compile-bytecode --python $(JOBS) --require-hashes requirements.lock requirements-build.lock
	@$(UV_ENV) $(UV) pip install --quiet --python $(JOBS) --no-build-isolation --no-deps --no-index --editable .
	@touch $@

.venv-airflow/.ready: .venv/.uv requirements-airflow.lock
	@echo '== .venv-airflow: Airflow'
	@test -x .venv-airflow/bin/python || $(UV) venv --quiet --python $(PYTHON) .venv-airflow
	@$(UV_ENV) $(UV) pip sync --quiet --compile-bytecode --python .venv-airflow/bin/python --require-hashes requirements-airflow.lock
	@touch $@

lock: .venv/.uv ## Compile the three locks anew from pyproject.toml and requirements-*.in
	@$(UV_ENV) $(UV) $(COMPILE) --extra dev pyproject.toml -o requirements.lock
	@$(UV_ENV) $(UV) $(COMPILE) requirements-airflow.in -o requirements-airflow.lock
	@$(UV_ENV) $(UV) $(COMPILE) requirements-build.in -o requirements-build.lock

demo: setup ## Three nights of the sample town and the real messages, in Airflow (about five minutes; ARGS="--nights 2")
	@$(JOBS) -m jobs.demo run --into $(DEMO) $(ARGS)

airflow: setup ## The Airflow UI on loopback, over the demo's Airflow home and workspace (AIRFLOW_PORT=8080)
	@exec $(JOBS) -m jobs.demo ui --into $(DEMO) --port $(AIRFLOW_PORT)

test: setup ## The tests, except those that start Spark, Airflow or a killer (ARGS="-k name -x")
	@$(JOBS) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: .venv/.ready ## ruff: rules and format
	@.venv/bin/ruff check . && .venv/bin/ruff format --check --quiet .

types: .venv/.ready ## mypy
	@.venv/bin/mypy

spark: setup ## One night on Sail and on Spark: the same tables (needs Java)
	@$(JOBS) -m pytest -m spark tests/engines/test_parity.py $(ARGS)

cluster-test: setup ## A night on a Spark cluster of two workers: the tables that Sail gives (needs Java)
	@$(JOBS) -m pytest -m cluster tests/engines/test_cluster.py $(ARGS)

kill: setup ## The whole kill test: after each commit, and at twenty instants
	@$(JOBS) -m pytest -m kill tests/nights/test_kill.py $(ARGS)

fuzz: setup ## 20,000 hostile files, names, contracts and nights from a seed; what must be zero is counted (ARGS="--seed 7 --cases 1000")
	@$(JOBS) -m tests.fuzz $(ARGS)

drill: setup ## Bad nights rehearsed: what one sees, what to do, nothing lost (ARGS="torn disk" or ARGS="--without airflow")
	@$(JOBS) -m tests.drill $(ARGS)

bench: setup ## What a night costs here, beside a DuckDB script by hand (ARGS="--rows 200000 --runs 1 --only night")
	@$(JOBS) -m tests.bench $(ARGS)

pictures: setup ## The picture of the README, taken anew (needs Chromium with its driver and fonts-noto-cjk)
	@$(JOBS) -m tests.support.pictures

clean: ## Remove the demo and all caches; the environments stay
	@rm -rf $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis spark-warehouse artifacts metastore_db
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
