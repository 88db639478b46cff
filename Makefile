# Everything a fresh machine needs is made here: `make demo`, `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PEERS  := sip-tester baresip-core kamailio kamailio-tls-modules linphone-cli sipsak iproute2 libopus0 \
  ffmpeg libgsm1 libspandsp2 chromium coturn
TOOLS  := sipp baresip kamailio linphonec sipsak ip ffmpeg ffprobe chromium turnserver
LIBS   := libgsm.so.1 libspandsp.so.2 libopus.so.0

.PHONY: help venv demo test check bench pictures peers clean

help:            ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

venv: $(VENV)/.product            ## the environment alone

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "siptg needs Python 3.11, 3.12 or 3.13; say which: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "no environment could be made: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.product: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.product
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,conformance]'
	@touch $@

demo: $(VENV)/.product            ## two whole calls, measured, offline
	$(BIN)/siptg demo

test: $(VENV)/.dev peers            ## all tests; those that need a missing peer say so
	$(BIN)/python -m pytest

check: $(VENV)/.dev            ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev            ## benchmarks.json and a table, peers in the same run
	$(BIN)/python -m bench

pictures: $(VENV)/.dev            ## docs/states and docs/rfc.md, from tables and tests
	$(BIN)/python -m tests.machines
	$(BIN)/python -m tests.rfcs

peers:            ## the foreign programs that the world tests talk to, where we may install them
	@if which $(TOOLS) >/dev/null 2>&1 \
	  && (for lib in $(LIBS); do PATH=$$PATH:/sbin ldconfig -p | grep -q $$lib || exit 1; done); then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing $(PEERS)"; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $(PEERS) >/dev/null; \
	else echo "not root: install the peers for the world tests with: apt-get install $(PEERS)"; fi

clean:            ## what was made here
	rm -rf $(VENV) .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis
