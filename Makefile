# `make train` and `make test` set up everything they need; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What SimCore needs, and beside that what its tests and checks need.
READY := $(VENV)/ready
INSTALLED := $(VENV)/installed
RUN ?= runs/RandomCity-tiny-slots-0
# make would turn exit code 130 into 2; ended by the signal itself, it stops as the training did. The shell outlives the signal's
# arrival: make waits for it then, and a child that had just been reaped would be an error (one time in a hundred, without the sleep).
INTERRUPTED = code=$$?; if [ $$code -eq 130 ]; then echo "Not finished; make $@ goes on" >&2; kill -INT $$PPID; sleep 1; fi; exit $$code

.PHONY: help demo train test test-slow lint types format clean

help:
	@echo "make demo       set up, and open a page that shows what a trained belief holds of a city"
	@echo "make train      set up, train the tiny preset on Random City, measure it and draw pictures"
	@echo "make test       set up, run all tests but the slow ones"
	@echo "make test-slow  the slow tests alone"
	@echo "make lint       ruff: lint and format"
	@echo "make types      mypy"
	@echo "make format     mend lint and format"
	@echo "make clean      remove the environment and caches; runs stay"

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "SimCore needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'
endef

$(READY): pyproject.toml constraints.txt
	$(call install,all)
	@touch $@

$(INSTALLED): pyproject.toml constraints.txt
	$(call install,dev)
	@touch $(READY) $@

demo: $(READY)
	$(BIN)/simcore demo

train: $(READY)
	$(BIN)/simcore train RandomCity --preset tiny --run $(RUN) || { $(INTERRUPTED); }
	$(BIN)/simcore probe $(RUN)
	$(BIN)/simcore rollout $(RUN)

test: $(INSTALLED)
	tests/install_browser.sh
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
