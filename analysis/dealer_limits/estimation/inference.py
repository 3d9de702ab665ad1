"""Every estimate with the errors that a referee may ask for, and which results are significant with these too."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from scipy.stats import chi2
from statsmodels.stats.multitest import multipletests

from dealer_limits.estimation.absorb import number_levels
from dealer_limits.estimation.covariance import (
    Covariance,
    cluster_covariance,
    cluster_jackknife_covariance,
    driscoll_kraay_covariance,
    newey_west_covariance,
    robust_covariance_of,
    rule_of_thumb_lags,
)
from dealer_limits.estimation.extremal import extremal_inference
from dealer_limits.estimation.first_step import (
    FirstStep,
    block_errors_of_both_steps,
    columns_of_first_steps,
    first_step_of,
    newey_west_of_both_steps,
)
from dealer_limits.estimation.instruments import (
    RECOMMENDED_SET,
    EffectiveF,
    Projections,
    anderson_rubin,
    anderson_rubin_p,
    anderson_rubin_set,
    effective_f,
    hansen_j,
    project,
    strength,
)
from dealer_limits.estimation.known_worlds import null_rejections
from dealer_limits.estimation.mart import publish_safe_errors
from dealer_limits.estimation.methods import Method, Methods, load_methods
from dealer_limits.estimation.multiplicity import romano_wolf
from dealer_limits.estimation.observations import DAY, FIRM, Rows, complete_rows, read_rows, variables_of
from dealer_limits.estimation.panel import CollinearError, Fit, Variables, infer, stars
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column, same_rows, same_variables
from dealer_limits.estimation.specifications import Specification, load_registry
from dealer_limits.estimation.threads import one_blas_thread
from dealer_limits.estimation.wild_bootstrap import WildTest, coarser, draw_signs, prepare_tests, share_as_far
from dealer_limits.warehouse import identity, open_warehouse

SEED = 20200316

# Results are significant at this level.
LEVEL = 0.05

KEYS = ("table", "panel", "column", "term")


@dataclass(frozen=True)
class Inference:
    """One coefficient under one covariance; `clusters` and `lags` are nan where there are none."""

    table: str
    panel: str
    column: str
    term: str
    covariance: str
    label: str
    coef: float
    se: float
    t: float
    df: float
    p: float
    stars: int
    ci_low: float
    ci_high: float
    clusters: float
    lags: float


@dataclass(frozen=True)
class Inferred:
    """What one column gives: rows, draws of wild statistics by coefficient, and tests of its instruments."""

    rows: list[Inference]
    wild: dict[tuple[str, str], tuple[float, np.ndarray]]
    instruments: list[tuple]


@one_blas_thread()
def run_inference(
    warehouse: Path,
    output: Path,
    tables: list[str] | None,
    console: Console,
    bootstrap: Bootstrap | None = None,
    own: Path | None = None,
    into_warehouse: bool = False,
) -> pd.DataFrame:
    """Estimate tables, a user's own too, with every covariance; returns what `inference.parquet` holds.

    Writes to `output`:

    - `inference.parquet`: a row per coefficient and covariance (the fields of `Inference`), with `p_holm` over
      the coefficients of the table and `p_romano_wolf` from the joint draws of the wild bootstrap;
    - `inference_summary.parquet`: a row per coefficient: the paper's errors, the recommended ones, and
      whether the result is significant with these too, and how often such a test rejects in the world `null`;
    - `instruments.parquet`: tests of the instruments of Table 8.

    With `into_warehouse`, `marts.fct_estimate` gets the recommended errors, where estimates are in it.

    The same warehouse gives the same bytes. Raises DealerLimitsError where the warehouse or a mart is
    missing.
    """
    seen = identity(warehouse)
    with open_warehouse(warehouse) as connection:
        registry, methods = load_registry(connection, own), load_methods(connection)
        specs = registry.of_tables(registry.choose_tables(tables))
        specs = tuple(spec for spec in specs if spec not in registry.problems)
        results = {}
        inferring = infer_columns(connection, specs, methods, bootstrap or Bootstrap())
        for spec, inferred in track(inferring, "Inference", total=len(specs), console=console, transient=True):
            results[spec] = inferred
        printed = _printed_stars(connection)
        recommended = {spec: methods.recommended_for(spec.observations, spec.kind) for spec in specs}
        null = null_rejections(connection, specs, recommended)
    rows = pd.DataFrame([row for spec in specs for row in results[spec].rows])
    rows = _adjust(rows, {spec: results[spec].wild for spec in specs})
    summary = summarise(rows, recommended, printed, null)
    tests = pd.DataFrame(
        [test for spec in specs for test in results[spec].instruments],
        columns=["table", "panel", "column", "term", "statistic", "value", "text"],
    )
    output.mkdir(parents=True, exist_ok=True)
    for name, frame in (("inference", rows), ("inference_summary", summary), ("instruments", tests)):
        frame.to_parquet(output / f"{name}.parquet", index=False)
    if into_warehouse:
        publish_safe_errors(warehouse, seen, output, console)
    for line in describe(summary, tests):
        console.print(line, highlight=False)
    return rows


def infer_columns(
    connection: duckdb.DuckDBPyConnection, specs: Iterable[Specification], methods: Methods, bootstrap: Bootstrap
) -> Iterator[tuple[Specification, Inferred]]:
    """Columns of one sample and horizon are read together, those of the same rows demeaned together."""
    for sharing in same_rows(specs):
        also = columns_of_first_steps(sharing)
        rows = read_rows(connection, sharing, also, clusters=methods.columns(sharing[0].observations))
        complete = {spec: complete_rows(rows, spec) for spec in sharing}
        for alike in same_variables(sharing, complete):
            variables = variables_of(rows, alike, complete[alike[0]])
            for spec in alike:
                own = methods.for_(spec.observations, spec.kind)
                yield spec, _infer_column(spec, own, rows, complete[spec], variables, bootstrap)


def _infer_column(
    spec: Specification,
    methods: tuple[Method, ...],
    rows: Rows,
    complete: np.ndarray,
    variables: Variables,
    bootstrap: Bootstrap,
) -> Inferred:
    """Everything about one column; nothing where it cannot be estimated, as `estimate` says."""
    try:
        fit = fit_column(variables, spec, bootstrap)
    except (CollinearError, ValueError):
        return Inferred([], {}, [])
    groups = {name: rows.levels[name][complete] for name in rows.levels}
    first = first_step_of(spec, rows, complete, variables)
    inferred = Inferred([], {}, [])
    for method in methods:
        if method.kind == "wild":
            _add_wild(inferred, spec, fit, variables, groups, rows.levels, method)
            continue
        if method.kind == "extremal":
            inferred.rows.extend(_extremal_rows(spec, fit, variables, method))
            continue
        if method.kind in ("bootstrap", "two_step_bootstrap"):
            if method.kind == "two_step_bootstrap" and first is not None:
                se = block_errors_of_both_steps(variables, spec, first, bootstrap)
            else:
                se = fit.se if method.covariance == "bootstrap" else fit.other_errors["se_block"]
            found = infer(fit.coef, se, fit.nobs, fit.df_resid, {})
            inferred.rows.extend(_rows(spec, method, found))
            continue
        covariance = covariance_of(fit, method, groups, spec.horizon, first)
        found = infer(fit.coef, _root(covariance.matrix), fit.nobs, covariance.df, {})
        inferred.rows.extend(_rows(spec, method, found, covariance))
    if spec.instruments and {FIRM, DAY} <= set(groups):
        inferred.instruments.extend(_instrument_tests(spec, variables, fit, groups))
    return inferred


def covariance_of(
    fit: Fit, method: Method, groups: dict[str, np.ndarray], horizon: int | None, first: FirstStep | None = None
) -> Covariance:
    """The covariance of a linear fit by one method; `groups` has the clusters (n,) by name, `first` its first step."""
    chosen = [groups[name] for name in method.clusters]
    if method.kind == "robust":
        return robust_covariance_of(fit.parts)
    if method.kind == "cell":
        return cluster_covariance(fit.parts, cell_numbers(*chosen))
    if method.kind == "cluster":
        return cluster_covariance(fit.parts, *chosen)
    if method.kind == "jackknife":
        return cluster_jackknife_covariance(fit.parts, *chosen)
    if method.kind == "driscoll_kraay":
        (days,) = chosen
        periods = int(days.max() - days.min()) + 1
        return driscoll_kraay_covariance(fit.parts, days, rule_of_thumb_lags(periods, least=horizon or 0))
    lags = rule_of_thumb_lags(fit.nobs, least=Bootstrap.block_rows)
    if method.kind == "two_step_newey_west" and first is not None:
        return newey_west_of_both_steps(fit.parts, fit.coef, first, lags)
    return newey_west_covariance(fit.parts, lags)


def cell_numbers(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A whole number (n,) for every combination of two."""
    return number_levels(first.astype(np.int64) * (int(second.max()) + 1) + second)


