# Every target sets up by itself what it needs, once, in .venv and node_modules.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
export PATH := $(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR)/lambdas:$(CURDIR)
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export CDK_DISABLE_CLI_TELEMETRY := true

# A person's own words, as one word of the shell.
quoted = '$(subst ','\'',$(1))'

# With whom an image is shared again: SHARE='111122223333 …' SHARE_PUBLICLY=1
sharing = $(if $(SHARE),--share $(call quoted,$(SHARE))) $(if $(SHARE_PUBLICLY),--share-publicly)

.PHONY: help setup demo restore run pending approve reject undo test chaos mutants bench lint local deploy clean

help:  ## list what you can do here
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/.ready node_modules/.ready  ## install everything into .venv and node_modules

$(VENV)/.ready: requirements-dev.txt requirements.txt lambdas/requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages into .venv (once; takes a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

node_modules/.ready: package.json package-lock.json $(VENV)/.ready
	@echo "Installing the CDK command line into node_modules (once) ..."
	@$(BIN)/npm ci --no-audit --no-fund --loglevel=error
	@touch $@

local: setup  ## start the local cloud on port 4566
	@$(BIN)/python -m local_cloud up $(ARGS)

demo: setup  ## deploy to a local cloud and watch a night; FLEET=images.json SNAPSHOTS= TAG=K=V KEEP=1 VERBOSE=1
	@$(BIN)/python -m demo $(if $(FLEET),--fleet '$(FLEET)') $(if $(SNAPSHOTS),--snapshots '$(SNAPSHOTS)') \
		$(if $(TAG),--tag '$(TAG)') $(if $(KEEP),--keep) $(if $(VERBOSE),--verbose)

deploy: setup  ## cdk bootstrap and cdk deploy, with your AWS credentials; CONFIG=archiver.toml ARGS=
	@cdk bootstrap --no-notices
	@cdk deploy --no-notices -c config=$(or $(CONFIG),archiver.toml) $(ARGS)

restore: setup  ## restore an archived image: IMAGE=ami-… or KEY=…, NAME= SPEED= SHARE= SHARE_PUBLICLY=1 DRY_RUN=1 STACK=AmiArchiver ARGS=
	@$(BIN)/python -m operate restore $(if $(IMAGE),--image '$(IMAGE)') $(if $(KEY),--key '$(KEY)') \
		$(if $(NAME),--name '$(NAME)') $(if $(SPEED),--speed '$(SPEED)') $(if $(DRY_RUN),--dry-run) \
		$(sharing) $(if $(STACK),--stack '$(STACK)') $(ARGS)

approve: setup  ## let the originals of a run go: RUN=<run id>, WHY= YES=1 (do not ask) STACK=AmiArchiver
	@$(BIN)/python -m operate approve $(if $(RUN),--run '$(RUN)') $(if $(WHY),--why $(call quoted,$(WHY))) \
		$(if $(YES),--yes) $(if $(STACK),--stack '$(STACK)') $(ARGS)

pending: setup  ## list the originals that wait for an answer: RUN=<run id> for those of one run, STACK=AmiArchiver
	@$(BIN)/python -m operate pending $(if $(RUN),--run '$(RUN)') $(if $(STACK),--stack '$(STACK)') $(ARGS)

run: setup  ## start a run of a policy now, and show its summary: POLICY=nightly DRY_RUN=1 STACK=AmiArchiver
	@$(BIN)/python -m operate run $(if $(POLICY),--policy '$(POLICY)') $(if $(DRY_RUN),--dry-run) \
		$(if $(STACK),--stack '$(STACK)') $(ARGS)

reject: setup  ## keep all originals of a run: RUN=<run id>, WHY='…' STACK=AmiArchiver
	@$(BIN)/python -m operate reject $(if $(RUN),--run '$(RUN)') $(if $(WHY),--why $(call quoted,$(WHY))) \
		$(if $(STACK),--stack '$(STACK)') $(ARGS)

undo: setup  ## enable a disabled original again, or restore a retired one: IMAGE=ami-…, SHARE= SHARE_PUBLICLY=1 STACK=AmiArchiver ARGS=
	@$(BIN)/python -m operate undo $(if $(IMAGE),--image '$(IMAGE)') $(sharing) $(if $(STACK),--stack '$(STACK)') $(ARGS)

test: setup  ## run all tests
	@$(BIN)/python -m pytest $(ARGS)

chaos: setup  ## test every fault at every call of a night, two runs at once, redeploys, random histories (ONLY=… for one)
	@ONLY='$(ONLY)' $(BIN)/python -m tests.chaos

mutants: setup  ## check that each deliberate bug makes a test fail (ONLY=… for some)
	@ONLY='$(ONLY)' $(BIN)/python -m tests.mutants

bench: setup  ## measure how long nights are, what they cost, how they scale, beside whom; ONLY="nights select" ARGS=--fast
	@$(BIN)/python -m benchmarks $(ONLY) $(ARGS)

lint: setup  ## format, lint, types, import rules, template and state machine checks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m infra.check

clean:  ## delete the build's files (not .venv, not node_modules)
	@rm -rf cdk.out .build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
