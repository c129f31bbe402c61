# Few verbs. Everything installs into .venv with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: run test test-ray test-slurm test-gpu lint format check clean

run: $(STAMP)  ## a small real suite, from suite file to report
	$(BIN)/bench run suites/quick.yaml

test: $(STAMP)  ## every test
	$(BIN)/python -m pytest -n auto --dist worksteal --durations=40

test-ray: $(STAMP)  ## trials on a real Ray cluster of two nodes; as root, for they have a network of their own
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[ray]'
	RAY_TESTS=1 $(BIN)/python -m pytest tests/test_ray.py

test-slurm: $(STAMP)  ## trials on a real Slurm of one node; as root, with the packages slurm-wlm and munge
	SLURM_TESTS=1 $(BIN)/python -m pytest tests/test_slurm.py

test-gpu: $(STAMP)  ## what only a real GPU can show, where there is one
	GPU_TESTS=1 $(BIN)/python -m pytest -s tests/test_real_gpu.py

lint: $(STAMP)  ## style, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test  ## what must be green before a commit

clean:
	rm -rf .venv build *.egg-info

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("bench needs Python 3.11 to 3.13" if not (3, 11) <= sys.version_info < (3, 14) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@# torch first and exactly pinned: anything looser may fetch another build with it.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)
