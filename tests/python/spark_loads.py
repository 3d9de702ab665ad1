"""To be run by Spark's Python: a part of the tree is built, then what of it follows from raw files of another folder.

In one process, since to start Spark takes as long as many a table.
"""

from __future__ import annotations

import json
import os
import sys

from dbt.cli.main import dbtRunner

from dealer_limits.loads import Load, current
from dealer_limits.spark import use_spark


def build(load: Load, selected: list[str]) -> None:
    current.load = load
    arguments = ["build", "--target", "spark", "--exclude-resource-types", "unit_test", "test", "--select", *selected]
    done = dbtRunner().invoke(["--log-level", "none", *arguments])
    assert done.success, [(node.node.name, node.message) for node in done.result if node.status == "error"]


if __name__ == "__main__":
    later, (tables, models) = sys.argv[1], (json.loads(argument) for argument in sys.argv[2:])
    use_spark()
    build(Load(), models)
    os.environ["RAW_DATA"] = later
    build(Load("", tuple(tables)), [f"source:{table}+,{model}" for table in tables for model in models])
