"""Rules that the paper leaves open: what each of their other readings gives, beside the one that a warehouse has.

A rule is a variable of dbt_project.yml. dbt compiles the models that read it, and those that follow, with another
value; DuckDB runs them on a copy of the build file, and the registry is estimated again. The warehouse stays as it is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import matplotlib.style
import pandas as pd
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.specifications import load_registry
from dealer_limits.estimation.threads import one_blas_thread
from dealer_limits.provenance import mark_figure, sentence_of
from dealer_limits.sources.files import truth_folder
from dealer_limits.steps import close_database
from dealer_limits.variables import built_with, documented
from dealer_limits.warehouse import open_build_of, open_warehouse

# table, panel, column, term
Key = tuple[str, str, str, str]
KEY = ("table", "panel", "column", "term")
# what is no regression
FIGURE_4, MATCH = "figure_4", "match"
_TEN_LESS_ONE = "decile 10 less decile 1"

_TABLE_11_AND_12 = tuple(
    (*key, term)
    for key in (("11", "a", "3"), ("11", "a", "6"), ("12", "", "2"), ("12", "", "5"))
    for term in ("march_0_x_log_limit_usage", "march_1_x_log_limit_usage")
)
_KINDS = tuple((MATCH, "", "", kind) for kind in ("equal", "lone", "exact", "partial", "by_price", "none"))


@dataclass(frozen=True)
class Rule:
    """A rule that can be disputed: its variable, the readings that are compared, the heading in docs/decisions.md that
    says why, the models that read the variable, and the results that the page shows for it."""

    variable: str
    readings: tuple[Any, ...]
    heading: str
    models: tuple[str, ...]
    shown: tuple[Key, ...]


RULES = (
    Rule(
        "treasury_exclusions_needed",
        ("all", "any"),
        'Exclusions "and/or"',
        ("int_desks_classified",),
        (("2", "a", "5", "log_limit_usage"), ("2", "b", "5", "log_limit_usage"), ("14", "c", "1", "log_limit_usage")),
    ),
    Rule(
        "position_floor_usd",
        (0, 1000),
        "A net position of zero has no log",
        ("obs_desk_horizon",),
        (("2", "a", "5", "log_limit_usage"), ("9", "c", "1", "log_limit_usage"), ("9", "c", "4", "log_limit_usage")),
    ),
    Rule(
        "slr_relief",
        ("as_filed", "added_back"),
        "The leverage ratio of the relief is as filed",
        ("int_firm_slr_distances",),
        tuple(
            (table, "c", column, term)
            for table in ("4", "5")
            for column, terms in (
                ("3", ("log_limit_usage", "lagged_slr_distance")),
                ("4", ("log_limit_usage_x_lagged_slr_distance",)),
            )
            for term in terms
        ),
    ),
    Rule(
        "profit_change_days",
        ("available", "complete"),
        "P&L total is new plus existing",
        ("obs_desk_horizon",),
        (("14", "c", "1", "log_limit_usage"), ("14", "c", "2", "log_limit_usage")),
    ),
    Rule(
        "without_dv01_limit",
        ("zero", "missing"),
        "Table 7",
        ("fct_desk_day",),
        (("7", "b", "4", "log_dv01_limit_usage"), ("7", "b", "4", "log_limit_usage")),
    ),
    Rule(
        "figure_4_ranks",
        ("own_year", "pooled"),
        "Ranks of Figure 4 are of the desk's own year",
        ("fct_position_change_by_usage_rank",),
        ((FIGURE_4, "net", "", _TEN_LESS_ONE), (FIGURE_4, "gross", "", _TEN_LESS_ONE)),
    ),
    Rule(
        "operation_time",
        ("close", "release"),
        "The time of an operation is its close",
        ("int_soma_awards",),
        (*_KINDS, *_TABLE_11_AND_12),
    ),
    Rule(
        "level_2_trades",
        ("no_larger", "smaller"),
        "A lone trade of equal size at another time is a match of level 2",
        ("int_soma_exact_searches", "int_soma_matches_level_2_partial"),
        (*_KINDS, *_TABLE_11_AND_12),
    ),
    Rule(
        "matching_rule",
        ("paper", "price_consistent"),
        "Which exact sum",
        ("fct_soma_award", "fct_soma_sale"),
        _TABLE_11_AND_12,
    ),
    Rule(
        "when_issued_customer_trades",
        ("excluded", "included"),
        "Customer trades are of what is issued, and on the dealer's own account",
        ("int_dealer_customer_trades",),
        (
            ("1", "b", "", "log_customer_buys_not_in_soma"),
            ("1", "b", "", "log_customer_buys_total"),
            *(("13", "", column, term) for column in ("2", "3") for term in ("log_limit_usage", "log_soma_sales")),
        ),
    ),
    Rule(
        "agency_customer_trades",
        ("excluded", "included"),
        "Customer trades are of what is issued, and on the dealer's own account",
        ("int_dealer_customer_trades",),
        (
            ("1", "b", "", "soma_sales_to_customer_sales"),
            ("1", "b", "", "soma_sales_to_customer_buys"),
            ("1", "b", "", "log_customer_buys_total"),
            *(
                ("11", "b", column, f"march_{march}_x_log_limit_usage")
                for column in ("3", "6")
                for march in (0, 1)
            ),
            *(("13", "", "3", term) for term in ("log_limit_usage", "log_soma_sales")),
        ),
    ),
)

# What is no regression: a mean, a share, a difference, with the rows that it is of.
_OTHER_RESULTS = f"""
select "table", panel, '' as "column", outcome as term,
    max(value) filter (where statistic = 'mean') as coef, max(value) filter (where statistic = 'count') as nobs
