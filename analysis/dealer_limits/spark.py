"""Spark as a target of the models: tables are made by Spark, and what is published is a DuckDB file all the same.

dbt-spark's session runs in the process of dbt. Beside it a DuckDB file is open, the build file: functions of the
plugin are asked there, each table that Spark has made is copied into it, and what judges and publishes a build on
DuckDB judges and publishes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dbt.adapters import spark
from dbt.adapters.base import AdapterPlugin
from dbt.adapters.base.impl import ConstraintSupport
from dbt.adapters.base.meta import available
from dbt.adapters.contracts.connection import Connection
from dbt.adapters.duckdb import environments
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.spark import SparkConnectionManager, SparkCredentials, SparkRelation, impl
from dbt.include.spark import PACKAGE_PATH
from dbt_common.exceptions import DbtRuntimeError
from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from dealer_limits.steps import close_database

if TYPE_CHECKING:
    import agate

# whose messages speak of names and SQL; those of others may quote what stands in a row
_WITHOUT_VALUES = (AnalysisException, ParseException, DbtRuntimeError)


@dataclass
class Credentials(SparkCredentials):
    """dbt-spark's, and of which output the build file is."""

    build_file: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        # dbt-spark turns off what tells a column from a text, and an overflow from a null
        self.server_side_parameters["spark.sql.ansi.enabled"] = "true"

    def of_build_file(self) -> DuckDBCredentials:
        kept = {name: value for name, value in self.build_file.items() if name not in ("type", "threads")}
        return DuckDBCredentials.from_dict(DuckDBCredentials.translate_aliases(kept))


class ConnectionManager(SparkConnectionManager):
    """dbt-spark's, but errors lose what may be a value before they are printed or logged."""

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Start Spark, as a session of dbt-spark would with its first statement."""
        builder = SparkSession.builder.enableHiveSupport()
        for name, value in connection.credentials.server_side_parameters.items():
            builder = builder.config(name, value)
        with _without_standard_error():
            builder.getOrCreate()
        return super().open(connection)

    @contextmanager
    def exception_handler(self, sql: str) -> Iterator[None]:
        try:
            yield
        except _WITHOUT_VALUES as error:
            # behind the first lines stands the plan
            raise DbtRuntimeError("\n".join(str(error).splitlines()[:3])) from None
        except Exception as error:
            kind = getattr(error, "getCondition", lambda: None)() or type(error).__name__
            raise DbtRuntimeError(f"{kind}: its message may quote a value and is not shown") from None


class SparkAdapter(impl.SparkAdapter):
    """dbt-spark's, by whose name dbt knows it: names are quoted as SQL has it, and macros get what SQL cannot give."""

    ConnectionManager = ConnectionManager
    # by the build file, into which every table is copied
    CONSTRAINT_SUPPORT: ClassVar = dict.fromkeys(impl.SparkAdapter.CONSTRAINT_SUPPORT, ConstraintSupport.ENFORCED)

    @classmethod
    def quote(cls, identifier: str) -> str:
        return '"{}"'.format(identifier.replace('"', '""'))

    def cleanup_connections(self) -> None:
        super().cleanup_connections()
        close_database()

    @cached_property
    def _build(self) -> Any:
        # where dbt-duckdb has its own, so that whatever closes that closes this
        DuckDBConnectionManager._ENV = environments.create(self.config.credentials.of_build_file())
        return DuckDBConnectionManager._ENV.handle().cursor()

    @available
    def of_build(self, sql: str) -> agate.Table:
        """The answer of the build file."""
        self._build.execute(sql)
        return DuckDBConnectionManager.get_result_from_cursor(self._build, None)

    @available
    def files_of(self, relation: SparkRelation) -> str:
        """The Parquet files that Spark keeps of a table, by parts of it or not."""
        return f"{_folder_of(relation)}/**/*.parquet"

    @available
    def has_files(self, relation: SparkRelation) -> bool:
        """Whether Spark keeps any: of no rows in parts it keeps none."""
        return any(_folder_of(relation).rglob("*.parquet"))

    @available
    def read_text(self, files: Sequence[str], width: int, options: dict[str, Any]) -> str:
        """A view of delimited files below their headers: columns c1, c2, … as text, and `filename`."""
        schema = ", ".join(f"c{place} string" for place in range(1, width + 1))
        return _view(_session().read.schema(schema).options(header=True, **options).csv(_paths(files)))

    @available
    def read_parquet(self, files: Sequence[str]) -> str:
        """A view of Parquet files that have the same columns, with `filename`."""
        return _view(_session().read.parquet(*_paths(files)))

    @available
    def read_json(self, files: Sequence[str], schema: str) -> str:
        """A view of JSON documents, a file each: `document`, and `filename`."""
        documents = _session().read.text(_paths(files), wholetext=True)
        return _view(documents.withColumn("document", f.from_json("value", schema)))

    @available
    def absolute(self, path: str) -> str:
        """A path as `filename` has it."""
        return os.path.abspath(path)  # noqa: PTH100 - links stay as they are named


def use_spark() -> None:
    """Have dbt take the adapter above for the type `spark`."""
    spark.Plugin = AdapterPlugin(adapter=SparkAdapter, credentials=Credentials, include_path=PACKAGE_PATH)


@contextmanager
def _without_standard_error() -> Iterator[None]:
    """Java keeps the standard error that it is started with: what it writes there may quote values."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _session() -> SparkSession:
    return SparkSession.getActiveSession() or SparkSession.builder.getOrCreate()


def _folder_of(relation: SparkRelation) -> Path:
    folder = _session().conf.get("spark.sql.warehouse.dir").removeprefix("file:")
    return Path(folder) / f"{relation.schema}.db" / relation.identifier


def _paths(files: Sequence[str]) -> list[str]:
    """Paths as they are: what looks like a pattern in them is none."""
    return [
        "file://" + "".join(f"\\{character}" if character in "\\{}[]*?" else character for character in path)
        for path in map(os.path.abspath, files)
    ]


def _view(rows: DataFrame) -> str:
    """A temporary view of rows of files, with the path that each is from."""
    # Spark names a file by its address
    name = f.url_decode(f.replace("_metadata.file_path", f.lit("+"), f.lit("%2B")))
    view = f"raw_{rows._jdf.hashCode() & 0xFFFFFFFF:08x}"
    rows.withColumn("filename", f.regexp_replace(name, "^file:(//)?", "")).createOrReplaceTempView(view)
    return view
