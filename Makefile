# Everything a developer does. `make` alone lists the targets. Nothing here needs root.

PYTEST := .venv/bin/python -m pytest
OCPP ?= 2.0.1
SESSIONS ?= 200
SEED ?= 1
YEARS ?=
SAMPLE ?= 60
NAME ?=
RIG ?=
TRACES ?= 100000
SECONDS ?= 1200
N ?= 200
FROM ?= 0
PASSES ?= 2000000
EDGES ?= 2000
FRAMES ?= 1000000
CUTS ?= 5
CONDITIONS ?= idle,saturated,stress
KERNEL ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench sim scenarios search traces storm mutants fuzz cuts conformance kernel-test clean

help: ## List the targets
	@echo "Pilotline - usage: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "The first one needs git, make and Python 3.11 or later, and nothing else: make demo"

setup: ## Make .venv with everything in it (the other targets do this first; quick when nothing changed)
	@.ci/setup

demo: setup ## Play one charging session on the mock bench and stay up (OCPP=1.6 for the older version)
	@.venv/bin/pilotline demo --ocpp $(OCPP)

test: setup ## Run every test, in three workers (many wait for real seconds to pass); figures in build/test.json
	@$(PYTEST) -n 3 --figures=build/test.json

check: setup ## Style, formatting, types, and the rules of what may import what
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@$(PYTEST) tests/project/test_imports.py

bench: setup ## Measure start, memory, rate, writes and how quickly it opens; build/bench.json (EDGES=100000 for the long form)
	@.venv/bin/python -m hil.measure --out build/bench.json --edges $(EDGES) --conditions $(CONDITIONS)

sim: setup ## Random lives on virtual time: SESSIONS=200 from SEED=1, or YEARS=10 of a station (SAMPLE=60 s); figures in build/sim.json
	@.venv/bin/python -m hil.sim $(if $(YEARS),--years $(YEARS) --sample $(SAMPLE),--sessions $(SESSIONS)) --seed $(SEED) --json build/sim.json

scenarios: setup ## Play the sequences of IEC 61851-1 and every protection, in 3 min (NAME="2.2 rcd" some; RIG=/dev/ttyACM0 on a rig); build/scenarios.json
	@.venv/bin/python -m hil.scenarios $(NAME) $(if $(RIG),--rig $(RIG))

search: setup ## Try every event in every state of the safety machine, as deep as SECONDS=1200 allow; figures in build/search.json
	@.venv/bin/python -m hil.search --seconds $(SECONDS) --json build/search.json

traces: setup ## Run the safety machine ticked and by deadlines on TRACES=100000 random traces from SEED=1: both must do the same
	@.venv/bin/python -m tests.logic_safety.random_traces --traces $(TRACES) --seed $(SEED)

storm: setup ## Let anything happen to the safety machine for PASSES=2000000 from SEED=1, and as many on the plant: no invariant breaks
	@.venv/bin/python -m hil.search.walk --passes $(PASSES) --seed $(SEED)
	@.venv/bin/python -m tests.safety.random_lives --passes $(PASSES) --seed $(SEED)

mutants: setup ## Plant N=200 small mistakes (N=0: all, SEED=1, FROM=0) in the safety machine: tests must notice; results in build/mutants.json
	@.venv/bin/python -m hil.mutants --n $(N) --seed $(SEED) --from $(FROM) --json build/mutants.json

fuzz: setup ## Throw FRAMES=1000000 frames, good, bad and cut, at every driver and the rig: nothing wrong gets past it
	@FUZZ_FRAMES=$(FRAMES) $(PYTEST) -n 2 -m fuzz tests/drivers tests/rig

cuts: setup ## Cut the power at every write of the store, every way a disk may forget, CUTS=5 times over; kill a charging station CUTS x 10 times
	@CUTS=$(CUTS) $(PYTEST) -n 2 -m cuts tests/store tests/wire

conformance: setup ## Run the tests that prove OCPP ids; which ones in build/conformance.json
	@$(PYTEST) -n 2 -m ocpp --conformance=build/conformance.json

kernel-test: setup ## Run the drivers on a real kernel's devices, emulated, in 1 to 2 min (KERNEL=FILE.deb another kernel)
	@.venv/bin/python -m hil.kernel $(if $(KERNEL),--kernel $(KERNEL)) --json build/kernel-test.json

clean: ## Remove what builds and tests made (.venv stays; remove it by hand to start over)
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find controller drivers hil tests -name __pycache__ -type d -prune -exec rm -rf {} +
