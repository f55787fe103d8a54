# Each target sets up what it needs: a virtual environment in .venv, pinned packages, the data.
#   make run    train on real ratings, measure, recommend
#   make test   style, unit tests, notebooks
#   make lab    JupyterLab on the notebooks
#   make panel  the rating panel as a page in the browser
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SAELIB := $(BIN)/python -m saelib
# As in saelib/__init__.py, for notebooks that import torch first.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: run test browser fuzz lab panel data notebooks clean
.DEFAULT_GOAL := run

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[notebooks,test]'
	@touch $@

data: $(VENV)/.ready
	@$(SAELIB) fetch --dataset ml-100k

run: data
	@echo; echo "== 1. Train: the stacked autoencoder of the lessons for 70 epochs, then the one to use"
	@$(SAELIB) train --dataset ml-100k --recipe plain
	@$(SAELIB) train --dataset ml-100k
	@echo; echo "== 2. Errors on ratings the models have not seen (rmse), and of the ones they were fed (rmse_seen)"
	@$(SAELIB) evaluate --dataset ml-100k --protocol ratings
	@echo; echo "== 3. Ten films for the person in notebooks/example_profile.json"
	@$(SAELIB) recommend --profile notebooks/example_profile.json
	@echo; echo "Now rate films yourself: $(SAELIB) rate"

# The panel is tried in a real browser. Where there is none and it cannot be installed, these tests
# are skipped with a line that says so; in CI they fail.
browser:
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
	    apt-get update --quiet=2 && apt-get install --yes --quiet=2 chromium >/dev/null; } || \
	  echo "No Chromium here: the tests in a browser are skipped."

test: data browser
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m pytest tests notebooks --ignore=notebooks/exercises --nbval --nbval-current-env --nbval-cell-timeout=300

# The properties of the tests with many more examples: FUZZ_EXAMPLES=100000 make fuzz
fuzz: data
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-50000} $(BIN)/python -m pytest tests -m fuzz

lab: data
	$(BIN)/jupyter lab notebooks

panel: data
	@test -e models/ml-100k-default.safetensors || $(SAELIB) train --dataset ml-100k
	@$(SAELIB) panel

# For authors: run all notebooks anew, solutions included, and make the exercises from these.
notebooks: data
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb notebooks/solutions/*.ipynb
	$(BIN)/python notebooks/make_exercises.py

clean:
	rm -rf $(VENV)