from marts.fct_summary_statistics group by all
union all
select '{FIGURE_4}', position_measure, '', '{_TEN_LESS_ONE}',
    max(mean_log_change_pct) filter (where usage_rank_decile = 10)
    - max(mean_log_change_pct) filter (where usage_rank_decile = 1),
    sum(desk_days)
from marts.fct_position_change_by_usage_rank group by all
union all
select '{MATCH}', '', '', kinds.match_kind, 100.0 * count(award_id) / (select count(*) from marts.fct_soma_award),
    count(award_id)
from unnest({[key[3] for key in _KINDS]}) as kinds (match_kind)
left join marts.fct_soma_award as awards on kinds.match_kind = awards.match_kind
group by all
"""


@one_blas_thread()
def run_rules(warehouse: Path, output: Path, console: Console) -> Path:
    """Estimate every other reading of RULES beside the one that the warehouse was built with.

    Writes `rules.parquet` (a row per rule and result: KEY; variable, heading, reading, other_reading; coef, se and nobs,
    and those of the other reading as other_*; is_shown), `rules.md` and `figures/rules.svg` and `.png` to `output`.
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

    def compile(self, models: Iterable[str], changed: Mapping[str, Any]) -> dict[str, str]:
        """Relation of each model that reads from these, themselves among them, in the order of the graph: its SQL."""
        selected = [f"{model}+,resource_type:model" for model in models]
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
        with _environment(WAREHOUSE_DIR=self._folder, DBT_TARGET_PATH=self._folder / "target", DBT_LOG_PATH=self._folder):
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
        connection.execute("set TimeZone = 'America/New_York'")
        for relation, statement in statements.items():
            try:
                connection.execute(f"create or replace {relation} as {statement}")
            except duckdb.Error:
                raise DealerLimitsError(f"{relation} cannot be made with another reading") from None


