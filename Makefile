# Works with GNU make 3.81, the one that macOS ships.
#
# Everything runs in .venv, which is made on first use with PYTHON, or else with the first of the
# interpreters below that fits. Stamps in .venv say what is installed there, so that pip, and with
# it the network, is only asked when pyproject.toml has changed.

.DEFAULT_GOAL := help
.SUFFIXES:

VENV    := .venv
PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip install --quiet --disable-pip-version-check
DEMO    := gputail-demo
SOURCES  = eventlog gputail helm/gputail/files image ingest query tests $(if $(wildcard bench/*.py),bench)

# --- the interpreter ---------------------------------------------------------------------------

CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.14 python3.13 python3.12 python3.11 python3)

# Prints "ok", or what is wrong with the interpreter that runs it.
PROBE := import sys; from importlib.util import find_spec; v = sys.version_info; \
	print("is not CPython" if sys.implementation.name != "cpython" \
	else "is %d.%d" % v[:2] if v < (3, 11) \
	else "has no venv or ensurepip" if not (find_spec("venv") and find_spec("ensurepip")) else "ok")

# Prints "ok NAME" for the first candidate that fits, else what was found.
FIND = found=; for python in $(CANDIDATES); do \
	command -v "$$python" >/dev/null 2>&1 || continue; \
	verdict=`"$$python" -c '$(PROBE)' 2>/dev/null` || verdict="does not run"; \
	if [ "$$verdict" = ok ]; then echo "ok $$python"; exit 0; fi; \
	found="$$found$${found:+, }$$python $$verdict"; \
	done; echo "no $${found:-none of them}"

NO_PYTHON = gputail needs CPython 3.11 or newer with the venv module. \
	Looked for $(subst ",,$(CANDIDATES)); found: $(wordlist 2,99,$(PICKED)). \
	Install it (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python) \
	or name one: make PYTHON=/path/to/python3

# Prints "ok" if .venv is there and of the interpreter that is asked for.
IDENTITY := import sys; assert sys.version_info >= (3, 11); print(sys.base_prefix, sys.version)
VENV_STATE := $(shell "$(PY)" -c 'import pip' 2>/dev/null && now=`"$(PY)" -c '$(IDENTITY)' 2>/dev/null` && \
	{ test -z "$(PYTHON)" || test "$$now" = "`"$(PYTHON)" -c '$(IDENTITY)' 2>/dev/null`"; } && echo ok)

$(VENV)/.made: $(if $(VENV_STATE),,FORCE)
	$(if $(VENV_STATE),,$(eval PICKED := $(shell $(FIND))))
	$(if $(VENV_STATE)$(filter ok,$(firstword $(PICKED))),,$(error $(strip $(NO_PYTHON))))
	@$(if $(VENV_STATE),:,"$(wordlist 2,99,$(PICKED))" -m venv --clear $(VENV))
	@touch $@

# --- what is installed -------------------------------------------------------------------------

$(VENV)/.runtime: $(VENV)/.made pyproject.toml
	@echo "Installing gputail into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "Installing gputail and what its tests need into $(VENV)"
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.runtime $@

$(VENV)/.bench: $(VENV)/.made pyproject.toml
	@echo "Installing gputail and what its benchmarks need into $(VENV)"
	@$(PIP) --editable '.[bench]'
	@touch $(VENV)/.runtime $@

# --- targets -----------------------------------------------------------------------------------

.PHONY: help install build run demo demo-log openapi test cover lint check fmt bench reliability docker docker-broker docker-streamer docker-collector docker-api kind-up kind-down kubernetes-test FORCE

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "PYTHON=python3.13 chooses the interpreter; without it the first of"
	@echo "python3.14, python3.13, python3.12, python3.11 and python3 that fits is taken."

install: $(VENV)/.runtime ## install gputail into .venv

build: $(VENV)/.dev ## build the wheel and the sdist into dist/
	@$(PY) -m build --outdir dist .

run: $(VENV)/.runtime ## gputail up: log, views and API, with telemetry that comes with the package
	@$(PY) -m gputail up

demo: $(VENV)/.runtime ## kill broker and collector under load, delete the view: nothing is lost
	@rm -rf $(DEMO)
	$(PY) -m gputail.demo $(DEMO)
	$(PY) -m gputail log verify --data-dir $(DEMO)/log

demo-log: $(VENV)/.runtime ## write a demo log and look into its files
	@rm -rf $(DEMO)
	$(PY) -m eventlog.demo $(DEMO)
	$(PY) -m gputail log segments --data-dir $(DEMO)
	$(PY) -m gputail log dump --data-dir $(DEMO) --limit 3
	$(PY) -m gputail log verify --data-dir $(DEMO)

# Bytecode is kept, whoever forbids it: the tests start some hundred processes.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest

# Tests wait as well as compute: four at a time keep two cores busy.
WORKERS := -n 4

# The second report speaks only where it fails: pytest's closing line stays the last one.
test: $(VENV)/.dev ## run the tests, print their coverage, hold its thresholds
	@$(PYTEST) $(WORKERS) --dist worksteal --cov --cov-report=term
	@report=`$(PY) -m coverage report --include='eventlog/record/*,eventlog/storage/*' --fail-under=100` \
		|| { echo "$$report"; echo "eventlog/record and eventlog/storage must be covered whole"; exit 1; }

cover: $(VENV)/.dev ## run the tests, write their coverage to htmlcov/
	@$(PYTEST) $(WORKERS) --dist worksteal --cov --cov-report=html

lint: $(VENV)/.dev ## ruff, mypy and the import contracts
	@$(PY) -m ruff format --check $(SOURCES)
	@$(PY) -m ruff check $(SOURCES)
	@$(PY) -m mypy $(SOURCES)
	@$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()' --no-logo

check: lint test ## lint, then test

openapi: $(VENV)/.runtime ## write the API's OpenAPI document to docs/openapi.json
	@$(PY) -m gputail openapi --output docs/openapi.json

fmt: $(VENV)/.dev ## format, and fix what ruff can
	@$(PY) -m ruff check --fix --exit-zero --quiet $(SOURCES)
	@$(PY) -m ruff format $(SOURCES)

bench: $(VENV)/.bench ## measure, and hold the gates
	@$(PY) -m bench

reliability: $(VENV)/.dev ## the long tests: crashes, faults, mutants
	@GPUTAIL_LONG=1 $(PYTEST) -m long

# --- images ------------------------------------------------------------------------------------

# IMAGE and TAG name what is built; DOCKER_ARGS are for docker build; PYTHON_IMAGE is the base to build on.
IMAGE       := gputail
TAG          = $(shell awk -F '"' '/^__version__/ { print $$2 }' gputail/__init__.py)
DOCKER_ARGS :=
BASE         = $(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE))

docker: ## build the image of every process
	$(call NEED,docker)docker build $(BASE) $(DOCKER_ARGS) --tag $(IMAGE):$(TAG) .

docker-broker: TARGET := broker
docker-broker: ## the same image with the broker's command
docker-streamer: TARGET := streamer
docker-streamer: ## the same with the streamer's
docker-collector: TARGET := collector
docker-collector: ## the same with the collector's
docker-api: TARGET := api
docker-api: ## the same with the API's

docker-broker docker-streamer docker-collector docker-api:
	$(call NEED,docker)docker build $(BASE) $(DOCKER_ARGS) --target $(TARGET) --tag $(IMAGE)-$(TARGET):$(TAG) .

# --- kind --------------------------------------------------------------------------------------

KIND_CLUSTER := gputail
RELEASE      := gputail
NAMESPACE    := gputail
HELM_ARGS    :=

# As kubectl takes it.
KIND_CONTEXT = --context kind-$(KIND_CLUSTER) --namespace $(NAMESPACE)

kind_FROM    := https://kind.sigs.k8s.io/docs/user/quick-start
kubectl_FROM := https://kubernetes.io/docs/tasks/tools
helm_FROM    := https://helm.sh/docs/intro/install
docker_FROM  := https://docs.docker.com/engine/install

# Stops with one line where a program is missing, before anything has been done.
NEED = $(foreach program,$(1),$(if $(shell command -v $(program) 2>/dev/null),,\
	$(error $(program) is not installed, and `make $@` needs it: $($(program)_FROM))))
NEED_ENGINE = $(if $(shell docker info >/dev/null 2>&1 && echo ok),,\
	$(error docker is installed, and its engine does not answer: start it, or see what `docker info` says))

kind-up: ## a kind cluster with gputail in it: create, build, load, install
	$(call NEED,docker kind kubectl helm)$(NEED_ENGINE)
	@kind get clusters 2>/dev/null | grep -qx '$(KIND_CLUSTER)' || \
		kind create cluster --name $(KIND_CLUSTER) --config helm/kind/cluster.yaml --wait 180s
	@$(MAKE) --no-print-directory docker
	kind load docker-image $(IMAGE):$(TAG) --name $(KIND_CLUSTER)
	helm upgrade --install $(RELEASE) helm/gputail --kube-context kind-$(KIND_CLUSTER) \
		--namespace $(NAMESPACE) --create-namespace --wait --timeout 5m --values helm/gputail/ci/kind-values.yaml \
		--set fullnameOverride=$(RELEASE) --set image.repository=$(IMAGE) --set image.tag=$(TAG) $(HELM_ARGS)
	@echo "To reach it: kubectl $(KIND_CONTEXT) port-forward service/$(RELEASE)-api 8080:80"
	@echo "and then http://127.0.0.1:8080/; docs/kubernetes.md has what to try, make kind-down removes all of it"

kind-down: ## delete the kind cluster and everything in it
	$(call NEED,kind)
	kind delete cluster --name $(KIND_CLUSTER)

NO_CLUSTER = `make kubernetes-test` installs, kills and uninstalls in a cluster: name one that it may use, \
	make kubernetes-test GPUTAIL_TEST_KUBE_CONTEXT=kind-$(KIND_CLUSTER)

kubernetes-test: $(VENV)/.dev ## the system test in the cluster of GPUTAIL_TEST_KUBE_CONTEXT
	$(if $(GPUTAIL_TEST_KUBE_CONTEXT),,$(error $(NO_CLUSTER)))$(call NEED,kubectl helm)
	@$(PYTEST) -m kubernetes tests/kubernetes -p no:xdist -v
