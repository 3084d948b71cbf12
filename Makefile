# What can be done here: `make` lists it. Everything runs in .venv, which `make setup` makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete

.DEFAULT_GOAL := help
.PHONY: help setup demo tour up check templates test test-all lint format bench screenshots clean

help: ## list these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything in it (again only after pyproject.toml or constraints.txt changed)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1). Another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments here. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV), which takes a minute or two"
	@$(BIN)/python -m pip install -qq -c constraints.txt -e '.[dev]'
	@# Borders for samples and tests, without its own requirements: pandas would be imported by every run.
	@$(BIN)/python -m pip install -qq --no-deps -c constraints.txt bokeh-sampledata
	@touch $@

demo: setup ## import the samples of the shipped accounts and show what came of them
	$(BIN)/import-pipeline demo

tour: setup ## the README's tour: plan, import, undo, replay, resend, exports of the past, on the sample files
	@sed -n '/tour:begin/,/tour:end/p' README.md | sed '/^```/d; /^<!--/d' | bash -e

up: setup ## run everything: doors, imports, exports and the web page
	$(BIN)/import-pipeline up

check: setup ## check the YAML of all accounts and tell every fault with file and line
	$(BIN)/import-pipeline check

templates: setup ## write the empty file to fill in for each object type
	$(BIN)/import-pipeline template

test: setup ## the quick tests
	$(BIN)/pytest -m "not slow" -n 2 --dist worksteal

test-all: setup ## the slow rest: faults at scale, longer properties, scenarios through the real daemon
	$(BIN)/pytest -m slow -n 2 --dist worksteal
	@# One after the other: each starts processes of its own and has a time to keep.
	$(BIN)/pytest --live -m live

lint: setup ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## make the numbers of README's performance table
	$(BIN)/python -m benchmarks

screenshots: setup ## take the README's pictures of the desk anew, in Chromium
	$(BIN)/python -m import_pipeline_tests.gateway.http.desk.screenshots

clean: ## remove .venv and caches; data/ (records, originals, receipts) stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info benchmarks/work test-output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