def read_results(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Every coefficient of the registry but of quantile regressions, and what else the page shows: KEY, coef, se, nobs."""
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


def label_of(key: Key) -> str:
    """A result as a reader of the paper would call it."""
    table, panel, column, term = key
    words = term.replace("_", " ")
    if table == MATCH:
        return f"awards matched as {words}, %"
    if table == FIGURE_4:
        return f"Figure 4, {panel}: {words}, %"
    place = f"Table {table}{f'({panel})' if panel else ''}"
    return f"{place}, mean of {words}" if table == "1" else f"{place}, column {column}: {words}"


def moved(rows: pd.DataFrame) -> pd.Series:
    """By how many standard errors of the reading that was built the other's coefficient is away; a mean's is missing."""
    return (rows["other_coef"] - rows["coef"]) / rows["se"]


def sentences_of(rows: pd.DataFrame) -> dict[str, str]:
    """A sentence per rule, by its variable: how many coefficients its other reading moves, and which the most."""
    lines = {}
    for (variable, reading, other), of_rule in rows.groupby(["variable", "reading", "other_reading"], sort=False):
        coefs = of_rule.dropna(subset=["se", "other_se"])
        distance = moved(coefs)
        changed = (coefs["coef"] - coefs["other_coef"]).abs() > 1e-9
        signs = (coefs["coef"] * coefs["other_coef"] < 0) & changed
        line = f"{other} instead of {reading} changes {changed.sum()} of {len(coefs)} coefficients"
        if changed.any():
            farthest = coefs.loc[distance.abs().idxmax()]
            (key,) = farthest.to_frame().T[[*KEY]].itertuples(index=False, name=None)
            line += (
                f", {(distance.abs() > 1).sum()} by more than a standard error and {signs.sum()} in sign; "
                f"most {label_of(key)}, by {abs(distance.loc[farthest.name]):.1f} standard errors"
            )
        lines[variable] = f"{line}."
    return lines


def cells_of(row: Any) -> tuple[str, str]:
    """What a page shows of a result: of the reading that was built, and of the other."""
    texts = []
    for prefix in ("", "other_"):
        coef, se, nobs = (getattr(row, f"{prefix}{name}") for name in ("coef", "se", "nobs"))
        form = ".1f" if row.table == MATCH else ".3f"
        error = "" if se != se else f" ({se:.3f})"
        texts.append("" if coef != coef else f"{coef:{form}}{error}, N {nobs:,.0f}")
    return texts[0], texts[1]


def anchor_of(heading: str) -> str:
    """The anchor that a heading of a Markdown page has."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def write_page(rows: pd.DataFrame, sentence: str, world: Mapping[str, Any] | None) -> str:
    """docs/rules.md: per rule what the other reading changes, and the results that are shown for it."""
    seed = f" Seed {world['seed']}, scale {world['scale']}." if world else ""
    lines = [
        "# Rules that can be disputed",
        "",
        "Written by `dealer-limits rules`: every other reading of a rule that the paper leaves open, one at a time, each built",
        "from the same staged rows and estimated again, with the paper's errors in parentheses. A rule is a variable of",
        f"`dbt_project.yml`; the heading says why it is read as it is. {sentence}{seed}".rstrip(),
    ]
    sentences = sentences_of(rows)
    for (variable, heading, reading, other), of_rule in rows.groupby(
        ["variable", "heading", "reading", "other_reading"], sort=False
    ):
        lines += [
            "",
            f"## `{variable}`: {reading} or {other}",
            "",
            f"[{heading}](decisions.md#{anchor_of(heading)}). {sentences[variable]}",
            "",
            f"| result | {reading} | {other} |",
            "| --- | --: | --: |",
        ]
        for row in of_rule[of_rule["is_shown"]].itertuples():
            built, found = cells_of(row)
            lines.append(f"| {label_of((row.table, row.panel, row.column, row.term))} | {built} | {found} |")
    return "\n".join(lines) + "\n"


def draw_rules(rows: pd.DataFrame, folder: Path, sentence: str) -> None:
    """Coefficients that are shown, of both readings with 95% intervals, in standard errors of the reading that was built.

    `sentence`, if any, stands along the edge.
    """
    shown = rows[rows["is_shown"]].dropna(subset=["se", "other_se"]).reset_index(drop=True)
    style = {"svg.fonttype": "none", "svg.hashsalt": "dealer-limits", "font.size": 8}
    style |= {"axes.spines.top": False, "axes.spines.right": False}
    with matplotlib.style.context(["default", style]):
        figure = Figure(figsize=(9.0, 1.2 + 0.21 * (len(shown) + shown["variable"].nunique())), layout="constrained")
        axes = figure.subplots()
        figure.suptitle("Every rule that can be disputed, read otherwise")
        labels: list[str] = []
        for (variable, reading, other), of_rule in shown.groupby(["variable", "reading", "other_reading"], sort=False):
            labels.append(f"{variable}: {reading} (black) or {other}")
            for row in of_rule.itertuples():
                place = -len(labels)
                for coef, se, colour, shift in (
                    (row.coef, row.se, "black", 0.15),
                    (row.other_coef, row.other_se, "#e08214", -0.15),
                ):
                    low, high = (coef - 1.96 * se) / row.se, (coef + 1.96 * se) / row.se
                    axes.hlines(place + shift, low, high, color=colour, linewidth=1.0)
                    axes.plot([coef / row.se], [place + shift], "o", color=colour, markersize=3)
                labels.append(label_of((row.table, row.panel, row.column, row.term)))
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_yticks([-number for number in range(len(labels))], labels)
        for tick, label in zip(axes.get_yticklabels(), labels, strict=True):
            tick.set_fontweight("normal" if ", column" in label else "bold")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("coefficient and 95% interval, in standard errors of the reading that was built")
        mark_figure(figure, sentence)
        # the day of the drawing would change the bytes
        figure.savefig(folder / "rules.svg", metadata={"Date": None})
        figure.savefig(folder / "rules.png", dpi=200)
