# Everything runs in .venv, which `make setup` builds from constraints.txt: with uv if it is there, else with pip.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: setup demo test test-slow test-floor audit chaos bench lint notebooks wheel ui clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --allow-existing --python '>=3.11.4' .venv && \
	  uv pip install --python $(BIN)/python -c constraints.txt -e '.[demo,dev]'; \
	else \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4) and "tlcompare needs Python 3.11.4 or newer")' && \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev]'; \
	fi
	@touch $(STAMP)

demo: setup
	$(BIN)/python -m tlcompare.demo

# Two processes of one thread each; the tests of a file stay together, since they share what is slow to make.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: setup
	$(BIN)/python -m pytest -m slow

# The oldest versions that pyproject.toml allows, in an environment of their own. What libraries say in docs/errors.md is
# what the pinned versions say.
test-floor: setup
	$(BIN)/uv venv --allow-existing --python 3.11 .venv-floor
	$(BIN)/uv pip install --python .venv-floor/bin/python --resolution lowest-direct -e '.[demo,dev]'
	OMP_NUM_THREADS=1 .venv-floor/bin/python -m pytest -n 2 --dist loadfile --deselect tests/test_errors.py::test_every_error_is_listed

audit: setup
	$(BIN)/uv tool run pip-audit -r constraints.txt --no-deps --disable-pip --strict

chaos: setup
	$(BIN)/python -m tests.chaos

bench: setup
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --python $(BIN)/python -c constraints.txt -e '.[demo,dev,bench]'; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev,bench]'; \
	fi
	$(BIN)/python -m benchmarks

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# docs/notebooks/*.ipynb from the text beside them.
notebooks: setup
	$(BIN)/python docs/notebooks/build.py

wheel: setup
	$(BIN)/uv build --wheel

ui: setup
	$(BIN)/mlflow ui --host 127.0.0.1

clean:
	rm -rf .venv .venv-floor build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
