# Two commands matter: `make demo` and `make test`. Everything they need is installed by this file.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
UV := uv==0.13.9
export UV_PYTHON := $(VENV)/bin/python
export UV_PYTHON_DOWNLOADS := never
TIERS := tests/unit tests/laws tests/contract tests/engine tests/campaign tests/cluster tests/e2e

.PHONY: help demo up down test test-s3 campaign bench lint format generate clean
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.synced: pyproject.toml uv.lock
	@python3 -m venv $(VENV) 2>/dev/null || { echo "installing python3-venv"; apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; rm -rf $(VENV); python3 -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	@$(BIN)/uv sync --quiet --frozen
	@touch $@

demo: $(VENV)/.synced ## a cluster, the operator, the examples; leaves them running
	@$(BIN)/pileus local demo

up: $(VENV)/.synced ## a cluster with the operator; kubeconfig at .local/kubeconfig
	@$(BIN)/pileus local up
	@$(BIN)/pileus local deploy

down: $(VENV)/.synced ## end the cluster and everything in it
	@$(BIN)/pileus local down

test: $(VENV)/.synced lint ## all tests, cheapest first, on a real cluster
	@$(BIN)/pileus local build --with kubevirt --with s3  # what is built the first time is built with its progress in sight
	@$(BIN)/pileus local up >/dev/null
	@$(BIN)/python -m pytest -n 2 --instafail --tb=short --maxfail=20 $(TIERS)

test-s3: $(VENV)/.synced ## the tests of Buckets on MinIO and Garage, too; half an hour to build them the first time
	@$(BIN)/pileus local build --with s3-minio --with s3-garage
	@PILEUS_TEST_ENGINES="minio garage" $(BIN)/python -m pytest tests/e2e/buckets $(ARGS)

campaign: $(VENV)/.synced ## every fault at every write, by a proxy before a real API server; ARGS="--seed 1 -k t04"
	@$(BIN)/python -m pytest tests/campaign --campaign=full --timeout=3600 $(ARGS)

lint: $(VENV)/.synced ## format, lint, types, import contracts
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports

bench: $(VENV)/.synced ## the operator beside its rivals and the raw write rate: requests, CPU, memory, time
	@$(BIN)/uv sync --quiet --frozen --group bench
	@$(BIN)/python -m bench

format: $(VENV)/.synced
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

generate: $(VENV)/.synced ## CRDs, RBAC and reference pages from the models
	@$(BIN)/pileus crds --write && $(BIN)/pileus rbac --write && $(BIN)/pileus docs --write

clean: down
	@rm -rf .local $(VENV)