def _root(covariance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(np.diag(covariance), 0))


def _rows(spec: Specification, method: Method, found: Fit, covariance: Covariance | None = None) -> Iterator[Inference]:
    for position, term in enumerate(spec.coefficients):
        yield Inference(
            *(spec.table, spec.panel, spec.column, term, method.covariance, method.label),
            *(float(found.coef[position]), float(found.se[position]), float(found.t[position])),
            float(found.df_resid),
            float(found.p[position]),
            stars(found.p[position]),
            *(float(found.ci_low[position]), float(found.ci_high[position])),
            _number(covariance.clusters if covariance else None),
            _number(covariance.lags if covariance else None),
        )


def _number(value: int | None) -> float:
    return float("nan") if value is None else float(value)


def _extremal_rows(spec: Specification, fit: Fit, variables: Variables, method: Method) -> Iterator[Inference]:
    """Rows of a quantile in the tail: p-value and interval of the blocks; nothing of one that is not."""
    found = extremal_inference(variables, spec.dependent, spec.regressors, spec.quantile)
    if found is None:
        return
    for row, se, p_value, low, high in zip(
        _rows(spec, method, fit), found.se, found.p, found.ci_low, found.ci_high, strict=True
    ):
        values = {"se": se, "t": row.coef / se, "p": p_value, "ci_low": low, "ci_high": high}
        yield replace(row, stars=stars(p_value), **{name: float(value) for name, value in values.items()})


