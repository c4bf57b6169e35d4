# Two commands on a fresh Debian 12: `make demo`, `make test`. Each sets up what it needs first.
.PHONY: help setup demo test lint lock
.NOTPARALLEL:

help:
	@echo 'make demo    boot a host that answers 502 and cure it'
	@echo 'make test    lint, types, unit tests and tests on real hosts'
	@echo 'make lint    lint and types alone'
	@echo 'make setup   Debian packages and .venv, as the others do by themselves'
	@echo 'make lock    requirements/*.lock from pyproject.toml (needs uv; UPGRADE=--upgrade for newer versions)'

setup:
	@sh tools/setup.sh

demo: setup
	@.venv/bin/invoke demo

test: setup
	@.venv/bin/invoke test

lint: setup
	@.venv/bin/invoke lint

COMPILE = uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header $(UPGRADE)
lock:
	$(COMPILE) --output-file requirements/run.lock pyproject.toml
	$(COMPILE) --output-file requirements/dev.lock --group dev pyproject.toml
