# make run: from raw files to the report.  make test: every test.
# make bench-*: how long things take, beside a floor or a peer in the same run.
# With RAW_DATA set, the raw files are yours and no pseudo data are made.
SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# pyspark has an environment of its own: Great Expectations imports whatever pyspark it finds
SPARK_VENV := .venv-spark
SPARK_BIN := $(SPARK_VENV)/bin
# nothing leaves the machine, and libraries do not look for updates
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false

.PHONY: run test lint docs verify rules montecarlo calibrate calibrate-check bench-matching bench-estimates bench-panel bench-build \
	bench-run bench-daily spark spark-parity spark-check setup setup-spark lock clean

run: setup
	$(BIN)/dealer-limits run

# in two processes, as dbt and sqlfluff have two; threads of BLAS would only wait for each other
test: setup lint
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2

# dbt's documentation as one page without a network, and a data dictionary: output/docs
docs: setup
	$(BIN)/dealer-limits docs

# every estimate by every engine and by pyfixest
verify: setup
	$(BIN)/dealer-limits verify

lint: setup
	$(BIN)/ruff check analysis tests benchmarks
	$(BIN)/ruff format --check analysis tests benchmarks
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar models tests analysis/queries

# fits the parameters of the world `paper` (about ten minutes); the check runs twenty whole worlds of fresh seeds through
# the pipeline (about fifteen minutes), goes on where it was stopped, and changes nothing
calibrate: setup
	$(BIN)/dealer-limits calibrate

calibrate-check: setup
	$(BIN)/dealer-limits calibrate --check
	cp output/calibration.md docs/calibration.md

# every rule that can be disputed, read otherwise, beside the published warehouse
rules: setup
	$(BIN)/dealer-limits rules
	cp output/rules.md docs/rules.md

# 500 worlds of each kind, whole worlds for the trade tables and Table 15, and 2,000, 500 and 500 for the errors, which takes
# hours and goes on where it was stopped; writes seeds/montecarlo.csv, docs/montecarlo.md, docs/reaction_share.md and
# seeds/covariance_coverage.csv
montecarlo: setup
	$(BIN)/dealer-limits montecarlo --world paper
	$(BIN)/dealer-limits montecarlo --world null
	$(BIN)/dealer-limits montecarlo --world strong
	$(BIN)/dealer-limits montecarlo --trades --world paper --reps 20
	$(BIN)/dealer-limits montecarlo --trades --world null --reps 20
	$(BIN)/dealer-limits montecarlo --trades --world strong --reps 10
	$(BIN)/dealer-limits montecarlo --publish
	$(BIN)/dealer-limits montecarlo --split
	$(BIN)/dealer-limits montecarlo --reaction
	$(BIN)/dealer-limits montecarlo --extensions --world paper --reps 30
	$(BIN)/dealer-limits montecarlo --extensions --world null --reps 120
	$(BIN)/dealer-limits montecarlo --extensions --world strong --reps 30
	$(BIN)/dealer-limits montecarlo --extensions --publish
	$(BIN)/dealer-limits coverage
	$(BIN)/dealer-limits coverage --world null --reps 500
	$(BIN)/dealer-limits coverage --world strong --reps 500
	cp output/covariance_coverage.csv seeds/covariance_coverage.csv

# `make run` up to the published warehouse, with tables made by Spark, which needs Java 17 (docs/scaling.md)
spark: setup-spark
	$(if $(RAW_DATA),,$(SPARK_BIN)/dealer-limits pseudo)
	$(SPARK_BIN)/dealer-limits build --target spark

# both engines from the same raw files, each in a folder of its own, then every cell of one beside the other's
spark-parity: setup setup-spark
	$(if $(RAW_DATA),,$(BIN)/dealer-limits pseudo)
	WAREHOUSE_DIR=warehouse/by_duckdb $(BIN)/dealer-limits build
	WAREHOUSE_DIR=warehouse/by_spark $(SPARK_BIN)/dealer-limits build --target spark
	$(BIN)/python -m dealer_limits.parity warehouse/by_duckdb/build/dealer_limits.duckdb \
		warehouse/by_spark/build/dealer_limits.duckdb --write docs/scaling.md

# the same of a small world, as a test, which `make test` leaves out where there is no Spark
spark-check: setup setup-spark
	$(BIN)/pytest --numprocesses 0 tests/python/test_spark.py

# up to 100 million rows: 6 GB of disk and 8 GiB of memory
bench-matching bench-estimates bench-panel bench-build bench-run bench-daily: setup
	$(BIN)/python benchmarks/$(subst -,_,$@).py

setup: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

setup-spark: $(SPARK_VENV)/installed

$(SPARK_VENV)/installed: requirements-spark.lock pyproject.toml
	test -x $(SPARK_BIN)/python || $(PYTHON) -m venv $(SPARK_VENV)
	$(SPARK_BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	$(SPARK_BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# the one target that needs an index: pins every dependency by hash, of Spark's environment at the same versions
PIN := pip-compile --quiet --upgrade --generate-hashes --no-strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header
lock: setup
	$(BIN)/$(PIN) --extra dev --output-file requirements.lock pyproject.toml
	$(BIN)/$(PIN) --extra spark --constraint requirements.lock --output-file requirements-spark.lock pyproject.toml

clean:
	rm -rf data warehouse output target logs
