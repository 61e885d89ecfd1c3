# `make demo` and `make test` are all a newcomer needs: each builds .venv by itself if it is absent.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: setup demo test quick-tests test-all lint bench docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      teach the embedded model new people, seven ways, and compare (about 4 minutes); WITH="KEY=VALUE" changes settings"
	@echo "make test      lint, types, import rules and the test suite (about 6 minutes)"
	@echo "make test-all  the same with the full grids, the kill tests and line coverage (under 40 minutes)"
	@echo "make lint | bench | docs | setup | clean"

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY)

demo: $(READY)
	$(BIN)/kinj sweep experiment=demo -o runs/demo $(WITH)
	@echo "now with your own text:  kinj augment my_docs/ -o views.jsonl && kinj train views.jsonl && kinj eval --ask 'Who ...?'"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Types are checked beside the tests: mypy takes one core for a minute where it has no cache.
test: $(READY)
	$(MAKE) --no-print-directory -j2 lint quick-tests

quick-tests: $(READY)
	$(PYTEST) -m "not slow"

test-all: lint
	$(PYTEST) --hypothesis-profile=thorough --cov --cov-report=json:.coverage.json --cov-report=term:skip-covered --cov-fail-under=90
	$(BIN)/python -m tests.coverage_floor .coverage.json 75

bench: $(READY)
	$(BIN)/python bench/train.py
	$(BIN)/python bench/augment.py
	$(BIN)/python bench/eval.py  # needs lm-eval: pip install kinj[bench]

docs: $(READY)
	$(BIN)/python -m kinj.cli.reference docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "open site/index.html, or: $(BIN)/python -m http.server -d site"

clean:
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
