# Everything a fresh machine needs: Python 3.11, make and pip. `make` alone lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow check format clean

help:
	@echo "make demo    set up, then the main job on the example corpus: label, distil, evaluate, extract"
	@echo "make test    set up, then the tests, but for the slow ones"
	@echo "make test-slow  set up, then the slow ones: killed at any step, learning to an end, long lines"
	@echo "make check   set up, then lint, types and import contracts"
	@echo "make format  put the code in shape"
	@echo "make clean   remove the environment and the demo's run folder"

install: $(INSTALLED)

# torch first and by itself, so that its version range is settled before anything asks for a newer one
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	$(BIN)/python -m pip install --quiet "torch>=2.6,<2.14"
	$(BIN)/python -m pip install --quiet --editable ".[train,export,offline,report,link,lora,zh,spacy,parquet,frames,serve]" --group dev
	touch $@

demo: $(INSTALLED)
	$(BIN)/decoct run examples/ade/demo.toml
	@echo
	echo "Two days after the second dose of amoxicillin, the boy developed a maculopapular rash." \
		| $(BIN)/decoct extract --student runs/demo/distill/student --in - --format table

test: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m slow tests

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs/demo
