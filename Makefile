# Everything that Andon needs, from a fresh clone with only Python 3.11+, git and make.
#   make demo   set up, then the demo
#   make test   set up, then the tests
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

LOCK := requirements/dev.txt
SYSTEM_PACKAGES := bubblewrap
TEST_PACKAGES := gcc jq openssl strace
ARGS ?=
# Real agent clients: `default` is enough to hold every law; `all` are half a gigabyte and some minutes more.
CLIENTS ?= default
SELECTED = $(if $(filter all slower,$(CLIENTS)),,not slower_clients)

.PHONY: help setup system clients demo test crashes check docs format soak ablations bench lock clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## the virtual environment with everything in it

$(STAMP): $(LOCK) requirements/build.txt pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" LOCK="$(LOCK)" sh scripts/setup.sh
	@touch $@

system: ## system packages that tests and the sandbox need
	@sh scripts/system.sh $(SYSTEM_PACKAGES)

clients: setup ## real agent clients that the tests drive (CLIENTS: default, slower, all or names)
	@sh scripts/clients.sh $(VENV) $(CLIENTS)

demo: setup system ## a real project, real tasks, workers side by side, some of whom cheat
	@$(BIN)/andon demo $(ARGS)

test: setup system ## all tests (CLIENTS=all: those of the slower real clients, too)
	@sh scripts/system.sh $(TEST_PACKAGES)
	@sh scripts/node.sh $(VENV)
	@sh scripts/clients.sh $(VENV) $(CLIENTS)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n auto --dist worksteal -q -m "$(SELECTED)" $(ARGS)

crashes: setup system ## a fault at every write boundary of every command (ARGS="--all --actions kill,kill-one,full,eio")
	@$(BIN)/python -m tests.crashes $(ARGS)

check: setup ## style, types, layers, documentation, workflow files
	@$(BIN)/ruff check -q src tests benchmarks scripts
	@$(BIN)/ruff format --check -q src tests benchmarks scripts || { echo "out of form: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >$(VENV)/layers.log || { cat $(VENV)/layers.log; exit 1; }
	@$(BIN)/python scripts/generate_docs.py --check
	@$(BIN)/python scripts/check_docs.py
	@[ ! -d .andon/workflows ] || $(BIN)/andon workflow lint
	@echo "check: all good"

docs: setup ## renew generated references
	@$(BIN)/python scripts/generate_docs.py

format: setup ## put the code into form
	@$(BIN)/ruff check --fix-only -q src tests benchmarks scripts
	@$(BIN)/ruff format -q src tests benchmarks scripts

soak: setup ## the simulator on fresh seeds for hours (TIME=8h)
	@$(BIN)/python -m andon.testing --soak $(or $(TIME),8h) $(ARGS)

ablations: setup ## each safeguard switched off: how many seeds until it is noticed
	@$(BIN)/python -m andon.testing --ablations $(ARGS)

bench: setup system ## benchmarks against floors
	@sh scripts/clients.sh $(VENV) default
	@$(BIN)/python -m benchmarks $(ARGS)

lock: setup ## renew the locks from pyproject.toml
	@sh scripts/lock.sh $(BIN)

clean: ## remove what was made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
