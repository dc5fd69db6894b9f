# The book's commands. Each makes .venv when it is missing or older than the two files it follows.
#   make book     build the pages into _build/html
#   make test     style, floors, clean notebooks, tests
#   make lab      open the notebooks in JupyterLab
#   make screenshots  build the pages and take a picture of each, wide and narrow, light and dark
#   make bench    time a stack of runs against one-run loops
#   make records  run the recorded experiments again
#   make chapter NAME=02-variance-propagation   check one page
#   make colab    run every copy of a notebook where Colab's packages are and ours are not
#   make picture  take the README's picture anew
#   make links    ask every address outside whether it is still there (needs a network)
#   make pdf, make offline    the whole book as one file to print, and as a folder to unzip and open
#   make dist, make test-dist    source archive and wheel, and their tests in a fresh environment
#   make release  all that a release publishes, in dist/, with checksums
#   make lowest, make newest, make colab-versions    the library's tests on other versions
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

.PHONY: book test lab screenshots bench records assignments clean chapter colab picture links pdf \
  offline dist test-dist release lowest newest colab-versions
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

# What the page's words and its code must hold, and the copy that Colab opens where pages are built.
chapter: $(STAMP)
	@test -f notebooks/$(NAME).ipynb || { echo "NAME must be a page of notebooks/, got '$(NAME)'"; exit 1; }
	$(BIN)/nbstripout --verify notebooks/$(NAME).ipynb
	$(BIN)/python -m pytest -q tests/book -k $(NAME)

# OPTIONS, for instance: --save book/colab.json, --python OTHER/bin/python
colab: book
	$(BIN)/python tools/colab.py $(OPTIONS)

picture: book
	$(BIN)/python -m tests.browser.screenshots --readme

links: $(STAMP)
	$(BIN)/jupyter-book build . --builder linkcheck

pdf: book
	$(BIN)/python tools/pdf.py dist

offline: book
	$(BIN)/python tools/offline.py zip dist

dist: $(STAMP)
	rm -f dist/*.tar.gz dist/*.whl
	$(BIN)/python tools/archive.py build dist

test-dist: dist
	$(BIN)/python tools/archive.py test dist

release: test-dist offline pdf
	$(BIN)/python tools/offline.py sums dist

# The library and its tests in environments of their own: the oldest torch that it takes, and the
# newest of everything. CONSTRAINTS names a file of versions, as Colab publishes it.
LIBRARY := $(addprefix tests/,theory methods models measure data training evidence experiments test_streams.py)
LOWEST  := "torch==2.6.*" "torchvision==0.21.*"
lowest newest colab-versions: OTHER = _build/$@
lowest newest colab-versions:
	$(PYTHON) -m venv $(OTHER)
	$(OTHER)/bin/python -m pip install --quiet --upgrade $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) \
	  $(if $(filter lowest,$@),$(LOWEST)) ".[notebook,test]"
	$(OTHER)/bin/python -m companion.cli doctor
	$(OTHER)/bin/python -m pytest -n 2 --dist loadfile $(LIBRARY)

# The book's own instance, which everyone may see; a class's own comes from companion classroom new.
assignments: $(STAMP)
	$(BIN)/companion classroom build --out _build/assignments

clean:
	rm -rf _build build dist
