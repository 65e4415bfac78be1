# make book       the site:   _build/html/index.html
# make test       ruff, the unit tests, the tests of the house, every notebook
# make lab        JupyterLab on the workbook, your own copy of the chapters
# make pdf        the printed book: _build/llm-from-scratch.pdf (needs TeX); a site
#                 that is made after it has a button that opens it
# make grade      grade what was collected: make grade ASSIGNMENT=ps3 JOBS=2
# make bench      our speed beside that of others; TEXT=file.txt on your own text
# make browser    the site and JupyterLab in real browsers (Chromium, Firefox)
# make notebooks  run the chapters and store what they print
# make clean
#
# Each target sets up .venv by itself. Variables:
#   PYTHON=python3.12   the Python to use, 3.11 or later
#   LAB=--no-browser    what JupyterLab is to be told
#   JOBS=2              how many tests, or submissions, at a time
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu
#                       on Linux without an NVIDIA GPU: PyTorch without CUDA, which
#                       saves gigabytes
PYTHON      ?= python3
VENV        ?= .venv
TORCH_INDEX ?=
TEXT        ?=
JOBS        ?= 2
ASSIGNMENT  ?=
LAB         ?=
BIN         := $(VENV)/bin
# What glibc gives back to the system, it asks for again in the next step of training;
# that takes as long as the arithmetic of a small model.
KEEP_MEMORY := MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=1073741824
PIP         := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: book test lab pdf grade bench browser notebooks clean

book: $(VENV)/.done
	rm -rf _build/html
	$(BIN)/jupyter-book build . --all -q -W -n --keep-going
	$(BIN)/python tools/check_site.py
	@echo "Open _build/html/index.html"

test: $(VENV)/.done
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python tools/run_notebooks.py --check
	OMP_NUM_THREADS=1 $(KEEP_MEMORY) $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --ignore=tests/browser --ignore=tests/printed

lab: $(VENV)/.done
	$(BIN)/python tools/make_workbook.py --lab $(LAB)

pdf: $(VENV)/.done
	$(BIN)/python tools/build_pdf.py

grade: $(VENV)/.done
	@test -n "$(ASSIGNMENT)" || { echo "Which assignment? For example: make grade ASSIGNMENT=ps3"; exit 2; }
	$(BIN)/python -m classroom.grade $(ASSIGNMENT) --jobs $(JOBS)

bench: $(VENV)/.done
	@for script in benchmarks/bench_*.py; do $(BIN)/python $$script $(TEXT) || exit 1; done

browser: book
	$(BIN)/python -m pytest -q -rs tests/browser

notebooks: $(VENV)/.done
	$(BIN)/python tools/run_notebooks.py

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

# The environment is made when it is missing, and brought up to date when what it
# should hold has changed since.
$(VENV)/.done: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This book needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) "$$(grep ^torch== requirements.txt)")
	$(PIP) -r requirements.txt -c constraints.txt
	@touch $@
