# Every target works on a fresh machine: what it needs is installed into .venv first, once.
SHELL := /bin/sh
BIN := .venv/bin
PYTHON_FILES := harness tests tools benchmarks
WORKFLOW_FILES := Snakefile workflow

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install demo test test-thorough lint docs format bench lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 15

install: ## create .venv and install the pinned dependencies (PYTHON=... names an interpreter)
	@sh tools/install.sh

demo: install ## the whole comparison on embedded photographs, on a CPU, in minutes
	@sh tools/demo.sh
	@echo && cat reports/demo/tables/main.md && echo && echo "report: $$(pwd)/reports/demo/report.html"

test: lint ## lint, then all tests but the thorough ones
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations 30 -m 'not thorough'

test-thorough: install ## the tests that take long: workflows that are killed, damaged, extended
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations 10 -m thorough

docs: install ## write the pages that come from the code, and the documentation as a site: build/site/index.html
	$(BIN)/python -m tools.architecture
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.emulated_table
	$(BIN)/python -m tools.bad_inputs
	@# not --quiet: what it silences, strict does not count
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

lint: install ## style, formats, types, workflow
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)
	$(BIN)/mypy
	$(BIN)/snakefmt --check $(WORKFLOW_FILES)
	$(BIN)/python -m snakemake --lint --configfile configs/experiments/demo.yaml

format: install ## put all files into the format that lint asks for
	$(BIN)/ruff check --fix $(PYTHON_FILES)
	$(BIN)/ruff format $(PYTHON_FILES)
	$(BIN)/snakefmt $(WORKFLOW_FILES)

bench: install ## speed against BasicSR, as ratios measured in one run
	$(BIN)/python -m benchmarks

lock: install ## rewrite requirements.lock and environment.yml from what .venv holds
	$(BIN)/python -m tools.lock

clean: ## remove .venv and all caches; results and reports stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info
	find $(PYTHON_FILES) -name __pycache__ -prune -exec rm -rf {} +