def _add_wild(
    inferred: Inferred,
    spec: Specification,
    fit: Fit,
    variables: Variables,
    groups: dict[str, np.ndarray],
    levels: dict[str, np.ndarray],
    method: Method,
) -> None:
    """Rows of the wild bootstrap: clustered errors, p-value and interval of the draws; no constant."""
    by = method.clusters[-1]
    covariance = cluster_covariance(fit.parts, groups[by])
    found = infer(fit.coef, _root(covariance.matrix), fit.nobs, covariance.df, {})
    plain = list(_rows(spec, method, found, covariance))
    # signs belong to clusters of the mart, so that columns which lack some of them are drawn together
    everyone = np.unique(levels[by])
    present = np.unique(groups[by])
    signs = draw_signs(len(everyone), SEED)[np.searchsorted(everyone, present)]
    for position, test in enumerate(_wild_tests(spec, variables, groups, method)):
        row = plain[position]
        t, draws = test.statistics(signs)
        p_value = share_as_far(t, draws)
        low, high = test.interval(signs, row.se)
        inferred.rows.append(
            Inference(
                *(getattr(row, name) for name in (*KEYS, "covariance", "label", "coef", "se", "t", "df")),
                *(p_value, stars(p_value), low, high, row.clusters, row.lags),
            )
        )
        inferred.wild[row.term, method.covariance] = (t, draws)


def _wild_tests(
    spec: Specification, variables: Variables, groups: dict[str, np.ndarray], method: Method
) -> list[WildTest]:
    fine = groups[method.clusters[0]]
    tests = prepare_tests(variables, spec.dependent, spec.regressors, fine)
    if len(method.clusters) == 1:
        return tests
    first_rows = np.unique(fine, return_index=True)[1]
    return [coarser(test, groups[method.clusters[1]][first_rows]) for test in tests]


