# Bullion. `make help` lists the targets, with the comments below.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.8

# Downloads trust the system's certificates, so that they work behind a proxy that signs TLS anew;
# SSL_CERT_FILE names a file of others. An older pip has to be told where the system keeps them.
SYSTEM_CERTS := /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem
PIP_CERT ?= $(firstword $(SSL_CERT_FILE) $(wildcard $(SYSTEM_CERTS)))
UV_SYSTEM_CERTS := 1
export PIP_CERT UV_SYSTEM_CERTS

# Python keeps what it compiled, whatever the shell says: otherwise each of Airflow's processes and
# tasks compiles thousands of modules anew, 10 s of a core at every start.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install install-dev install-torch install-feast lock format check check-deploy test test-unit test-integration coverage torture \
	bench verify sql clean up down status logs airflow mlflow api dashboard screenshots smoke promote rollback secrets drill \
	docker-build docker-up docker-down docker-logs docker-restart docker-health docker-release docker-smoke docker-clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## Make .venv from the lock, if it is missing or out of date

# The lock's checksum names the environment: a changed lock makes a new one. Installing needs
# nothing but Python 3.11; uv comes from the package registry and is much faster than pip.
$(READY): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Bullion needs Python 3.11: install it, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "$(PYTHON) is $$($(PYTHON) --version), Bullion needs Python 3.11" >&2; exit 1; }
	@echo "installing $$(grep -c '^[a-z0-9]' requirements.txt) packages into $(VENV) ..."
	@rm -f $(READY)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $(READY)

install-dev: $(READY) ## The same, and the checks that git runs before a commit
	@$(BIN)/pre-commit install

# PyTorch trains one of the candidates and exports FinBERT; without it these alone are missing. It is installed
# by pip: uv sees neither a build that lies on this machine's disk nor, with the lock's index, any
# but the one with gigabytes of CUDA. TORCH_INDEX names the index of the builds for the CPU. All else
# that PyTorch needs is in the lock already, and stays as it is.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH_READY := $(VENV)/.torch

install-torch: $(TORCH_READY) ## Add PyTorch to .venv, for the candidate that is trained with it, and to export FinBERT

$(TORCH_READY): $(READY) requirements-torch.txt
	@echo "installing PyTorch into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--extra-index-url "$(TORCH_INDEX)" --requirement requirements-torch.txt
	@touch $(TORCH_READY)

# Feast wants an older Redis client than Airflow does: it has an environment of its own.
FEAST := .venv-feast

install-feast: $(FEAST)/.ready ## Make .venv-feast, for `bullion feast` to bring features online

$(FEAST)/.ready: requirements-feast.txt | $(READY)
	@echo "installing Feast into $(FEAST) ..."
	@rm -rf $(FEAST) && $(PYTHON) -m venv --without-pip $(FEAST)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(FEAST)/bin/python requirements-feast.txt
	@touch $@

# DETACH=1 returns and leaves it running; so does a start from a script, where nobody sees Ctrl-C.
SERVICES = $(if $(SOURCE),BULLION_SOURCE=$(SOURCE)) $(if $(STREAM),BULLION_STREAM=$(STREAM)) exec $(BIN)/python -m include.services
UP = $(SERVICES) up $(if $(DETACH),--detach)

up: $(READY) ## Start everything, bring the first data, print the signal; SOURCE=yahoo, STREAM=oanda, DETACH=1
	@$(UP)

airflow: $(READY) ## Start Airflow alone
	@$(UP) airflow

mlflow: $(READY) ## Start MLflow alone
	@$(UP) mlflow

api: $(READY) ## Start the read API alone
	@$(UP) api

dashboard: $(READY) ## Start the dashboard, and the API that it reads
	@$(UP) dashboard api

down: $(READY) ## Stop everything; the data stays
	@$(SERVICES) down

status: $(READY) ## What runs, and where
	@$(SERVICES) status

logs: $(READY) ## Follow the logs of all services
	@$(SERVICES) logs

