# Every command of the project. `make` alone lists them.

PYTHON ?= python3
WHEELHOUSE ?=
OUT ?= runs/demo
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
SHELL := bash
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help install demo test check bench wheelhouse clean

help:
	@echo 'DoctorGLM'
	@echo
	@echo '  make demo         the pipeline in miniature, into $(OUT)    小规模跑通全流程'
	@echo '  make install      .venv with every extra and the dev tools     安装全部依赖到 .venv'
	@echo '  make test         the tests; ARGS="-k gate" picks some         运行测试'
	@echo '  make check        ruff, mypy, import-linter, figures           代码与数字检查'
	@echo '  make bench        benchmarks/*.py into benchmarks/results      性能测试'
	@echo '  make wheelhouse   all packages for a machine without network   打包离线安装所需的全部文件'
	@echo '  make clean        removes .venv, wheelhouse, caches; not runs  清理（保留 runs）'
	@echo
	@echo '  PYTHON=python3.12 picks the interpreter (3.11 or newer)        指定 Python（不低于 3.11）'
	@echo '  WHEELHOUSE=DIR    installs from there, without a network       从该文件夹离线安装'

# $(call pip,ARGUMENTS) shows the large downloads and every 20th package; the rest is in pip.log, shown when pip fails.
define pip
set -euo pipefail; $(BIN)/python -m pip $(1) --no-input --progress-bar off 2>&1 | tee $(VENV)/pip.log | awk ' \
  /^Collecting |^Processing / { if (++n % 20 == 0) { print "   " n " packages / 个包"; fflush() } } \
  /^ *Downloading .* MB\)/ { size = substr($$(NF-1), 2) + 0; if (size >= 20) { print "   " $$2 " (" size " MB)"; fflush() } } \
  /^Installing collected/ { print "   unpacking / 正在解包安装"; fflush() } \
' || { tail -n 25 $(VENV)/pip.log >&2; echo '!! pip failed; all it said: $(VENV)/pip.log / 安装失败，详见该文件' >&2; exit 1; }
endef

installing = == installing into $(VENV), some minutes the first time / 正在安装到 $(VENV)，首次需要几分钟
from = $(if $(WHEELHOUSE),--no-index --find-links "$(WHEELHOUSE)")

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo '!! $(PYTHON): Python 3.11 or newer is needed: make PYTHON=python3.12 / 需要 Python 3.11 或更新' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# .venv/.developer, .product and .wheel say what is installed; one of them removes those that no longer hold.
install: $(VENV)/.developer
	@echo '== ready: $(BIN)/doctorglm --help'

$(VENV)/.developer: pyproject.toml constraints.txt | $(BIN)/pip
	@echo '$(installing)'
	@$(call pip,install $(from) --constraint constraints.txt --editable '.[dev]')
	@rm -f $(VENV)/.wheel && touch $@ $(VENV)/.product

$(VENV)/.product: pyproject.toml constraints.txt | $(BIN)/pip
	@echo '$(installing)'
	@$(call pip,install $(from) --constraint constraints.txt --editable '.[all]')
	@rm -f $(VENV)/.wheel && touch $@

$(VENV)/.wheel: constraints.txt $(wildcard $(WHEELHOUSE)/doctorglm-*.whl) | $(BIN)/pip
	@echo '$(installing)'
	@$(call pip,install $(from) --constraint constraints.txt 'doctorglm[all]')
	@$(call pip,install $(from) --no-deps --force-reinstall doctorglm)
	@rm -f $(VENV)/.developer $(VENV)/.product && touch $@

# Needs no developers' tools; from a wheelhouse it shows that the wheel itself is whole.
demo: $(VENV)/$(if $(WHEELHOUSE),.wheel,.product)
	@$(BIN)/doctorglm demo --out $(OUT) || [ $$? -eq 3 ] # 3: it ran whole, and the gate said no, which is a result

# Two files of tests at once, a core each: threads of two processes would wait for one another.
test: $(VENV)/.developer
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/figures.py --check

# A benchmark prints one JSON object on stdout and its progress on stderr.
bench: $(VENV)/.developer
	@set -eu; shopt -s nullglob; for file in benchmarks/[a-z]*.py; do \
	  mkdir -p benchmarks/results; result="benchmarks/results/$$(basename "$$file" .py).json"; echo "== $$file -> $$result"; \
	  $(BIN)/python "$$file" >"$$result.new" || { rm -f "$$result.new"; exit 1; }; mv "$$result.new" "$$result"; \
	done

# hatchling and editables build the project itself, so that `make install WHEELHOUSE=wheelhouse` needs no network.
wheelhouse: $(BIN)/pip
	@echo '== gathering the packages for this platform in wheelhouse/ / 正在收集本平台的全部安装包'
	@rm -rf wheelhouse.new
	@$(call pip,wheel --wheel-dir wheelhouse.new --constraint constraints.txt '.[dev]' hatchling editables)
	@rm -rf wheelhouse && mv wheelhouse.new wheelhouse
	@echo "== wheelhouse: $$(ls wheelhouse | wc -l) files, $$(du -sh wheelhouse | cut -f1)"
	@echo '   pip install --no-index --find-links wheelhouse "doctorglm[all]"'

clean:
	rm -rf $(VENV) wheelhouse wheelhouse.new dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