def _instrument_tests(
    spec: Specification, variables: Variables, fit: Fit, groups: dict[str, np.ndarray]
) -> Iterator[tuple]:
    """Long rows (table, panel, column, term, statistic, value, text).

    By firm: a firm's limits, usage and positions last for months, and errors by firm cover (docs/decisions.md).
    By firm-day, where the instruments live, stand a set and an effective F beside, for comparison. With no more firms
    than instruments nothing can be said by firm.
    """
    exogenous = [name for name in spec.regressors if name not in spec.endogenous]
    instruments = list(spec.instruments)
    asked = (variables, fit.parts, spec.dependent, spec.endogenous[0], instruments, exogenous)
    by_firm_day = project(*asked, cell_numbers(groups[FIRM], groups[DAY]))
    column = spec.key
    for stage, coefs in (("reduced_form", by_firm_day.reduced_form), ("first_stage", by_firm_day.first_stage)):
        for term, coef in zip(instruments, coefs, strict=True):
            yield (*column, term, f"{stage}_coef", float(coef), "")
    yield from _effective_f(column, effective_f(by_firm_day), "effective_f_firm_x_day")
    yield from _anderson_rubin(column, by_firm_day, "anderson_rubin_firm_x_day")
    firms = len(np.unique(groups[FIRM]))
    yield (*column, "", "firms", float(firms), "")
    yield (*column, "", "firm_days", float(by_firm_day.clusters), "")
    if firms <= len(instruments):
        return
    by_firm, by_jackknife = (project(*asked, groups[FIRM], by_jackknife=each) for each in (False, True))
    errors = np.sqrt(np.diag(by_firm.covariance)).reshape(2, -1)
    for stage, ses in zip(("reduced_form", "first_stage"), errors, strict=True):
        for term, se in zip(instruments, ses, strict=True):
            yield (*column, term, f"{stage}_se", float(se), "")
    clustered, jackknife = effective_f(by_firm), effective_f(by_jackknife)
    yield from _effective_f(column, clustered, "effective_f")
    yield from _effective_f(column, jackknife, "effective_f_jackknife_firm")
    word = strength(clustered, jackknife)
    yield (*column, "", "weak", float(word == "weak"), _strength_in_words(word, clustered, jackknife))
    yield (*column, "", "marginal", float(word == "marginal"), "")
    yield from _anderson_rubin(column, by_jackknife, RECOMMENDED_SET)
    if len(instruments) > 1:
        j, degrees = hansen_j(by_firm)
        yield (*column, "", "hansen_j", j, "")
        yield (*column, "", "hansen_j_p", float(chi2.sf(j, degrees)), "")


def _effective_f(column: tuple, found: EffectiveF, name: str) -> Iterator[tuple]:
    yield (*column, "", name, found.value, "")
    yield (*column, "", f"{name}_critical", found.critical_value, "")


def _strength_in_words(word: str, clustered: EffectiveF, jackknife: EffectiveF) -> str:
    """What a warning says; "" of strong instruments."""
    if word == "strong":
        return ""
    return (
        f"instruments are {word}: effective F {clustered.value:.1f} by firm, {clustered.critical_value:.1f} is needed; "
        f"{jackknife.value:.1f} by jackknife, {jackknife.critical_value:.1f} is needed"
    )


def _anderson_rubin(column: tuple, found: Projections, name: str) -> Iterator[tuple]:
    """The statistic for no effect, its p, and the set: whether it has bounds, in words, and every end."""
    limits = anderson_rubin_set(found)
    yield (*column, "", f"{name}_at_zero", anderson_rubin(found, 0.0), "")
    yield (*column, "", f"{name}_p", anderson_rubin_p(found, 0.0), "")
    yield (*column, "", f"{name}_bounded", float(limits.bounded), str(limits))
    for number, (low, high) in enumerate(limits.intervals, start=1):
        yield (*column, "", f"{name}_low_{number}", low, "")
        yield (*column, "", f"{name}_high_{number}", high, "")


def _adjust(rows: pd.DataFrame, wild: dict[Specification, dict]) -> pd.DataFrame:
    """Add p_holm, over a table and covariance, and p_romano_wolf, of joint draws over a sample of it."""
    rows = rows.assign(p_holm=np.nan, p_romano_wolf=np.nan)
    slopes = rows[rows["term"] != "constant"]
    # statsmodels collects garbage at each call: it need not look through all that is there already
    gc.freeze()
    try:
        for _, family in slopes.groupby(["table", "covariance"], sort=False):
            rows.loc[family.index, "p_holm"] = multipletests(family["p"].to_numpy(), method="holm")[1]
    finally:
        gc.unfreeze()
    positions = {
        key: index
        for index, key in zip(rows.index, rows[[*KEYS, "covariance"]].itertuples(index=False, name=None), strict=True)
    }
    families: dict[tuple, list] = {}
    for spec, tests in wild.items():
        for (term, covariance), (t, draws) in tests.items():
            key = (spec.table, spec.panel, spec.column, term, covariance)
            families.setdefault((spec.table, spec.sample, covariance), []).append((positions[key], t, draws))
    for family in families.values():
        places, statistics, draws = zip(*family, strict=True)
        rows.loc[list(places), "p_romano_wolf"] = romano_wolf(np.array(statistics), np.stack(draws))
    return rows


