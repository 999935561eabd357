# Greenroom's chores. `make` alone lists them; all they leave behind lies in folders git ignores.

ifeq ($(filter oneshell,$(.FEATURES)),)
$(error this Makefile needs GNU make 3.82 or newer; on macOS, gmake)
endif

VENV      ?= .venv
VERSION   ?= 0.12.4
SEEDS     ?= 200
SEED      ?=
SIM_SEEDS ?= 300
# Kills on SQLite; half as many on PostgreSQL. And rows under an old key.
ROUNDS    ?= 200
ROWS      ?= 100000
# The first of these that truly runs: a version manager can leave names behind that only fail.
PYTHON    ?= $(or $(shell for name in python3.11 python3.12 python3; do \
               $$name -c 1 2>/dev/null && echo $$name && break; done),python3.11)
PYTHON312 ?= python3.12
# Both ends of the range of Open WebUIs that the pipe file serves.
PINNED    := 0.6.28 0.12.4
# Where the pinned libraries are met; the faults of a provider look alike with each of them.
PIN_TESTS ?= tests/unit tests/property $(addprefix tests/integration/,$(addsuffix .py,\
               $(addprefix door/test_,door_answers door_stop door_takeover door_tasks \
                 every_valve every_user_valve onefile_load onefile_process onefile_release \
                 promises_tools promises_uvloop tools_of_open_webui) \
               $(addprefix provider/test_,model_list_client provider_client provider_failures \
                 proxies_and_tls)))

BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := .work/uv/bin/uv
PINS   := $(PINNED:%=check-pin-%)
TESTS  := tests-inside tests-of-storage tests-of-sockets
CHECKS := check-format check-lint check-types check-imports check-tests check-sim check-pins
PY312  := $(shell $(PYTHON312) -c 'import sys; print(sys.version_info[:2] == (3, 12) or "")' 2>/dev/null)
COMPILE := $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
           --generate-hashes --no-emit-index-url --no-header --no-annotate --extra dev \
           pyproject.toml .ci/build.in

define check-python
command -v $(PYTHON) >/dev/null || {
  echo "Greenroom needs Python 3.11 or 3.12; name one with PYTHON=path" >&2; exit 1; }
$(PYTHON) .ci/interpreter.py
endef

# A venv holds what its lock says and this project, editable. $(1) interpreter, $(2) lock.
define make-venv
$(check-python)
echo "venv: $(@D) from $(2), about half a minute the first time ..."
test -x $(@D)/bin/python || $(1) -m venv $(@D)
$(@D)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(2)
$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps \
  --no-build-isolation --editable .
touch $@
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.ONESHELL:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.SILENT:
.PHONY: help venv demo pipe owui check $(CHECKS) $(PINS) $(TESTS) check-py312 fix sim crash outage bench conformance \
        lock clean

help:  ## list the targets
	echo "Greenroom: make TARGET"
	sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) |
	  while IFS='|' read -r name text; do printf '  %-13s %s\n' "$$name" "$$text"; done

venv: $(STAMP)  ## make .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	$(call make-venv,$(PYTHON),requirements.lock)

pipe: $(STAMP)  ## build dist/greenroom_pipe.py, the one file an admin pastes
	$(BIN)/greenroom pipe

demo: pipe  ## build the pipe, then watch chats survive faults, offline
	$(BIN)/greenroom demo

owui: pipe  ## try it in a real Open WebUI (gigabytes): make owui VERSION=0.12.4
	$(BIN)/python examples/try_in_open_webui.py --version $(VERSION) $(OWUI_ARGS)

check: $(STAMP)  ## everything that must hold before a commit
	$(BIN)/python .ci/steps.py $(CHECKS) $(if $(PY312),,--left-out) check-py312

check-format: $(STAMP)
	$(BIN)/ruff format --check .

check-lint: $(STAMP)
	$(BIN)/ruff check .

