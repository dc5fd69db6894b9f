# The book's commands. Each makes .venv when it is missing or older than the two files it follows.
#   make book     build the pages into _build/html
#   make test     style, floors, clean notebooks, tests
#   make lab      open the notebooks in JupyterLab
#   make screenshots  build the pages and take a picture of each, wide and narrow, light and dark
#   make bench    time a stack of runs against one-run loops
#   make records  run the recorded experiments again
#   make assignments  build the assignments: for students, for teachers, to grade; and try each

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.installed
HTML    := _build/html/index.html
KEY     := _build/execution-key
RECORDS := records

# The notebooks' kernel is this environment's Python, whatever kernels the user has installed.
export JUPYTER_PREFER_ENV_PATH := 1
export PYDEVD_DISABLE_FILE_VALIDATION := 1
# Threads that wait sleep: spinning ones starve each other where cores are shared.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: book test lab screenshots bench records assignments clean
.DELETE_ON_ERROR:

$(STAMP): requirements.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is not here: install one, or name it with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "make needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) -V): name another with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make needs Python's venv module, and $(PYTHON) has none: on Debian or Ubuntu, apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

# The execution cache knows a notebook's code only. A change in the library or in its data empties it.
# Pages are always made afresh, so that no old file survives a second build.
book: $(STAMP)
	@mkdir -p _build
	@find companion requirements.txt -type f ! -path '*/__pycache__/*' ! -path '*.partial/*' -exec cksum {} + \
	  | LC_ALL=C sort | cksum > $(KEY).new
	@cmp -s $(KEY) $(KEY).new || rm -rf _build/.jupyter_cache
	@mv $(KEY).new $(KEY)
	@rm -rf _build/html _build/.doctrees _build/jupyter_execute
	$(BIN)/jupyter-book build . -W --keep-going -n

# A file of tests goes to one of two workers. The tests of the built pages run only where pages are
# built.
PARALLEL := -n 2 --dist loadfile --durations=10
test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb notebooks/assignments/*.ipynb
	$(BIN)/python -m pytest $(PARALLEL) $(if $(wildcard $(HTML)),,$(addprefix --ignore=tests/browser/,test_book.py test_axe.py))

lab: $(STAMP)
	$(BIN)/jupyter-lab notebooks

# For people to look at: open _build/screenshots/index.html.
screenshots: book
	$(BIN)/python -m tests.browser.screenshots

# On a quiet machine: a thread that waits awake answers sooner.
bench: export OMP_WAIT_POLICY := ACTIVE
bench: $(STAMP)
	$(BIN)/companion bench

# Into records/; what the book ships is copied from there to its chapter's folder by hand, so that
# no shipped record is replaced unseen. COMPANION_DATA names the folder of image sets.
records: $(STAMP)
	$(BIN)/companion run --all --scale book --out $(RECORDS)

# The book's own instance, which everyone may see; a class's own comes from companion classroom new.
assignments: $(STAMP)
	$(BIN)/companion classroom build --out _build/assignments

clean:
	rm -rf _build
