# The two commands of the README; each does all the set-up that it needs.
PYTHON ?= python3.11
CORES ?= all
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test lint generated

setup: $(READY)

$(READY): envs/requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement envs/requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(READY)
	$(BIN)/snakemake --profile profiles/local --cores $(CORES)
	@printf '\n'; cat results/tables/accuracy.md
	@printf '\n'; cat results/tables/disentanglement.md
	@printf '\nReport: results/report.html    tables: results/tables    models: results/models\n'

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

test: lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile

# What is generated from the typed config: the schema and the tables of config/README.md.
generated: $(READY)
	$(BIN)/python -m fovscope.config