check-types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/mypy .ci/*.py examples/*.py

check-imports: $(STAMP)
	$(BIN)/lint-imports

check-tests: $(STAMP)  ## all tests: those that wait for servers beside those that compute
	$(MAKE) --no-print-directory --jobs=3 --output-sync=target $(TESTS)

tests-of-storage: $(STAMP)
	$(BIN)/pytest tests/integration/storage

tests-of-sockets: $(STAMP)
	$(BIN)/pytest tests/integration --ignore=tests/integration/storage

tests-inside: $(STAMP)
	$(BIN)/pytest --ignore=tests/integration

check-sim: $(STAMP)
	$(BIN)/greenroom sim --seeds $(SIM_SEEDS)

check-pins:  ## the tests against what both Open WebUIs pin, side by side
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(PINS)

$(PINS): check-pin-%: .venv-owui-%/.installed
	echo "pins: tests against what Open WebUI $* pins"
	.venv-owui-$*/bin/pytest $(PIN_TESTS)

.venv-owui-%/.installed: .ci/pins/open-webui-%.lock pyproject.toml
	$(call make-venv,$(PYTHON),$<)

ifneq ($(PY312),)
check-py312: .venv-py312/.installed  ## all tests on Python 3.12, where there is one
	.venv-py312/bin/pytest
else
check-py312:
	echo "check-py312: LEFT OUT, no Python 3.12 runs as '$(PYTHON312)'; name one with PYTHON312=path"
endif

.venv-py312/.installed: requirements.lock pyproject.toml
	$(call make-venv,$(PYTHON312),requirements.lock)

sim: $(STAMP)  ## seeded simulations: make sim SEEDS=200; replay one: make sim SEED=7
	$(BIN)/greenroom sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

outage: $(STAMP)  ## chats while a database is away: make outage SECONDS=60
	GREENROOM_AWAY_S=$(SECONDS) $(BIN)/python -m pytest -q -s tests/integration/storage/test_database_away.py

crash: $(STAMP)  ## kill writers, interrupt key rotations: make crash ROUNDS=200 ROWS=100000
	$(BIN)/python -m tests.chaos.crash --database sqlite --rounds $(ROUNDS)
	$(BIN)/python -m tests.chaos.crash --database postgres --rounds $$(( ($(ROUNDS) + 1) / 2 ))
	GREENROOM_ROTATION_ROWS=$(ROWS) $(BIN)/pytest -s --timeout 900 -k interrupted_three_times \
	  tests/integration/storage/test_rotate_key.py

conformance: $(STAMP)  ## replay every recorded stream below GREENROOM_CONFORMANCE
	test -d "$${GREENROOM_CONFORMANCE:-}" || {
	  echo "conformance: set GREENROOM_CONFORMANCE to the folder of recorded streams" >&2; exit 1; }
	GREENROOM_CONFORMANCE_ALL=1 $(BIN)/pytest -m conformance

fix: $(STAMP)  ## repair what the linter and the formatter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## measure the kernel, the streams, the tools and storage
	$(BIN)/python benchmarks/kernel.py
	$(BIN)/python benchmarks/streams.py
	$(BIN)/python benchmarks/storage.py

lock: $(UV)  ## resolve the locks anew from pyproject.toml and .ci
	echo "lock: requirements.lock"
	$(COMPILE) --output-file requirements.lock
	for version in $(PINNED); do
	  echo "lock: .ci/pins/open-webui-$$version.lock"
	  $(COMPILE) .ci/pins/open-webui-$$version.in --output-file .ci/pins/open-webui-$$version.lock
	done

$(UV):
	$(check-python)
	echo "venv: .work/uv ..."
	$(PYTHON) -m venv .work/uv
	.work/uv/bin/python -m pip install -qq --disable-pip-version-check uv

clean:  ## remove all that make has made, downloads too
	rm -rf $(VENV) .venv-* .work dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
