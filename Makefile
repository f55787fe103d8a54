# Each target sets up what it needs: a virtual environment in .venv, pinned packages, the data.
#   make run    train on real ratings, measure, recommend
#   make test   style, types, unit tests, notebooks
#   make check  style, types and the fast tests, in under a minute
#   make lab    JupyterLab on the notebooks
#   make panel  the rating panel as a page in the browser
#   make book   the series as a static site in build/book/html, with the outputs that are stored
#   make class  what a teacher prints, projects and grades, in build/class
#   make matrix the fast tests in a fresh environment of each Python on this machine
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
SAELIB := $(BIN)/python -m saelib
# As in saelib/__init__.py, for notebooks that import torch first.
export OMP_WAIT_POLICY := PASSIVE

# uv, where it is there, takes seconds in place of minutes; both show what they fetch. Elsewhere than
# at a terminal pip writes hundreds of lines: of these only the large downloads, the last steps and
# conflicts, and failure where the last step is missing.
UV := $(shell command -v uv)
INSTALL := $(if $(UV),uv pip install --python $(BIN)/python,$(BIN)/python -m pip install --disable-pip-version-check)
LARGE := awk '/ MB\)|^Installing|^Success|depends on|requested/ { print substr($$0, 1, 120); fflush() } /^Successfully installed/ { done = 1 } END { exit !done }'

# What would fail after minutes is said before.
define CHECK
import platform, shutil, sys
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or newer is needed; say which: make PYTHON=python3.11")
if (sys.platform, platform.machine()) == ("darwin", "x86_64"):
    sys.exit("There is no torch for Macs with Intel processors; take another machine, or Colab.")
if shutil.disk_usage(".").free < 3e9:
    sys.exit("Less than 3 GB are free on this disk; the packages take 2. Free some space.")
endef
export CHECK

.PHONY: run test check style browser portable fast matrix fuzz lab panel book class data notebooks texts lock clean
.DEFAULT_GOAL := run

$(VENV)/.ready: pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c "$$CHECK"
	@echo "== Setting up $(VENV): about 145 packages, 2 GB on disk (torch with CUDA: 7 GB), 2 to 10 minutes"
	$(if $(UV),uv venv --seed --clear --python $(PYTHON),$(PYTHON) -m venv) $(VENV)
	@set -- --constraint $(CONSTRAINTS) --editable '.[notebooks,test]'; \
	  if [ -t 1 ] || [ "$(UV)" ]; then $(INSTALL) "$$@"; else $(INSTALL) "$$@" | $(LARGE); fi
	@touch $@

data: $(VENV)/.ready
	@$(SAELIB) fetch --dataset ml-100k

run: data
	@echo; echo "== 1. Train: the stacked autoencoder of the lessons for 70 epochs, then the one to use"
	@$(SAELIB) train --dataset ml-100k --recipe plain
	@$(SAELIB) train --dataset ml-100k
	@echo; echo "== 2. Errors of ratings that the models were not shown (rmse), and of those shown (rmse_seen)"
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

style: $(VENV)/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# In two processes of one thread each; a notebook stays in one of them. The types are looked at
# meanwhile.
COMPARE := --ignore=notebooks/exercises --ignore=notebooks/es --nbval --nbval-current-env --nbval-cell-timeout=600
test: data browser style
	$(BIN)/mypy & OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests notebooks $(COMPARE) \
	  -n 2 --dist loadscope --durations=20 && wait $$! || { echo "See above: tests or types."; exit 1; }

# What the notebooks print holds on other processors, too: without wide instructions, with two threads.
portable: data
	ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1 $(BIN)/python -m pytest notebooks \
	  tests/test_tolerance.py $(COMPARE)
	OMP_NUM_THREADS=2 $(BIN)/python -m pytest notebooks tests/test_tolerance.py $(COMPARE)

# What to run while one works.
check: style data
	$(BIN)/mypy & FUZZ_EXAMPLES=10 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests -m "not slow" -q \
	  -n 2 --dist loadscope --ignore=tests/test_browser.py && wait $$!

# Without browser and lessons, with few examples of each property: some minutes. The solutions run,
# and the answers are tried, but outputs are not compared: other versions print other things.
fast: $(VENV)/.ready
	FUZZ_EXAMPLES=100 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests notebooks/solutions \
	  --ignore=tests/test_browser.py --nbval-lax --nbval-current-env -n 2 --dist loadscope

# `make fast` in a fresh environment of each Python, and in one with the oldest versions that
# pyproject.toml allows: make matrix PYTHONS="python3.11 python3.13"
PYTHONS ?= $(shell for minor in 11 12 13 14; do command -v python3.$$minor; done)
OLDEST := build/oldest.txt
matrix:
	mkdir -p build
	grep -o '[a-z][a-z-]*>=[0-9.]*' pyproject.toml | sed 's/>=/==/' > $(OLDEST)
	set -e; for python in $(PYTHONS); do \
	  rm -rf build/matrix; $(MAKE) fast PYTHON=$$python VENV=build/matrix; done
	rm -rf build/matrix
	$(MAKE) fast PYTHON=$(firstword $(PYTHONS)) VENV=build/matrix CONSTRAINTS=$(OLDEST)

# The properties of the tests with many more examples: FUZZ_EXAMPLES=100000 make fuzz
fuzz: data
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-50000} $(BIN)/python -m pytest tests -m fuzz

lab: data
	$(BIN)/jupyter lab notebooks

panel: data
	@test -e models/ml-100k-default.safetensors || $(SAELIB) train --dataset ml-100k
	@$(SAELIB) panel

book: $(VENV)/.ready
	$(INSTALL) --quiet --constraint $(CONSTRAINTS) --editable '.[book]'
	$(BIN)/python notebooks/book/make_book.py

class: $(VENV)/.ready
	$(BIN)/python notebooks/class/make_class.py

# For authors: run all notebooks anew, solutions included, and make the exercises from these.
notebooks: data
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False notebooks/*.ipynb notebooks/es/*.ipynb notebooks/solutions/*.ipynb
	$(BIN)/python notebooks/make_exercises.py

# For authors: the Spanish texts. What is new or has changed stands in the .po, to be translated.
texts: $(VENV)/.ready
	mkdir -p build
	$(BIN)/pybabel extract -F babel.cfg --no-location --omit-header -w 100 -o build/saelib.pot saelib
	$(BIN)/pybabel update -i build/saelib.pot -d saelib/locale -D saelib -N --ignore-obsolete --ignore-pot-creation-date -w 100
	$(BIN)/pybabel compile -d saelib/locale -D saelib

# For authors: a new lock, of the newest versions that the oldest Python allows, so that newer ones
# have them, too: make lock PYTHON=python3.11
lock: clean
	$(MAKE) $(VENV)/.ready CONSTRAINTS=/dev/null
	$(INSTALL) --editable '.[book]'
	{ grep '^#' constraints.txt; \
	  $(BIN)/python -m pip freeze --all --exclude-editable | sed '/^pip==/d; s/+.*//'; } > $(VENV)/lock
	mv $(VENV)/lock constraints.txt

clean:
	rm -rf $(VENV)
