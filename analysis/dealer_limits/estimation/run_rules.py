"""Other readings of RULES: dbt compiles them, DuckDB builds them, and the registry is estimated with each.

dbt compiles the models that read a variable, and those that follow, with another value of it; DuckDB runs them on a
copy of the build file. The warehouse stays as it is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pandas as pd
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from rich.console import Console
from rich.progress import track

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.rules import (
    FIGURE_4,
    KEY,
    KINDS,
    MATCH,
    RULES,
    TEN_LESS_ONE,
    Rule,
    draw_rules,
    sentences_of,
    write_page,
)
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.specifications import load_registry
from dealer_limits.estimation.threads import one_blas_thread
from dealer_limits.provenance import sentence_of
from dealer_limits.sources.files import truth_folder
from dealer_limits.steps import close_database
from dealer_limits.variables import built_with, documented
from dealer_limits.warehouse import open_build_of, open_warehouse

# What is no regression: a mean, a share, a difference, with the rows that it is of.
_OTHER_RESULTS = f"""
select "table", panel, '' as "column", outcome as term,
    max(value) filter (where statistic = 'mean') as coef, max(value) filter (where statistic = 'count') as nobs
from marts.fct_summary_statistics group by all
union all
select '{FIGURE_4}', position_measure, '', '{TEN_LESS_ONE}',
    max(mean_log_change_pct) filter (where usage_rank_decile = 10)
    - max(mean_log_change_pct) filter (where usage_rank_decile = 1),
    sum(desk_days)
from marts.fct_position_change_by_usage_rank group by all
union all
select '{MATCH}', '', '', kinds.match_kind, 100.0 * count(award_id) / (select count(*) from marts.fct_soma_award),
    count(award_id)
