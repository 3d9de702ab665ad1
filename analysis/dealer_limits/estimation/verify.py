"""Every estimate against independent ones of the same rows: other packages and plain dummy variables."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from linearmodels.iv import IV2SLS, AbsorbingLS
from rich.box import HORIZONTALS
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.linalg.lapack import dpstrf
from scipy.optimize import linprog
from scipy.sparse import csr_array, diags_array, eye_array, hstack
from scipy.sparse.linalg import splu

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.observations import key_of, sample_condition
from dealer_limits.estimation.panel import Fit
from dealer_limits.estimation.quantile import Bootstrap, block_counts, bootstrap_quantile, pair_counts, solve_quantile
from dealer_limits.estimation.run import estimate
from dealer_limits.estimation.specifications import Specification, load_registry
from dealer_limits.warehouse import open_warehouse

# Estimates agree where they differ by less than this: of coefficients as a share of the larger of their size
# and their standard error, of standard errors as a share of them, of R² as it is.
TOLERANCE = 1e-8

# The packages' own iterations stop here, two digits below the tolerance.
PROJECTION_TOLERANCE = 1e-12

PACKAGES = ("linearmodels", "pyfixest")

# Draws of each bootstrap that are solved again as a linear program: the first of however many there are.
DRAWS_CHECKED = 3


@dataclass(frozen=True)
class Observations:
    """Complete rows of one specification, selected by SQL of its own and not by that of the estimates.

    `dependent` (n,), `regressors` (n, k) in the order of the specification, `instruments` (n, l), `effects`
    (n, e) whole numbers that number the levels of each effect; `endogenous` are positions of regressors.
    `hc1_factor` turns White's errors into ours: √(n / (n - k)), k with the numerical rank of the dummies. The
    packages are asked for errors without any factor, or theirs is divided out, since they count k in ways
    of their own where the panel is not connected.
    """

    dependent: np.ndarray
    regressors: np.ndarray
    instruments: np.ndarray
    endogenous: tuple[int, ...]
    effects: np.ndarray
    constant: bool
    hc1_factor: float


@dataclass(frozen=True)
class Reference:
    """What another estimator finds: coefficients (k,), errors (k,) and R², None where it gives none."""

    coef: np.ndarray
    se: np.ndarray | None
    r2: float | None = None


@dataclass(frozen=True)
class Check:
    """How far one column is from one reference; differences as in TOLERANCE, nan where not compared."""

    estimator: str
    reference: str
    column: str
    coefficients: int
    coef: float
    se: float
    r2: float

    @property
    def agrees(self) -> bool:
        """Whether all that was compared is within the tolerance, and the coefficients were."""
        others = [value for value in (self.se, self.r2) if value == value]
        return all(value <= TOLERANCE for value in (self.coef, *others))


def run_verification(warehouse: Path, console: Console, tables: list[str] | None = None) -> bool:
    """Compare the estimates of some tables, or of all, and print the largest differences by reference.

    Returns whether all agree. Raises DealerLimitsError where a package to compare with is not installed, a
    table does not exist or a column cannot be estimated.
    """

    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise DealerLimitsError(f"verify compares with {package}, which is not installed: run `make setup`")
    checks: list[Check] = []
    with open_warehouse(warehouse) as connection:
        registry = load_registry(connection)
        specs = registry.of_tables(registry.choose_tables(tables))
        fits = list(estimate(connection, registry, specs, Bootstrap(draws=DRAWS_CHECKED)))
        for spec, fit in track(fits, "Verifying", console=console, transient=True):
            if isinstance(fit, str):
                raise DealerLimitsError(f"{spec.label} cannot be estimated: {fit}")
            checks += check_column(read_observations(connection, spec), spec, fit)
    for line in _report(checks, len(specs)):
        console.print(line, highlight=False)
    return all(check.agrees for check in checks)


def check_column(observations: Observations, spec: Specification, fit: Fit) -> Iterator[Check]:
    """Compare the fit of one column with every reference that its estimator has."""
    estimator, _, quantile = spec.estimator.partition(":")
    if fit.nobs != len(observations.dependent):
        raise DealerLimitsError(f"{spec.label}: {fit.nobs} rows estimated, {len(observations.dependent)} are complete")
    if estimator == "quantile":
        reference = linear_program(observations, float(quantile))
        yield _check("quantile", "scipy linprog", spec, fit.coef, fit.se, fit.measures["pseudo_r2"], reference)
        ours, theirs = check_draws(observations, float(quantile))
        yield _check("bootstrap draws", "scipy linprog", spec, ours, None, None, Reference(theirs, None))
        return
    for name, reference_of in REFERENCES[estimator].items():
        reference = reference_of(observations)
        compared = slice(len(reference.coef))
        yield _check(estimator, name, spec, fit.coef[compared], fit.se[compared], fit.measures.get("r2"), reference)


def _check(
    estimator: str,
    name: str,
    spec: Specification,
    coef: np.ndarray,
    se: np.ndarray | None,
    r2: float | None,
    reference: Reference,
) -> Check:

    scale = np.abs(reference.coef)
    se_difference = np.nan
    if reference.se is not None:
        scale = np.maximum(scale, reference.se)
        se_difference = float(np.max(np.abs(se / reference.se - 1)))
    return Check(
        estimator=estimator,
        reference=name,
        column=spec.label,
        coefficients=coef.size,
        coef=float(np.max(np.abs(coef - reference.coef) / scale)),
        se=se_difference,
        r2=np.nan if reference.r2 is None or r2 is None else abs(r2 - reference.r2),
    )


def _report(checks: list[Check], columns: int) -> Iterator[object]:
    table = Table(title=f"{columns} columns verified", title_justify="left", box=HORIZONTALS, pad_edge=False)
    table.add_column("estimator")
    table.add_column("against")
    for heading in ("columns", "coefficients", "coef", "se", "R²"):
        table.add_column(heading, justify="right")
    table.add_column(f"within {TOLERANCE:.0e}")
    for estimator, reference in dict.fromkeys((check.estimator, check.reference) for check in checks):
        of_pair = [check for check in checks if (check.estimator, check.reference) == (estimator, reference)]
        differences = []
        for name in ("coef", "se", "r2"):
            values = [getattr(check, name) for check in of_pair]
            differences.append(f"{max(values):.1e}" if all(value == value for value in values) else "")
        table.add_row(
            estimator,
            reference,
            str(len(of_pair)),
            str(sum(check.coefficients for check in of_pair)),
            *differences,
            "yes" if all(check.agrees for check in of_pair) else "NO",
        )
    yield table
    for check in checks:
        if not check.agrees:
            yield (
                f"{check.column} differs from {check.reference}: coef {check.coef:.1e}, se {check.se:.1e}, "
                f"R² {check.r2:.1e}"
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
    effects = np.column_stack(levels) if levels else np.empty((len(rows), 0), dtype=int)
    dummies, _ = independent_dummies(effects)
    degrees = len(rows) - len(spec.regressors) - dummies.shape[1]
    return Observations(
        dependent=values[spec.dependent].to_numpy(),
        regressors=values[list(spec.regressors)].to_numpy(),
        instruments=values[list(spec.instruments)].to_numpy(),
        endogenous=tuple(spec.regressors.index(term) for term in spec.endogenous),
        effects=effects,
        constant=spec.report_constant,
        hc1_factor=(len(rows) / degrees) ** 0.5,
    )


def independent_dummies(effects: np.ndarray) -> tuple[object, np.ndarray]:
    """Dummy variables of all effects as a sparse matrix (n, rank), without those that others add up to.

    Found by a pivoted Cholesky factorisation of what the last effect leaves of the others' cross product;
    no effect is a constant. The second element has the mean of each dummy over the rows.
    """

    rows, count = effects.shape
    if count == 0:
        effects = np.zeros((rows, 1), dtype=int)
    blocks = []
    for column in sorted(effects.T, key=lambda levels: len(np.unique(levels))):
        codes = pd.factorize(column)[0]
        blocks.append(csr_array((np.ones(rows), (np.arange(rows), codes)), shape=(rows, codes.max() + 1)))
    *others, last = blocks
    if others:
        first = hstack(others, format="csr")
        crossed = first.T @ last
        left = (first.T @ first - crossed @ diags_array(1 / last.sum(axis=0)) @ crossed.T).toarray()
        scale = np.sqrt(first.sum(axis=0))
        _, pivots, rank, _ = dpstrf(left / np.outer(scale, scale), tol=TOLERANCE)
        last = hstack([first[:, np.sort(pivots[:rank] - 1)], last], format="csr")
    return last, last.mean(axis=0)


def dummy_least_squares(observations: Observations) -> Reference:
    """Least squares on the regressors and all dummy variables, by the normal equations of all of them.

    The constant, where there is one, is the mean over the rows of the effects' part of the fit.
    """

    dummies, dummy_means = independent_dummies(observations.effects)
    x = hstack([csr_array(observations.regressors), dummies], format="csc")
    rows, columns = x.shape
    count = observations.regressors.shape[1]
    wanted = np.eye(columns)[:, :count]
    if observations.constant:
        wanted = np.column_stack([wanted, np.append(np.zeros(count), dummy_means)])
    cross_product = (x.T @ x).tocsc()
    factor = splu(cross_product)

    def solve(right: np.ndarray) -> np.ndarray:
        solution = factor.solve(right)
        return solution + factor.solve(right - cross_product @ solution)

    coef = solve(x.T @ observations.dependent)
    # once more on the residuals: normal equations lose half the digits
    coef = coef + solve(x.T @ (observations.dependent - x @ coef))
    residuals = observations.dependent - x @ coef
    influences = (x @ solve(wanted)) * residuals[:, None]
    deviations = observations.dependent - observations.dependent.mean()
    return Reference(
        coef=wanted.T @ coef,
        se=np.sqrt(np.sum(influences**2, axis=0) * rows / (rows - columns)),
        r2=1 - np.sum(residuals**2) / np.sum(deviations**2),
    )


def absorbing_least_squares(observations: Observations) -> Reference:
    """AbsorbingLS of linearmodels by alternating projections, its degrees of freedom replaced by ours."""
    rows = len(observations.dependent)
    ones = np.ones(rows)
    if observations.effects.shape[1] == 0:
        result = IV2SLS(observations.dependent, np.column_stack([observations.regressors, ones]), None, None).fit(
            cov_type="robust", debiased=False
        )
        errors, slopes = result.std_errors.to_numpy(), slice(-1)
        return Reference(
            result.params.to_numpy()[slopes], errors[slopes] * observations.hc1_factor, float(result.rsquared)
        )
    regressors = observations.regressors
    if observations.constant:
        regressors = np.column_stack([regressors, ones])
    effects = pd.DataFrame(observations.effects).astype("category")
    # a single effect is absorbed in one step, which has no tolerance
    options = {"tol": PROJECTION_TOLERANCE} if effects.shape[1] > 1 else {}
    result = AbsorbingLS(observations.dependent, regressors, absorb=effects).fit(
        cov_type="robust", debiased=True, method="hdfe", absorb_options={"options": options}, use_cache=False
    )
    without_factor = result.std_errors.to_numpy() * (result.df_resid / rows) ** 0.5
    return Reference(result.params.to_numpy(), without_factor * observations.hc1_factor, float(result.rsquared))


def pyfixest_least_squares(observations: Observations) -> Reference:
    """feols of pyfixest, levels with a single row kept in; it reports no constant beside effects."""
    x = [f"x{position}" for position in range(observations.regressors.shape[1])]
    return _pyfixest(observations, f"y ~ {' + '.join(x)}", x)


def pyfixest_two_stages(observations: Observations) -> Reference:
    """The same with instruments."""
    x = [f"x{position}" for position in range(observations.regressors.shape[1])]
    endogenous = [x[position] for position in observations.endogenous]
    exogenous = [name for name in x if name not in endogenous] or ["1"]
    z = [f"z{position}" for position in range(observations.instruments.shape[1])]
    return _pyfixest(observations, f"y ~ {' + '.join(exogenous)}", x, f"{' + '.join(endogenous)} ~ {' + '.join(z)}")


def _pyfixest(observations: Observations, formula: str, reported: list[str], first_stage: str = "") -> Reference:
    import pyfixest

    effects = [f"e{position}" for position in range(observations.effects.shape[1])]
    parts = [formula, " + ".join(effects), first_stage]
    with warnings.catch_warnings():
        # it announces that options will be renamed
        warnings.simplefilter("ignore")
        fit = pyfixest.feols(
            " | ".join(part for part in parts if part),
            _frame(observations),
            vcov="hetero",
            ssc=pyfixest.ssc(k_adj=False, G_adj=False),
            fixef_rm="none",
            fixef_tol=PROJECTION_TOLERANCE,
            fixef_maxiter=100_000,
        )
    errors = fit.se()[reported].to_numpy() * observations.hc1_factor
    return Reference(fit.coef()[reported].to_numpy(), errors)


def linearmodels_two_stages(observations: Observations) -> Reference:
    """IV2SLS of linearmodels on deviations from the means of the single effect, by pandas."""
    frame = _frame(observations)
    effects = [name for name in frame if name.startswith("e")]
    if len(effects) != 1:
        raise ValueError(f"{len(effects)} effects, where deviations from means serve one")
    within = frame.drop(columns=effects)
    within = within - within.groupby(frame[effects[0]]).transform("mean")
    x = [name for name in within if name.startswith("x")]
    endogenous = [x[position] for position in observations.endogenous]
    exogenous = [name for name in x if name not in endogenous]
    z = [name for name in within if name.startswith("z")]
    result = IV2SLS(within["y"], within[exogenous] if exogenous else None, within[endogenous], within[z]).fit(
        cov_type="robust", debiased=False
    )
    return Reference(result.params[x].to_numpy(), result.std_errors[x].to_numpy() * observations.hc1_factor)


def _frame(observations: Observations) -> pd.DataFrame:
    """y, x0 .. , z0 .. and e0 .. as columns."""
    columns = {"y": observations.dependent}
    for letter, matrix in (
        ("x", observations.regressors),
        ("z", observations.instruments),
        ("e", observations.effects),
    ):
        columns |= {f"{letter}{position}": column for position, column in enumerate(matrix.T)}
    return pd.DataFrame(columns)


def linear_program(observations: Observations, quantile: float, weights: np.ndarray | None = None) -> Reference:
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
    return Reference(coef[:-1], None, 1 - objective / alone)


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


def check_draws(observations: Observations, quantile: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the first draws of both bootstraps, ours and the linear program's, as flat arrays."""

    y, rows = observations.dependent, len(observations.dependent)
    x = np.column_stack([observations.regressors, np.ones(rows)])
    bootstrap = Bootstrap(draws=DRAWS_CHECKED)
    counts = np.concatenate([pair_counts(rows, bootstrap), block_counts(rows, bootstrap)])
    basis = solve_quantile(x, y, np.ones(rows), quantile).basis
    ours = bootstrap_quantile(x, y, quantile, basis, counts)[:, :-1]
    theirs = np.stack([linear_program(observations, quantile, weights).coef for weights in counts])
    return ours.ravel(), theirs.ravel()


# What each estimator is compared with.
REFERENCES: dict[str, dict[str, Callable[[Observations], Reference]]] = {
    "ols": {
        "linearmodels AbsorbingLS": absorbing_least_squares,
        "pyfixest feols": pyfixest_least_squares,
        "dummy variables": dummy_least_squares,
    },
    "iv": {"linearmodels IV2SLS": linearmodels_two_stages, "pyfixest feols": pyfixest_two_stages},
}
