# Two commands: `make up` starts everything, `make test` proves it. `make` alone lists the rest.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := app workers beat_schedules dashboard
CODE := $(PACKAGES) migrations tests wsgi.py gunicorn.conf.py flowerconfig.py
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
RUN_HOME := $(or $(ALERTING_HOME),.run)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help up test lint unit integration e2e bench logs requirements check-requirements clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.installed ## Install what is missing, start everything, print where it is; Ctrl-C stops it
	@$(BIN)/python -m app.up

test: unit integration e2e ## Run all tests, the quick ones first

lint: $(VENV)/.installed-dev check-requirements ## Check style, types and the architecture's contracts
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy $(PACKAGES:%=-p %)
	$(BIN)/lint-imports

unit: $(VENV)/.installed-dev ## Tests of decisions: no store, no network, seconds
	$(BIN)/pytest tests/unit tests/property $(ARGS)

integration: $(VENV)/.installed-dev ## Tests on SQLite, PostgreSQL and Redis, which they bring along
	$(BIN)/pytest -n auto tests/integration $(ARGS)

e2e: $(VENV)/.installed-dev ## Tests of the real processes, and of the dashboard in Chromium
	$(BIN)/python -m tests.e2e.chromium
	$(BIN)/pytest tests/e2e $(ARGS)

bench: $(VENV)/.installed-dev ## Measure; figures are printed, nothing is asserted
	@$(BIN)/python -m tests.performance $(ARGS)

logs: ## Follow the logs of what runs; ALERT=<id> shows one alert's way through all processes instead
	@test -d "$(RUN_HOME)/logs" || { echo "no logs in $(RUN_HOME)/logs; run make up first" >&2; exit 1; }
ifneq ($(origin ALERT),undefined)
	@test -n "$(ALERT)" || { echo "give an alert's id: make logs ALERT=<id>" >&2; exit 1; }
	@grep -h -F -e "$(ALERT)" "$(RUN_HOME)"/logs/*.log* \
		| awk 'match($$0, /"timestamp": *"[^"]*"/) {print substr($$0, RSTART, RLENGTH) "\t" $$0}' | sort | cut -f 2-
else
	@tail -n 20 -F "$(RUN_HOME)"/logs/*.log
endif

requirements: $(VENV)/.installed-dev ## Pin the newest versions that fit together, from requirements.in and requirements-dev.in
	$(BIN)/uv pip compile -q --universal --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" --python-version 3.11 --upgrade requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" --python-version 3.11 --upgrade requirements-dev.in -o requirements-dev.txt

check-requirements:
	@! grep -nE '^ *(-i|-f|--(extra-)?index-url|--find-links|--trusted-host|--no-index)|://|@ file:' requirements*.txt requirements*.in \
		|| { echo "requirements name where packages come from; that is each machine's own choice" >&2; exit 1; }

clean: ## Remove .venv and caches; what a running system wrote stays in .run
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks
	find $(PACKAGES) migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed and was not found; install it, or name it: make up PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing what the product needs (the first time some 100 packages, about a minute)"
	@$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what the tests need"
	@$(PIP) install -r requirements-dev.txt
	@touch $@
