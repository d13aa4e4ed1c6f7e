# make train: the main job. make check, make docs, make test: as CI runs them. make test-long: what CI has no time
# for. make setup: .venv alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Which machine this is: one whose NVIDIA driver lists a GPU, or one without.
GPUS := $(shell nvidia-smi --list-gpus 2>/dev/null | grep -c ^GPU)
LOCK := requirements/$(if $(filter 0,$(GPUS)),cpu,gpu).lock
STAMP := $(VENV)/.installed-from

.PHONY: setup train test test-long check soak bench pictures docs clean

setup: $(STAMP)

# The stamp is a copy of the lock file, written when the installation is whole: an interrupted
# one is done again, and so is one from another lock file.
$(STAMP): $(LOCK) pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rlsys needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python requirements/install.py $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python requirements/check_install.py $(LOCK)
	cp $(LOCK) $@

# vLLM is built for GPUs or for CPUs, so where there is a GPU all roles share it.
ON_A_GPU := rollout.gpus=0.4 rollout.kv_cache_gib=1 rollout.dtype=bfloat16 learner.gpus=0.4 \
    learner.dtype=bfloat16 reference.gpus=0.2 reference.dtype=bfloat16
train: setup
	$(BIN)/rlsys train --config configs/local.yaml $(if $(findstring gpu,$(LOCK)),$(ON_A_GPU))

# Unit tests by half as many more processes as there are cores, as many of them wait for processes of their own;
# what starts Ray and vLLM has the machine to itself.
WORKERS := $(shell $(PYTHON) -c 'import os; print(min(8, os.cpu_count() * 3 // 2))')
test: setup
	$(BIN)/python -m pytest tests/unit tests/adversarial -n $(WORKERS) --dist loadfile
	$(BIN)/python -m pytest tests/actors tests/end_to_end

# What takes longer than a person waits for: kills, restarts and resumes with real engines.
test-long: setup
	$(BIN)/python -m pytest -m long

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Minutes each: faults, memory and hostile programs over thousands of repetitions.
soak: setup
	$(BIN)/python -m pytest -m soak

# Those of README, from a run of configs/local.yaml.
RUN ?= runs/local
pictures: setup
	$(BIN)/python benchmarks/pictures.py $(RUN)

# The docs as a site, in build/site, by packages of its own: nothing else needs them. A link to a page
# or heading that is not there fails it (with --quiet nothing would).
DOCS := build/docs-venv
docs: $(DOCS)/.installed
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict
	@echo build/site/index.html

$(DOCS)/.installed: requirements/docs.lock
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --no-deps -r requirements/docs.lock
	touch $@

clean:
	rm -rf $(VENV) build

# Long: minutes to tens of minutes each; results go into docs/performance.md and algorithms.md.
bench: setup
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/overlap.py --simulated
	$(BIN)/python benchmarks/overlap.py --real
	$(BIN)/python benchmarks/control_plane.py
	$(BIN)/python benchmarks/learning.py
	$(BIN)/python benchmarks/verifiers_agreement.py
