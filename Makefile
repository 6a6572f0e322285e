# One command each: `make run` answers over a simulated company, `make test` proves it, `make ui` shows it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help install run test conformance lint format ui lock clean

help:            ## what can be made
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */ – /'

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed, {sys.executable} is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	@# uv installs the same hashed set in a third of pip's time; where it cannot reach the index, pip does it
	awk '/^uv==/ {p=1} p {print} p && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r $(VENV)/uv.lock
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock \
	  || $(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . \
	  || $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

install: $(STAMP)  ## the environment in .venv, from the hashed lock

run: install     ## simulate a company once, load its bills, print what its machine learning costs
	@test -f var/company/finops.yaml || $(BIN)/finops simulate --out var/company
	@$(BIN)/finops run

test: install    ## every test
	@$(BIN)/python -m pytest -n 2 --dist worksteal

conformance: install  ## what takes longer: twelve months at ten times the size, killed runs, FOCUS's validator, queries and rules
	@$(BIN)/python -m pytest -m conformance

lint: install    ## ruff and pyright
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: install  ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

ui: install      ## Dagster's web page on 127.0.0.1:3000
	@mkdir -p var/dagster && cp dagster.yaml var/dagster/
	DAGSTER_HOME=$(CURDIR)/var/dagster PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/dg dev --host 127.0.0.1

lock: install    ## resolve the dependencies anew (names no registry)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-header --no-annotate --no-strip-extras --quiet -o requirements.lock

clean:           ## remove the environment and the warehouse
	rm -rf $(VENV) var
