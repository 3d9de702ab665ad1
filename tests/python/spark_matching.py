"""To be run by Spark's Python: the matching models over the awards and trades of a folder, into its build file."""

from __future__ import annotations

import sys
from pathlib import Path

from dbt.cli.main import dbtRunner
from pyspark.sql import SparkSession

from dealer_limits.spark import use_spark

if __name__ == "__main__":
    folder, models = Path(sys.argv[1]), sys.argv[2:]
    use_spark()
    # any node has the session made as a build has it
    assert dbtRunner().invoke(["--quiet", "seed", "--target", "spark", "--select", "covariances"]).success
    session = SparkSession.builder.getOrCreate()
    session.sql("create schema if not exists intermediate")
    for name in ("int_soma_awards", "int_soma_trade_candidates"):
        session.read.parquet(str(folder / f"{name}.parquet")).write.saveAsTable(f"intermediate.{name}")
    sys.exit(not dbtRunner().invoke(["--quiet", "run", "--target", "spark", "--select", *models]).success)
