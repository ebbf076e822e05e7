# Berth. `make demo` shows it, `make test` is everything that CI runs.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PREFIX ?= /usr/local
DESTDIR ?=
SYSTEMD_DIR ?= /etc/systemd/system
# LINKS=1: install `docker`, `Docker` and `docker-compose` as names of berth.
LINKS ?= 0
# MIRRORS: addresses where dist/ is going to be, for its install.sh.
MIRRORS ?=
# PYTEST_ARGS: passed on to pytest, for instance PYTEST_ARGS='-k ports -x'.
PYTEST_ARGS ?=

PROGRAMS := berth berthd berth-shim berth-runtime
BINARIES := $(addprefix bin/,$(PROGRAMS))
SOURCES := Package.swift $(shell find Sources -type f 2>/dev/null)
SWIFT_BUILD := swift build -c release --static-swift-stdlib
PYTHON := .venv/bin/python

.PHONY: help deps tools test-deps build test test-vm unit e2e lint format demo demo-clean bench bench-clean \
	security-compare dist install uninstall clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install the Debian packages that building and running need
	@scripts/deps.sh build run

tools:
	@scripts/deps.sh tools

test-deps: deps
	@scripts/deps.sh tools test

build: deps $(BINARIES) ## Build the release programs into bin/

# One command builds all four; the stamp stands for them together.
$(BINARIES): bin/.built ;
bin/.built: $(SOURCES)
	@mkdir -p bin
	@set -e; for program in $(PROGRAMS); do \
		echo "building $$program"; \
		$(SWIFT_BUILD) --product $$program; \
		install -m 0755 "$$($(SWIFT_BUILD) --show-bin-path)/$$program" bin/; \
	done
	@touch $@

test: test-deps lint unit build e2e ## Run everything that CI runs

unit: deps ## Run the Swift unit tests (no root, no network)
	swift test

e2e: build .venv/.installed ## Run the end-to-end tests (root)
	PATH="$$(scripts/docker-cli.sh):$$PATH" $(PYTHON) -m pytest e2e $(PYTEST_ARGS)

.venv/.installed: e2e/requirements.txt
	@python3 -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test-vm: build ## Test the runtime on Debian's kernel with cgroup v2, in qemu (root)
	@scripts/test-vm.sh

lint: ## Check the style of the Swift sources
	swift format lint --strict --recursive Sources Tests Package.swift

format: ## Rewrite the Swift sources in that style
	swift format --in-place --recursive Sources Tests Package.swift

demo: ## Build Berth, run examples/llmchat on it and check that it answers (root)
	@scripts/demo.sh up

demo-clean: ## Remove everything that `make demo` made
	@scripts/demo.sh clean

bench: tools build ## Time `run` and `exec` against Debian's docker.io and podman (root)
	@bench/run.py $(BENCH_ARGS)

security-compare: tools build ## Look for places where a container may do more than Docker's (root)
	@bench/security.py $(SECURITY_ARGS)

bench-clean: ## Remove the root file systems that the bench and the comparison keep other engines in
	@bench/run.py --clean
	@bench/security.py --clean

dist: build tools ## Pack dist/berth-VERSION-linux-ARCH.tar.gz and its install.sh (MIRRORS='ADDRESS...')
	@MIRRORS='$(MIRRORS)' scripts/dist.sh bin dist

# The libraries of an archive that was installed there go: these programs were built with the host's.
install: $(BINARIES) ## Install under PREFIX (LINKS=1 adds docker and docker-compose)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(SYSTEMD_DIR)
	rm -rf $(DESTDIR)$(PREFIX)/lib/berth
	install -m 0755 $(BINARIES) $(DESTDIR)$(PREFIX)/bin/
	for unit in berthd.service berthd.socket; do \
		sed 's|@PREFIX@|$(PREFIX)|g' contrib/systemd/$$unit.in > $(DESTDIR)$(SYSTEMD_DIR)/$$unit; \
	done
	@if [ "$(LINKS)" = 1 ]; then \
		for link in docker Docker docker-compose; do \
			path=$(DESTDIR)$(PREFIX)/bin/$$link; \
			if [ -e $$path ] && [ "$$(readlink $$path)" != berth ]; then \
				echo "$$path is another program and stays: remove it first to have berth under this name" >&2; \
			else \
				ln -sfn berth $$path; \
			fi; \
		done; \
	fi
	@[ -n "$(DESTDIR)" ] || scripts/post-install.sh

uninstall: ## Remove what `make install` installed (never the data)
	@[ -n "$(DESTDIR)" ] || scripts/post-install.sh --undo
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(PROGRAMS))
	rm -rf $(DESTDIR)$(PREFIX)/lib/berth $(DESTDIR)$(PREFIX)/share/doc/berth
	rm -f $(addprefix $(DESTDIR)$(SYSTEMD_DIR)/,berthd.service berthd.socket)
	for link in docker Docker docker-compose; do \
		path=$(DESTDIR)$(PREFIX)/bin/$$link; \
		if [ "$$(readlink $$path)" = berth ]; then rm -f $$path; fi; \
	done

clean: ## Remove what building and testing made
	rm -rf .build bin dist .venv .cache
	find e2e bench -name __pycache__ -type d -prune -exec rm -rf {} +
