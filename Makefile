# Three commands to remember: make demo, make test, make check.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export AWARE_HOME ?= $(CURDIR)/.workspace
# One quiet thread a process: on shared cores the default spinning threads cost up to five times.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE
export GRADIO_ANALYTICS_ENABLED := False

.PHONY: help install demo up test check format bench browser clean

help:
	@echo "make demo    install, prepare a workspace, open workbench, worker and Gradio demo"
	@echo "make test    install and run the tests"
	@echo "make check   lint, format check, types"
	@echo "make bench   ratios against named peers (minutes)"

# uv is only a faster pip; `pip install -c constraints.txt -e .[dev]` gives the same set.
# facenet-pytorch pins old numpy and torch that it does not need: installed without its dependencies.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit('Python 3.11 or newer is needed, this is ' + sys.version.split()[0]) if sys.version_info < (3, 11) else 0"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --no-deps facenet-pytorch
	@touch $@

install: $(VENV)/installed

demo: install
	$(BIN)/aware demo

up: install
	$(BIN)/aware up

test: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy core jobs app pages

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m pytest -m benchmark tests/benchmarks -s

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
