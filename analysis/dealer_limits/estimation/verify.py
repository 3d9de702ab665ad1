"""Every estimate by every engine and by pyfixest, each against each; quantiles against a linear program."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from rich.box import HORIZONTALS
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.absorb import prepare_effects
from dealer_limits.estimation.engines import ENGINES, choose_engine
from dealer_limits.estimation.observations import key_of, sample_condition
from dealer_limits.estimation.panel import Fit
from dealer_limits.estimation.quantile import Bootstrap, block_counts, bootstrap_quantile, pair_counts, solve_quantile
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.specifications import Registry, Specification, load_registry
from dealer_limits.warehouse import open_warehouse

# Two estimators agree where they differ by no more than this: in coefficients as a share of the larger of their
# size and their standard error; in standard errors, R², F and n - k as a share of them.
COEF_TOLERANCE = 1e-9
SE_TOLERANCE = 1e-8

# pyfixest's iterations stop here, three digits below.
PROJECTION_TOLERANCE = 1e-12

# Draws of each bootstrap that are solved again as a linear program: the first of however many there are.
DRAWS_CHECKED = 3


@dataclass(frozen=True)
class Observations:
    """Complete rows of one specification, selected by SQL of its own and not by that of the estimates.

    `dependent` (n,), `regressors` (n, k) in the order of the specification, `instruments` (n, l), `effects`
    (n, e) whole numbers that number the levels of each effect; `endogenous` are positions of regressors.
    """

    dependent: np.ndarray
    regressors: np.ndarray
    instruments: np.ndarray
    endogenous: tuple[int, ...]
    effects: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """What an estimator finds: coefficients (k,), errors (k,) if it has any, and measures of the fit by name.

    One that reports no constant has a coefficient less. n - k is among the measures.
    """

    coef: np.ndarray
    se: np.ndarray | None = None
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """How far two estimators are apart on one column, as in the tolerances; nan where nothing was compared.

    One that is not held to them is shown only.
    """

    estimator: str
    pair: tuple[str, str]
    column: str
    coefficients: int
    coef: float
    se: float
    measures: float
    is_held: bool

    @property
    def agrees(self) -> bool:
        """Whether all that was compared is within its tolerance, and the coefficients were."""
        others = [value for value in (self.se, self.measures) if value == value]
        return not self.is_held or (self.coef <= COEF_TOLERANCE and all(value <= SE_TOLERANCE for value in others))


def run_verification(warehouse: Path, console: Console, tables: list[str] | None = None) -> bool:
    """Compare the estimates of some tables, or of all, and print the largest differences by pair of estimators.

    Returns whether all agree. Raises DealerLimitsError where pyfixest is not installed, a table does not exist, a
    column cannot be estimated or two estimators count different rows.
    """
    if importlib.util.find_spec("pyfixest") is None:
        raise DealerLimitsError("verify compares with pyfixest, which is not installed: run `make setup`")
    checks: list[Check] = []
    with open_warehouse(warehouse) as connection:
        registry = load_registry(connection)
        specs = registry.of_tables(registry.choose_tables(tables))
        for spec in track(specs, "Verifying", console=console, transient=True):
            fits = fit_by_engines(connection, registry, spec)
            checks += check_column(read_observations(connection, spec), spec, fits)
    for line in _report(checks, len(specs)):
        console.print(line, highlight=False)
    return all(check.agrees for check in checks)


def fit_by_engines(connection: duckdb.DuckDBPyConnection, registry: Registry, spec: Specification) -> dict[str, Fit]:
    """The fits of a column by the engines that have its estimator; the program of a quantile is one for all."""
    fits = {}
    for engine in ("packages",) if spec.kind == "quantile" else ENGINES:
        if choose_engine(connection, engine, spec) == engine:
            ((_, fit),) = estimate(connection, registry, [spec], Bootstrap(draws=DRAWS_CHECKED), engine)
            if isinstance(fit, str):
                raise DealerLimitsError(f"{spec.label} cannot be estimated by {engine}: {fit}")
            fits[engine] = fit
    return fits


def check_column(observations: Observations, spec: Specification, fits: Mapping[str, Fit]) -> Iterator[Check]:
    """Compare the fits of a column by engine with each other and with what other packages find."""
    for engine, fit in fits.items():
        rows = len(observations.dependent)
        if fit.nobs != rows:
            raise DealerLimitsError(f"{spec.label}: {fit.nobs} rows estimated by {engine}, {rows} are complete")
    found = {
        engine: Estimate(fit.coef, fit.se, {**fit.measures, "df_resid": fit.df_resid}) for engine, fit in fits.items()
    }
    if spec.kind == "quantile":
        exact, beside = found["packages"], fits["packages"].results
        yield _check(spec, ("exact", "scipy linprog"), exact, linear_program(observations, spec.quantile))
        # iterated least squares: how far off it stops is a property of QuantReg
        iterated = Estimate(beside.params.to_numpy()[:-1])
        yield _check(spec, ("exact", "statsmodels QuantReg"), exact, iterated, is_held=False)
        yield _check(spec, ("bootstrap draws", "scipy linprog"), *check_draws(observations, spec.quantile))
        return
    found["pyfixest"] = pyfixest_least_squares(observations)
    for one, other in combinations(found, 2):
        yield _check(spec, (one, other), found[one], found[other])


def _check(spec: Specification, pair: tuple[str, str], one: Estimate, other: Estimate, is_held: bool = True) -> Check:
    """The difference of two estimates in what both have."""
    compared = slice(min(len(one.coef), len(other.coef)))
    coef, reference = one.coef[compared], other.coef[compared]
    scale, se = np.abs(reference), np.nan
    if one.se is not None and other.se is not None:
        scale = np.maximum(scale, other.se[compared])
        se = _largest(one.se[compared] / other.se[compared] - 1)
    both = [name for name in one.measures if name in other.measures]
    return Check(
        estimator=spec.kind,
        pair=pair,
        column=spec.label,
        coefficients=coef.size,
        coef=_largest((coef - reference) / scale),
        se=se,
        measures=_largest(np.array([one.measures[name] / other.measures[name] - 1 for name in both])),
        is_held=is_held,
    )


def _largest(differences: np.ndarray) -> float:
    return float(np.max(np.abs(differences))) if differences.size else np.nan


def _report(checks: list[Check], columns: int) -> Iterator[object]:
    bounds = f"coefficients to {COEF_TOLERANCE:.0e}, all else to {SE_TOLERANCE:.0e}"
    table = Table(title=f"{columns} columns verified, {bounds}", title_justify="left", box=HORIZONTALS, pad_edge=False)
    for heading in ("estimator", "one", "other"):
        table.add_column(heading)
    for heading in ("columns", "coefficients", "coef", "se", "R², F, n − k"):
        table.add_column(heading, justify="right")
    table.add_column("agree")
    for estimator, pair in dict.fromkeys((check.estimator, check.pair) for check in checks):
        of_pair = [check for check in checks if (check.estimator, check.pair) == (estimator, pair)]
        differences = []
        for name in ("coef", "se", "measures"):
            values = [value for check in of_pair if (value := getattr(check, name)) == value]
            differences.append(f"{max(values):.1e}" if values else "")
        held = "yes" if all(check.agrees for check in of_pair) else "NO"
        table.add_row(
            estimator,
            *pair,
            str(len(of_pair)),
            str(sum(check.coefficients for check in of_pair)),
            *differences,
            held if of_pair[0].is_held else "not held",
        )
    yield table
    for check in checks:
        if not check.agrees:
            yield (
                f"{check.column}: {check.pair[0]} differs from {check.pair[1]}: coef {check.coef:.1e}, "
                f"se {check.se:.1e}, R², F or n − k {check.measures:.1e}"
            )


def read_observations(connection: duckdb.DuckDBPyConnection, spec: Specification) -> Observations:
    """Read the rows of a specification and keep the complete ones by pandas; `standardise` by pandas too."""
    key = ", ".join(key_of(connection, spec.observations))
    query = f"from observations.{spec.observations} where {sample_condition(spec)} order by {key}"
    rows = connection.execute(query).df().dropna(subset=list(spec.variables))
    values = rows[list(spec.variables)].astype(float)
    if spec.transform == "standardise":
        values = (values - values.mean()) / values.std()
    levels = [pd.factorize(rows[effect])[0] for effect in spec.absorb]
    return Observations(
        dependent=values[spec.dependent].to_numpy(),
        regressors=values[list(spec.regressors)].to_numpy(),
        instruments=values[list(spec.instruments)].to_numpy(),
        endogenous=tuple(spec.regressors.index(term) for term in spec.endogenous),
        effects=np.column_stack(levels) if levels else np.empty((len(rows), 0), dtype=int),
    )


def pyfixest_least_squares(observations: Observations) -> Estimate:
    """feols of pyfixest, in two stages with instruments; levels with a single row are kept in.

    It reports no constant beside effects. Errors are asked for without any factor and multiplied by
    √(n / (n - k)), k with the rank of the effects, which it counts otherwise where the panel is not connected.
    """
    import pyfixest

    rows, count = observations.regressors.shape
    x, z, effects = (
        [f"{letter}{position}" for position in range(matrix.shape[1])]
        for letter, matrix in (
            ("x", observations.regressors),
            ("z", observations.instruments),
            ("e", observations.effects),
        )
    )
    endogenous = [x[position] for position in observations.endogenous]
    exogenous = [name for name in x if name not in endogenous] or ["1"]
    first_stage = f"{' + '.join(endogenous)} ~ {' + '.join(z)}" if endogenous else ""
    matrix = np.column_stack(
        [observations.dependent, observations.regressors, observations.instruments, observations.effects]
    )
    with warnings.catch_warnings():
        # it announces that options will be renamed
        warnings.simplefilter("ignore")
        fit = pyfixest.feols(
            " | ".join(part for part in (f"y ~ {' + '.join(exogenous)}", " + ".join(effects), first_stage) if part),
            pd.DataFrame(matrix, columns=["y", *x, *z, *effects]).astype(dict.fromkeys(effects, int)),
            vcov="hetero",
            ssc=pyfixest.ssc(k_adj=False, G_adj=False),
            fixef_rm="none",
            fixef_tol=PROJECTION_TOLERANCE,
            fixef_maxiter=100_000,
        )
    factor = (rows / (rows - count - prepare_effects(observations.effects).rank)) ** 0.5
    return Estimate(fit.coef()[x].to_numpy(), fit.se()[x].to_numpy() * factor)


def linear_program(observations: Observations, quantile: float, weights: np.ndarray | None = None) -> Estimate:
    """Quantile regression as a linear program for HiGHS; the constant is solved for and not returned.

    Positive and negative parts of each residual are variables. R² is 1 less the objective over that of the
    same program with a constant alone.
    """

    rows = len(observations.dependent)
    weights = np.ones(rows) if weights is None else weights
    ones = np.ones((rows, 1))
    coef, objective = _solve_program(
        np.column_stack([observations.regressors, ones]), observations.dependent, weights, quantile
    )
    _, alone = _solve_program(ones, observations.dependent, weights, quantile)
    return Estimate(coef[:-1], measures={"pseudo_r2": 1 - objective / alone})


def _solve_program(x: np.ndarray, y: np.ndarray, weights: np.ndarray, quantile: float) -> tuple[np.ndarray, float]:
    rows, columns = x.shape
    program = linprog(
        np.concatenate([np.zeros(columns), quantile * weights, (1 - quantile) * weights]),
        A_eq=hstack([csr_array(x), eye_array(rows), -eye_array(rows)], format="csc"),
        b_eq=y,
        bounds=[(None, None)] * columns + [(0, None)] * (2 * rows),
        method="highs",
    )
    return program.x[:columns], program.fun


def check_draws(observations: Observations, quantile: float) -> tuple[Estimate, Estimate]:
    """Coefficients of the first draws of both bootstraps, ours and the linear program's, one after the other."""

    y, rows = observations.dependent, len(observations.dependent)
    x = np.column_stack([observations.regressors, np.ones(rows)])
    bootstrap = Bootstrap(draws=DRAWS_CHECKED)
    counts = np.concatenate([pair_counts(rows, bootstrap), block_counts(rows, bootstrap)])
    basis = solve_quantile(x, y, np.ones(rows), quantile).basis
    ours = bootstrap_quantile(x, y, quantile, basis, counts)[:, :-1]
    theirs = np.stack([linear_program(observations, quantile, weights).coef for weights in counts])
    return Estimate(ours.ravel()), Estimate(theirs.ravel())