def _printed_stars(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return connection.execute(
        """
        select
            "table",
            coalesce(panel, '') as panel,
            coalesce("column", '') as "column",
            coalesce(term, '') as term,
            cast(value as double) as printed_stars
        from seeds.printed_tables
        where statistic = 'stars'
        """
    ).df()


def summarise(
    rows: pd.DataFrame, recommended: dict[Specification, str], printed: pd.DataFrame, null: pd.DataFrame
) -> pd.DataFrame:
    """A row per coefficient: the paper's errors first, the recommended ones beside, and what is significant with both.

    `significant_too` is whether a result that is significant at 5% with the paper's errors is so with the recommended
    ones, `significant_too_holm` whether it is also after Holm's correction over the table; both are missing where the
    result was not significant to begin with. `null` are rejections in a world without effects (`null_rejections`).
    """
    columns = {spec.key: name for spec, name in recommended.items()}
    slopes = rows[rows["term"] != "constant"]
    first = slopes.groupby(list(KEYS), sort=False).first().reset_index()
    names = [columns[key] for key in first[list(KEYS[:3])].itertuples(index=False, name=None)]
    first = first.assign(recommended=names)
    safe = slopes.rename(columns={"covariance": "recommended"})
    values = ["se", "p", "stars", "ci_low", "ci_high", "p_holm"]
    summary = first[[*KEYS, "coef", *values[:3], "recommended"]].merge(
        safe[[*KEYS, "recommended", *values]], on=[*KEYS, "recommended"], suffixes=("_paper", ""), how="left"
    )
    for known in (printed, null):
        summary = summary.merge(known, on=list(KEYS), how="left")
    significant = summary["p_paper"] < LEVEL
    for name, p_value in (("significant_too", summary["p"]), ("significant_too_holm", summary["p_holm"])):
        summary[name] = pd.array(p_value < LEVEL, dtype="boolean")
        summary.loc[~significant, name] = pd.NA
    return summary


def rejections_in_words(rows: pd.DataFrame) -> str:
    """How often the tests of some coefficients, with the recommended errors, reject in the world `null`."""
    shares = rows["null_rejection"].dropna()
    if shares.empty:
        return "how often the same tests reject in the world null is not measured"
    low, high = (f"{share:.0%}" for share in (shares.min(), shares.max()))
    span = low if low == high else f"{low.removesuffix('%')} to {high}"
    measured = "" if len(shares) == len(rows) else f", {len(shares)} of them measured"
    return (
        f"the same tests reject in {span} of {rows['null_worlds'].max():.0f} worlds null, without an effect{measured}"
    )


def describe(summary: pd.DataFrame, tests: pd.DataFrame) -> Iterator[str]:
    """Lines for the terminal: what is significant, by table, and in how many null worlds; weak instruments."""
    for table, rows in summary.groupby("table", sort=False):
        significant = rows["significant_too"].notna()
        safe = ", ".join(dict.fromkeys(rows["recommended"]))
        yield (
            f"Table {table}: of {len(rows)} coefficients {significant.sum()} are significant at 5% with the "
            f"paper's errors, {rows['significant_too'].sum()} with {safe}, {rows['significant_too_holm'].sum()} after "
            f"Holm; {rejections_in_words(rows)}"
        )
    weak = tests[(tests["statistic"] == "weak") & (tests["text"] != "")]
    of_sets = tests[tests["statistic"] == f"{RECOMMENDED_SET}_bounded"]
    sets = of_sets.set_index(["table", "panel", "column"])["text"]
    for *key, text in weak[["table", "panel", "column", "text"]].itertuples(index=False):
        table, _, column = key
        limits = f"; Anderson-Rubin set, jackknife by firm, {sets[tuple(key)]}" if tuple(key) in sets else ""
        yield f"Table {table} column {column}: {text}{limits}"
