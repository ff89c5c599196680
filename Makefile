# The two commands of the README, and what goes with them. `make` alone lists them.

# Where a system has several Pythons: make PYTHON=/path/to/python3.13 …
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint pins sizes names

help:  ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## Build examples/quickstart and open it in Jupyter; prepares the machine where needed
	@$(BIN)/r2i setup --yes
	@tools/demo $(BIN)/r2i examples/quickstart

test: $(VENV)/developed  ## Check everything, engines included; prepares the machine where needed
	@$(MAKE) --no-print-directory lint
	@tools/prepare-tests $(BIN)/r2i
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/developed  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pins: $(VENV)/developed  ## Refresh what ships with r2i: the locks of Jupyter and the tools, the table of wheels
	$(BIN)/python tools/refresh_pins.py
	$(BIN)/uv run --quiet --python $(BIN)/python tools/refresh_wheels.py

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