lock: ## Solve requirements.in anew into requirements.txt, and the smaller locks beside it
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV); $(BIN)/python -m pip install --quiet uv==$(UV_VERSION); }
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --upgrade \
		requirements.in --output-file requirements.txt
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --upgrade \
		--constraint requirements.txt requirements-serving.in --output-file requirements-serving.txt
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --upgrade --no-deps \
		--constraint requirements.txt requirements-kubernetes.in --output-file requirements-kubernetes.txt
	@for name in deploy feast; do $(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header \
		--upgrade requirements-$$name.in --output-file requirements-$$name.txt; done

# The chart and the Terraform files are checked in an environment of their own, which is made once;
# they are checked again when one of them, or what checks them, has changed.
DEPLOY := .venv-deploy
DEPLOYED := $(shell find include/deploy/helm include/deploy/terraform -type f) include/deploy/KUBERNETES.md \
	docker-compose.yaml tests/deploy/check_chart.py tests/deploy/check_terraform.py

$(DEPLOY)/.ready: requirements-deploy.txt | $(READY)
	@echo "installing what checks the deployment into $(DEPLOY) ..."
	@rm -rf $(DEPLOY) && $(PYTHON) -m venv --without-pip $(DEPLOY)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(DEPLOY)/bin/python requirements-deploy.txt
	@touch $@

$(DEPLOY)/.checked: $(DEPLOY)/.ready $(DEPLOYED)
	@$(DEPLOY)/bin/python -m tests.deploy.check_chart
	@$(DEPLOY)/bin/python -m tests.deploy.check_terraform
	@touch $@

check-deploy: $(DEPLOY)/.checked ## The chart and the Terraform files alone; a part of check

format: $(READY) ## Put the code into shape
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

check: $(READY) check-deploy ## Lint, types, rules and circles of imports, locks, the chart and the Terraform files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tests.import_circles
	@$(BIN)/python -m tests.lock_in_step

test-unit: test ## The same as test

test: $(READY) ## Run the tests that need no servers
	@$(BIN)/pytest -n 2 --dist worksteal -m "not integration and not torture"

# More workers than CI has cores: a test that kills something waits half a minute for a heartbeat.
test-integration: $(READY) ## Run the tests that need servers, a browser or Airflow
	@$(BIN)/pytest tests/integration -n 3 --dist loadfile --no-loadscope-reorder -m "integration and not torture"

coverage: $(READY) ## Tests with the lines they do not reach
	@$(BIN)/pytest -n 2 -m "not integration and not torture" --cov=pipelines --cov=serving --cov=dashboard --cov-report=term-missing:skip-covered

torture: $(READY) ## Every fault of include/RELIABILITY.md to its end, some hours; it goes on where it was stopped
	@$(BIN)/python -m tests.faults $(FAULTS)

drill: $(READY) ## Ten releases under 100,000 requests, good and broken ones, and a report of them
	@$(BIN)/python -m tests.release $(DRILL)

bench: $(READY) ## Speed, compared with others measured in the same run
	@$(BIN)/python -m tests.bench

verify: $(READY) ## Check every file of the lake against its recorded checksum
	@$(BIN)/bullion verify

screenshots: $(READY) ## Pictures for the README, while `make up` runs
	@$(BIN)/python -m include.screenshots

smoke: $(READY) ## Bars in, signal out, in about a minute, on a lake that is gone afterwards
	@$(BIN)/python -m include.deploy.smoke

FORECAST ?= nasdaq100_hourly
TO ?= Production
OF = $(if $(TARGET),--target $(TARGET))

promote: $(READY) ## Make a version serve: VERSION=3, FORECAST=nasdaq100_hourly, TARGET=one of several, TO=Production
	@test -n "$(VERSION)" || { echo "which version? make promote VERSION=3; bullion models lists them" >&2; exit 2; }
	@$(BIN)/bullion promote $(FORECAST) $(OF) --version $(VERSION) --to $(TO)

rollback: $(READY) ## Withdraw the champion: REASON="...", FORECAST=nasdaq100_hourly, TARGET=one of several
	@test -n "$(REASON)" || { echo 'why? make rollback REASON="..."; make promote takes it back' >&2; exit 2; }
	@$(BIN)/bullion rollback $(FORECAST) $(OF) --reason "$(REASON)"

sql: $(READY) ## A DuckDB prompt with the lake attached read-only
	@init=$$(mktemp); trap 'rm -f "$$init"' EXIT; $(BIN)/bullion sql-init > "$$init"; \
		$(BIN)/duckdb -init "$$init"

clean: ## Remove the environment and what tests leave behind; the lake stays
	@rm -rf $(VENV) .venv-deploy .venv-feast .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov .coverage

# The deployment in containers: include/deploy/README.md. What is needed here is Docker with compose.
COMPOSE := docker compose
RELEASE := $(COMPOSE) --profile release

secrets: ## Write the secrets of a deployment into .env; what is there stays
	@$(PYTHON) -m include.deploy.secrets

docker-build: ## Build the images
	@$(COMPOSE) build

docker-up: ## Start the deployment, and wait until all of it is well; STREAM=oanda follows live prices
	@$(if $(STREAM),BULLION_STREAM=$(STREAM) COMPOSE_PROFILES=stream) $(COMPOSE) up --detach --wait --wait-timeout 600

docker-down: ## Stop the deployment; the data stays
	@$(COMPOSE) down

docker-logs: ## Follow the logs of the deployment; ONLY=airflow-scheduler
	@$(COMPOSE) logs --follow --tail 50 $(ONLY)

docker-restart: ## Restart the deployment; ONLY=api
	@$(COMPOSE) restart $(ONLY)

docker-health: ## How each container stands; fails unless all are well
	@$(COMPOSE) ps --all --format 'table {{.Service}}\t{{.State}}\t{{.Health}}\t{{.Status}}'
	@$(COMPOSE) exec -T airflow-worker python -m include.deploy.health http://airflow-api-server:8080/api/v2/monitor/health metadatabase scheduler dag_processor triggerer
	@$(COMPOSE) exec -T api python -m include.deploy.health http://nginx:8080/proxy-health
	@$(COMPOSE) exec -T api python -m include.deploy.health http://127.0.0.1:8000/health

docker-release: ## Try an image on a tenth of the callers: IMAGE=bullion-serving:0.2.0, MODELS=nasdaq100_hourly=3
	@test -n "$(IMAGE)" || { echo "which image? make docker-release IMAGE=bullion-serving:0.2.0" >&2; exit 2; }
	@$(RELEASE) up --detach --wait release-watch
	@place=$$($(RELEASE) exec -T release-watch python -m pipelines.cli release place); \
		case "$$place" in first) service=api ;; second) service=api-second ;; *) echo "$$place" >&2; exit 1 ;; esac; \
		name=BULLION_RELEASE_$$(echo "$$place" | tr a-z A-Z); \
		sed -i "/^$${name}_IMAGE=/d; /^$${name}_MODELS=/d" .env; \
		printf '%s\n' "$${name}_IMAGE=$(IMAGE)" "$${name}_MODELS=$(MODELS)" >> .env; \
		$(RELEASE) up --detach --no-deps "$$service"; \
		$(RELEASE) exec -T release-watch python -m pipelines.cli release start --runs-already \
			--code "$(IMAGE)" --models "$(MODELS)" --no-watch
	@$(RELEASE) exec -T release-watch python -m pipelines.cli release status

docker-smoke: ## Bars in, signal out through nginx, on the deployment's own lake: the sample's rows stay
	@$(COMPOSE) exec -T -e BULLION_API_KEYS="$$(sed -n 's/^BULLION_API_KEYS=//p' .env)" airflow-worker \
		python -m include.deploy.smoke --api http://nginx:8080

docker-clean: ## Remove the deployment, its images and ALL ITS DATA; asks first, unless SURE=yes
	@test "$(SURE)" = yes || { read -r -p "All data of the deployment will be gone. Write yes: " sure; test "$$sure" = yes; }
	@$(COMPOSE) down --volumes --rmi local --remove-orphans
