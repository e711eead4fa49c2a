.PHONY: run setup test check bench bench-long long corpus faults city
.DEFAULT_GOAL := test

PY := .venv/bin/python
# A distribution's own Python is built with profile-guided optimization: a sixth less time than one without.
UV_PYTHON ?= $(shell /usr/bin/python3 -c 'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")' 2>/dev/null)
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.uv/bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE  # the tests are compiled once, not by each of their processes every time

run: setup
	@$(PY) run_bots.py

setup: .venv/.ready

# The lock file says what is in .venv; uv puts it there (the machine's own, or one that pip puts into .uv).
.venv/.ready: pyproject.toml uv.lock
	@echo "Setting up .venv from uv.lock ..."
	@command -v uv >/dev/null || test -x .uv/bin/uv || (python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv)
	@VIRTUAL_ENV= UV_SYSTEM_CERTS=1 uv sync --locked --all-extras --quiet --inexact $(if $(UV_PYTHON),--python $(UV_PYTHON))
	@touch $@

test: setup
	@$(PY) tests/prepare.py
	@FAULT_STEPS=few $(PY) -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m "not long"

# What takes a minute or more each.
long: setup
	@$(PY) -m pytest -q -m long

check: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache

bench: setup
	@$(PY) -m bench

# A burst of a whole minute, and a store with a million reports: some fifteen minutes, 5 GB under DATA_DIR.
bench-long: setup
	@$(PY) -m bench --long

# How well texts, places and photos of public collections (../shared) are understood; PARTS="services places" for some.
corpus: setup
	@$(PY) -m bench.corpus $(PARTS)

# A thousand citizens of ten temperaments on a fake clock: what became of them (CITIZENS=n SEED=n for others).
city: setup
	@$(PY) -m tests.city $${CITIZENS:-1000} $${SEED:-7}

# Twenty times at every step, under load; FAULT_ROUNDS=n make faults for another number.
faults: setup
	@FAULT_ROUNDS=$${FAULT_ROUNDS:-20} $(PY) -m pytest -q -rP tests/faults/test_kills.py tests/faults/test_clocks_and_errors.py
