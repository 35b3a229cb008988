# The two commands of the README; each does all the set-up that it needs.
PYTHON ?= python3.11
CORES ?= all
WORKERS ?= 16
BIN := .venv/bin
READY := .venv/.ready
# Small networks gain little from a second core, a second job all of it.
ONE_CORE_EACH := prepare=1 measure=1 cache_features=1 train=1 train_on_target=1 finetune=1 \
	finetune_open_set=1 evaluate_baseline=1 profile=1 profile_baseline=1
RUN := $(BIN)/snakemake --profile profiles/local --cores $(CORES) --set-threads $(ONE_CORE_EACH)

.PHONY: setup demo pictures test test-fast lint bench bench-gpu generated docs

setup: $(READY)

$(READY): envs/requirements.lock pyproject.toml
	@PYTHONPATH=scripts $(PYTHON) -m fovscope.runtime.start $(BIN)/python
	$(PYTHON) -m venv .venv
	@# The lock names all there is, so two processes can share it; and pip would compile on one core.
	grep -v "^#" envs/requirements.lock | sort -r | \
		xargs -P 2 -n 24 $(BIN)/pip install --quiet --no-compile --no-deps
	$(BIN)/python -m compileall -q -j 0 -x "/py312_|/tests/" .venv/lib
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY)
	$(RUN)
	$(RUN) --configfile config/screen.yaml
	@printf '\n'; cat results/tables/names.md
	@printf '\n'; cat results/tables/accuracy.md
	@printf '\nReport: results/report.html    tables: results/tables    models: results/models\n'
	@printf 'Report of the screen: results_screen/report.html\n'

# The pictures of README and documentation, from what the demo has left.
pictures: $(READY)
	$(BIN)/python docs/pictures/overview.py
	$(BIN)/python docs/pictures/copies.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# Tests run beside each other: a thread that spins while it waits takes the core of another.
test: lint
	GOMP_SPINCOUNT=0 $(BIN)/pytest --numprocesses 2 --dist loadfile --durations 40 --durations-min 10

# What takes minutes, and Slurm, left out.
test-fast: $(READY)
	GOMP_SPINCOUNT=0 $(BIN)/pytest --numprocesses 2 --dist loadfile -m "not slow" --ignore tests/slurm

# How fast, beside a reference timed in the same run: a Markdown table, in under 20 minutes.
bench: $(READY)
	@$(BIN)/python benchmarks/table.py
	@GOMP_SPINCOUNT=30000 $(BIN)/python benchmarks/extract.py --rows
	@$(BIN)/python benchmarks/memory.py --rows
	@$(BIN)/python benchmarks/train.py --rows
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/metrics.py --rows
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/probes.py --rows
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/render.py --rows
	@$(BIN)/python benchmarks/plan.py --rows
	@$(BIN)/python benchmarks/start.py --rows

# On a GPU: training and extraction, ours and the reference in one run each.
bench-gpu: $(READY)
	$(BIN)/python benchmarks/train.py --device cuda
	GOMP_SPINCOUNT=30000 $(BIN)/python benchmarks/extract.py --workers $(WORKERS)
	GOMP_SPINCOUNT=30000 $(BIN)/python benchmarks/extract.py --workers $(WORKERS) --rows \
		--model vit_base_patch16_224 --weights random

# What is generated: schema and option tables from the typed config, captions from the figures.
generated: $(READY)
	$(BIN)/python -m fovscope.study.documents

# The documentation, into site/: open site/index.html. Strict, and without the network.
docs: $(READY)
	$(BIN)/python docs/build.py site
	@printf 'Open site/index.html; to search in it: python -m http.server --directory site\n'
