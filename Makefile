# Every target sets itself up: a fresh machine needs Python 3.11 or newer and make.
PYTHON ?= python3
PORT ?= 5000
# Processes that run tests: many tests wait for a server, so one more than the processors. The tests of one file stay in
# one process, since they share servers and browsers; files with slow tests come first.
JOBS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo attack soak screens catalogue test test-fast coverage interop bench lint fuzz conformance house mutate docs package clean

install: $(VENV)/.installed
demo: $(VENV)/.installed
	@DEMO_DEVELOPMENT=1 DEMO_PORT=$(PORT) $(BIN)/python -m demo
test: $(VENV)/.tests-installed
	@$(BIN)/python -m pytest $(PARALLEL)
test-fast: $(VENV)/.tests-installed
	@HYPOTHESIS_PROFILE=quick $(BIN)/python -m pytest -q $(PARALLEL) -m "not slow and not broad and not repository"
coverage: $(VENV)/.tests-installed
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest $(PARALLEL)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
interop: $(VENV)/.tests-installed
	@$(BIN)/python -m pytest $(PARALLEL) tests/interop
screens: $(VENV)/.tests-installed
	@$(BIN)/python -m tests.browser.screens docs/screens
catalogue: $(VENV)/.tests-installed
	@$(BIN)/python -m tools.catalogue
lint: $(VENV)/.tests-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
fuzz: $(VENV)/.tests-installed
	@for seed in 1 2 3 4 5 6 7 8 9 10; do \
	  HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest tests/property -q --hypothesis-seed=$$seed || exit 1; \
	done
conformance: $(VENV)/.tests-installed
	@$(BIN)/python docs/conformance.py
mutate: $(VENV)/.tests-installed
	@$(BIN)/python -m tests.mutation
house: $(VENV)/.tests-installed
	@$(BIN)/python -m tools.house
docs: $(VENV)/.docs-installed
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -b html docs docs/_build/html
	@$(BIN)/python -m docs.check docs/_build/html
package: $(VENV)/.package-installed
	@$(BIN)/python -m tools.package
attack: $(VENV)/.tests-installed
	@$(BIN)/python -m tests.attack
soak: $(VENV)/.tests-installed
	@$(BIN)/python -m tests.soak
bench: $(VENV)/.tests-installed
	@$(BIN)/python -m bench
clean:
	rm -rf $(VENV) dist build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[demo,postgres,redis,logo,mcp,metrics]"
	@touch $@
$(VENV)/.tests-installed: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group test --group browser --group deploy --group lint
	@touch $@
$(VENV)/.docs-installed: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@
$(VENV)/.package-installed: pyproject.toml $(VENV)/.tests-installed
	$(BIN)/python -m pip install --quiet --group package
	@touch $@
