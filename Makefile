# The commands of this repository; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help up status logs down reset setup programs test lint format lock requirements tables bench lambda-zips pin

UV_VERSION := 0.13.9
# uv from the path if it has this version, else our own copy
UV = $(shell [ "$$(uv --version 2>/dev/null | cut -d ' ' -f 2)" = "$(UV_VERSION)" ] && command -v uv || echo .uv/bin/uv)
BIN := .venv/bin
# with this variable, every start of a service would compile its libraries again
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: setup ## Start every service on this machine, run the pipeline once, show a first prediction
	@$(BIN)/readmission up

status: ## Show the state of every service; fail unless all are healthy
	@$(call installed,status,exit 1;)

logs: ## Follow a service's log: make logs SERVICE=mlflow (FOLLOW=0: show only the last lines)
	@$(call installed,logs $(SERVICE) $(if $(filter 0,$(FOLLOW)),--no-follow))

down: ## Stop everything; the data are kept
	@$(call installed,down)

reset: ## Stop everything and delete its data, secrets and logs (FORCE=1: do not ask)
	@$(call installed,reset $(if $(filter-out 0,$(FORCE))$(CI),--force))

setup: .venv/.complete ## Make the Python environment

programs: setup ## Install MariaDB and Prometheus if that needs no password
	@$(BIN)/readmission programs

test: programs lint ## Run every check and test, as CI does
	$(BIN)/pytest -n 2 --dist loadfile tests --ignore tests/e2e
	$(BIN)/pytest tests/e2e

lint: setup ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: setup ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: .uv/$(UV_VERSION) ## Resolve the dependencies of pyproject.toml again
	$(UV) lock
	$(MAKE) requirements

requirements: .uv/$(UV_VERSION) ## Write the requirements of each deployable from the lock file
	$(call export,pipeline,requirements.txt)
	$(call export,tracking,requirements_mlflow.txt)
	$(call export,data-api,ec2_api/requirements.txt)
	$(call export,serving,fastapi/requirements.txt)
	$(call export,ui,streamlit/requirements.txt)

tables: setup ## Write the services' tables of the documents, and prometheus.yml, from the catalogue
	@$(BIN)/python -m readmission.local.tables

bench: setup ## Run the benchmarks: one table for each file of bench/
	@for file in bench/*.py; do echo "$$file"; $(BIN)/python "$$file" || exit 1; done

lambda-zips: ## Build the zips of the AWS functions in var/lambda, reproducibly
	@python3 aws/scripts/build_lambda_zips.py var/lambda

pin: ## Write the digests of the base images into images.env (needs their registry)
	@python3 .ci/pin_images.py images.env

.venv/.complete: pyproject.toml uv.lock | .uv/$(UV_VERSION)
	@echo "Making the Python environment (.venv)"
	@$(UV) sync --frozen --all-extras --quiet
	@touch $@

.uv/$(UV_VERSION):
	@sh .ci/bring-uv $(UV_VERSION)

installed = if [ -x $(BIN)/readmission ]; then $(BIN)/readmission $(1); else echo "Nothing was started here yet: make up."; $(2) fi
export = @$(UV) export --frozen --no-emit-project --quiet --extra $(1) -o $(2)