from unnest({[key[3] for key in KINDS]}) as kinds (match_kind)
left join marts.fct_soma_award as awards on kinds.match_kind = awards.match_kind
group by all
"""


@one_blas_thread()
def run_rules(warehouse: Path, output: Path, console: Console) -> Path:
    """Estimate every other reading of RULES beside the one that the warehouse was built with.

    Writes `rules.parquet` (a row per rule and result: KEY; variable, heading, reading, other_reading; coef, se and
    nobs, and those of the other reading as other_*; is_shown), `rules.md` and `figures/rules.svg` and `.png`.
    se is missing where a result is no coefficient; results of quantile regressions, whose errors are drawn, are left
    out. The same warehouse gives the same bytes.

    Raises DealerLimitsError where the warehouse or the file of its build is missing, or a reading cannot be built.
    """
    with open_warehouse(warehouse) as connection:
        sentence = sentence_of(connection)
        variables = built_with(connection)
    with open_build_of(warehouse) as build:
        if build is None:
            raise DealerLimitsError(
                f"the build that {warehouse} is of is not beside it: run `dealer-limits build --full` first"
            )
        built = read_results(build)
    build_file = warehouse.resolve().parent / "build" / warehouse.resolve().name
    compared = []
    with TemporaryDirectory(dir=build_file.parent) as folder:
        compiler = Compiler(Path(folder) / "compiling", variables)
        readings = [(rule, other) for rule in RULES for other in rule.readings if other != variables[rule.variable]]
        for rule, other in track(readings, "Rules", console=console, transient=True):
            statements = compiler.compile(rule.models, {rule.variable: other})
            copy = Path(folder) / build_file.name
            shutil.copyfile(build_file, copy)
            rebuild(copy, statements)
            with open_warehouse(copy) as connection:
                found = read_results(connection)
            compared.append(_compare(rule, variables[rule.variable], other, built, found))
    rows = pd.concat(compared, ignore_index=True)
    (output / "figures").mkdir(parents=True, exist_ok=True)
    rows.to_parquet(output / "rules.parquet", index=False)
    page = output / "rules.md"
    record = truth_folder() / "world.json"
    world = json.loads(record.read_text(encoding="utf-8")) if sentence and record.is_file() else None
    page.write_text(write_page(rows, sentence, world), encoding="utf-8")
    draw_rules(rows, output / "figures", sentence)
    for variable, said in sentences_of(rows).items():
        console.print(f"{variable}: {said}", highlight=False, markup=False, soft_wrap=True)
    return page


class Compiler:
    """dbt, which parses the project once and compiles it with any variables; `folder` is all that it writes into."""

    def __init__(self, folder: Path, variables: Mapping[str, Any]) -> None:
        """`variables`: those of the build that is compared with, where they are not the defaults."""
        defaults = documented(Path(os.environ.get("DBT_PROJECT_DIR", "")))
        self._given = {name: value for name, value in variables.items() if defaults.get(name) != value}
        self._folder = folder
        self._manifest: Manifest = self._invoke(dbtRunner(), "parse", self._given)

    def compile(
        self, models: Iterable[str], changed: Mapping[str, Any], needed_by: Iterable[str] = ()
    ) -> dict[str, str]:
        """Relation of each model that reads from these, themselves among them, in the order of the graph: its SQL.

        With `needed_by` only of those that these models read.
        """
        ends = [f",+{model}" for model in needed_by] or [""]
        selected = [f"{model}+{end},resource_type:model" for model in models for end in ends]
        results = self._invoke(
            dbtRunner(manifest=self._manifest), "compile", self._given | changed,
            "--select", *selected, "--exclude", "path:models/quality", "--indirect-selection", "empty",
        )  # fmt: skip
        left = {result.node.unique_id: result.node for result in results}
        ordered = {}
        while left:
            ready = [name for name, node in left.items() if not left.keys() & {*node.depends_on.nodes}]
            for name in sorted(ready):
                node = left.pop(name)
                kind = "view" if node.config.materialized == "view" else "table"
                ordered[f"{kind} {node.schema}.{node.alias}"] = node.compiled_code
        return ordered

    def _invoke(self, runner: dbtRunner, command: str, variables: Mapping[str, Any], *arguments: str) -> Any:
        given = json.dumps(dict(variables))
        with _environment(
            WAREHOUSE_DIR=self._folder, DBT_TARGET_PATH=self._folder / "target", DBT_LOG_PATH=self._folder
        ):
            options = ("--log-level", "none", "--log-level-file", "none", "--no-write-json", "--quiet")
            done = runner.invoke([*options, command, "--vars", given, *arguments])
            close_database()
        if not done.success:
            raise DealerLimitsError(f"dbt cannot {command} the project with {given}: `dbt {command}` says why")
        return done.result if command == "parse" else done.result.results


@contextmanager
def _environment(**values: Path) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def rebuild(build_file: Path, statements: Mapping[str, str]) -> None:
    """Make relations (`table schema.name`) of a build file anew by their SQL, as dbt would.

    Raises DealerLimitsError, without what the engine says, which may quote a value.
    """
    with duckdb.connect(str(build_file)) as connection:
        make_anew(connection, statements)


def make_anew(connection: duckdb.DuckDBPyConnection, statements: Mapping[str, str]) -> None:
    """As `rebuild`, in a database that is open."""
    connection.execute("set TimeZone = 'America/New_York'")
    for relation, statement in statements.items():
        try:
            connection.execute(f"create or replace {relation} as {statement}")
        except duckdb.Error:
            raise DealerLimitsError(f"{relation} cannot be made with another reading") from None


def read_results(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Every coefficient but of quantile regressions, and what else the page shows. Columns: KEY, coef, se, nobs."""
    registry = load_registry(connection)
    specs = [spec for spec in registry.of_tables(registry.tables) if spec.kind != "quantile"]
    rows = [
        (*spec.key, term, float(fit.coef[place]), float(fit.se[place]), float(fit.nobs))
        for spec, fit in estimate(connection, registry, specs, Bootstrap(), "arrays")
        if not isinstance(fit, str)
        for place, term in enumerate(spec.coefficients)
    ]
    rows += [
        (*key, coef, float("nan"), float(nobs))
        for *key, coef, nobs in connection.execute(_OTHER_RESULTS).fetchall()
        if coef is not None
    ]
    return pd.DataFrame(rows, columns=[*KEY, "coef", "se", "nobs"]).sort_values([*KEY], ignore_index=True)


def _compare(rule: Rule, reading: Any, other: Any, built: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Results of two readings side by side; one that only one reading has is missing in the other."""
    values = {name: f"other_{name}" for name in ("coef", "se", "nobs")}
    rows = built.merge(found.rename(columns=values), how="outer", on=[*KEY])
    rows = rows.assign(
        variable=rule.variable,
        heading=rule.heading,
        reading=str(reading),
        other_reading=str(other),
        is_shown=[key in rule.shown for key in rows[[*KEY]].itertuples(index=False, name=None)],
    )
    place = {key: number for number, key in enumerate(rule.shown)}
    order = [place.get(key, len(place)) for key in rows[[*KEY]].itertuples(index=False, name=None)]
    return rows.assign(order=order).sort_values(["order", *KEY], ignore_index=True).drop(columns="order")
