# The two commands of the README, and what goes with them. `make` alone lists them.

# Where a system has several Pythons: make PYTHON=/path/to/python3.13 …
PYTHON ?=
# Tests start r2i thousands of times: each compiles what the first one may not write.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast prepared lint drift pins sizes names

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## Build examples/quickstart and open it in Jupyter; prepares the machine where needed
	@$(BIN)/r2i setup --yes
	@tools/demo $(BIN)/r2i examples/quickstart

test: $(VENV)/developed  ## Check everything, engines included; prepares the machine where needed
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint prepared
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations 25

test-fast: $(VENV)/developed  ## Check what needs no engine, without attacks and what takes seconds: while you work
	@$(BIN)/pytest --quiet --numprocesses auto --no-loadscope-reorder --ignore tests/hostile -m "not engine and not browser and not drift and not slow"

prepared: $(VENV)/developed
	@tools/prepare-tests $(BIN)/r2i

lint: $(VENV)/developed  ## Check style, types, imports between rooms and prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/pytest --quiet tests/test_documentation.py -k standard_english

drift: $(VENV)/developed names  ## Say what is no longer true of Debian's and PyPI's packages
	$(BIN)/pytest -m drift -ra

pins: $(VENV)/developed  ## Refresh what ships with r2i: the locks of Jupyter and the tools, the releases and packages of Julia, the tables of wheels, of repo2docker and of Dataverse installations
	$(BIN)/python tools/refresh_pins.py
	$(BIN)/python tools/refresh_julia.py
	$(BIN)/python tools/refresh_julia_packages.py
	$(BIN)/uv run --quiet --python $(BIN)/python tools/refresh_wheels.py
	$(BIN)/python tools/refresh_binder.py
	$(BIN)/python tools/refresh_dataverse.py

sizes: $(VENV)/developed  ## Refresh the tables of what packages hold, need and weigh
	$(BIN)/uv run --quiet --python $(BIN)/python tools/refresh_distributions.py
	$(BIN)/python tools/refresh_apt_sizes.py

names: $(VENV)/developed  ## Say what is no longer true in the table of Debian's and Ubuntu's packages
	$(BIN)/python tools/check_apt_names.py $(MIRRORS)

$(VENV)/installed: pyproject.toml tools/make-venv
	@PYTHON="$(PYTHON)" tools/make-venv $(VENV)
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/developed: $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@
