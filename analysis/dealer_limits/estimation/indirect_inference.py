"""How strongly positions react to limits, by indirect inference (Gouriéroux, Monfort and Renault 1993).

Table 2 mixes reactions with mechanics, and no regression takes them apart (docs/reaction.md). A simulator in which both
are parameters does: the parameters theta are such that the regressions of simulated worlds are those of the data,

    theta = argmin (b_data - b(theta))' W (b_data - b(theta)),

b the coefficients of Table 2, of the diagnostics that hold the current position fixed or part usage, and of Table 8;
b(.) the binding function, a polynomial fitted to worlds simulated once (`montecarlo/binding.py`); W the inverse of the
covariance of coefficients between worlds of one theta, drawn halfway to its diagonal, since 36 coefficients of 256
worlds leave an inverse that knows too much. With D the derivatives of b(.) and S that covariance near theta,

    var(theta) = (D'WD)^-1 D'WSWD (D'WD)^-1,

and the distance at the minimum tests whether any theta gives the data's coefficients (a multiple of chi-squared with
the mean and the variance that the distance has).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from scipy.optimize import least_squares
from scipy.stats import chi2, norm

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.observations import complete_rows, read_rows, variables_of
from dealer_limits.estimation.panel import CollinearError
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, load_registry, read_csv

BINDING_FILE = Path(__file__).resolve().parents[1] / "montecarlo" / "binding_worlds.csv"
# multiples of what the world `paper` has
PARAMETERS = ("reaction_net", "reaction_gross", "mechanics_net", "mechanics_gross")
# tables of the registry, and of the diagnostics, whose tested coefficients are matched
MATCHED = ("2", "8", "current_position", "usage_parts")
PRIME = "is_prime_treasury_desk"
DEGREE = 3
# of the covariance that weighs, towards its diagonal
SHRINKAGE = 0.5
# of the parameters' spread in the design: worlds so far from an estimate say what coefficients vary by near it
BANDWIDTH = 0.5
STARTS = ((1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0), (3.0, 3.0, 1.0, 1.0), (0.0, 0.0, 2.0, 2.0))


@dataclass(frozen=True)
class Binding:
    """statistics: q names. center, spread: (4,) of the design's parameters. coefficients: (features, q) of the
    polynomial. strengths, residuals: (worlds, 4) and (worlds, q), what is left of each world. weight: (q, q), with its
    root."""

    statistics: tuple[str, ...]
    center: np.ndarray
    spread: np.ndarray
    coefficients: np.ndarray
    strengths: np.ndarray
    residuals: np.ndarray
    weight: np.ndarray
    root: np.ndarray

    def at(self, theta: np.ndarray) -> np.ndarray:
        """(q,) what the regressions give on average in worlds of `theta` (4,)."""
        return features((np.atleast_2d(theta) - self.center) / self.spread)[0] @ self.coefficients

    def derivatives(self, theta: np.ndarray) -> np.ndarray:
        """(q, 4) of `at`, by central differences."""
        step = 1e-4
        moves = np.eye(len(PARAMETERS)) * step
        return np.stack([(self.at(theta + move) - self.at(theta - move)) / (2 * step) for move in moves], axis=1)

    def variance(self, theta: np.ndarray) -> np.ndarray:
        """(q, q) covariance of the statistics between worlds near `theta`: of all worlds, by a normal kernel. With what
        the polynomial's own error adds, of so many coefficients from so many worlds."""
        distance = ((self.strengths - theta) / (BANDWIDTH * 2 * self.spread)) ** 2
        kernel = np.exp(-0.5 * distance.sum(axis=1))
        kernel = kernel / kernel.sum()
        own_error = len(self.coefficients) / len(self.strengths)
        return (1 + own_error) * (self.residuals * kernel[:, None]).T @ self.residuals


@dataclass(frozen=True)
class Reaction:
    """theta, se: (4,) in the order of PARAMETERS, multiples of those of `paper`. distance: at the minimum, with its
    degrees of freedom and p-value."""

    theta: np.ndarray
    se: np.ndarray
    distance: float
    degrees: float
    p: float

    def interval(self, level: float = 0.95) -> np.ndarray:
        """(4, 2) ends of the intervals, by the normal distribution."""
        reach = norm.ppf((1 + level) / 2) * self.se
        return np.stack([self.theta - reach, self.theta + reach], axis=1)


def statistics_of(specifications: Iterable[Specification]) -> dict[str, tuple[Specification, str]]:
    """Coefficients that are matched, by name: of the paper's columns the first term, of diagnostics the tested one."""
    found = {}
    for spec in specifications:
        if spec.table in MATCHED and spec.sample == PRIME:
            term = spec.tested_term or spec.terms[0]
            found["_".join(filter(None, (f"table_{spec.table}", spec.panel, spec.column)))] = (spec, term)
    return found


def features(scaled: np.ndarray) -> np.ndarray:
    """(n, features) all products of up to DEGREE of the (n, 4) scaled parameters, 1 among them."""
    columns = [np.ones(len(scaled))]
    for degree in range(1, DEGREE + 1):
        columns += [
            np.prod(scaled[:, own], axis=1) for own in map(list, combinations_with_replacement(range(4), degree))
        ]
    return np.stack(columns, axis=1)


@lru_cache
def read_binding(file: Path = BINDING_FILE) -> Binding:
    """The binding function from the file of simulated worlds; a fraction of a second.

    Raises DealerLimitsError where the file is missing.
    """
    if not file.is_file():
        raise DealerLimitsError(f"there is no {file}: run `dealer-limits montecarlo --reaction` first")
    rows = read_csv(file)
    names = tuple(rows[0])
    values = np.array([[float(row[name]) for name in names] for row in rows])
    strengths, statistics = values[:, : len(PARAMETERS)], values[:, len(PARAMETERS) :]
    center, spread = strengths.mean(axis=0), strengths.std(axis=0)
    design = features((strengths - center) / spread)
    coefficients, *_ = np.linalg.lstsq(design, statistics, rcond=None)
    residuals = statistics - design @ coefficients
    # a polynomial's own freedom takes a part of what varies
    residuals = residuals * np.sqrt(len(design) / (len(design) - design.shape[1]))
    covariance = residuals.T @ residuals / len(residuals)
    weight = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(np.diag(covariance)))
    root = np.linalg.cholesky(weight).T
    return Binding(names[len(PARAMETERS) :], center, spread, coefficients, strengths, residuals, weight, root)


def estimate_reaction(statistics: Mapping[str, float], binding: Binding | None = None) -> Reaction:
    """The reaction and the mechanics behind the coefficients of some data, by name; some milliseconds.

    Raises DealerLimitsError where a coefficient is missing.
    """
    binding = binding or read_binding()
    missing = [name for name in binding.statistics if not np.isfinite(statistics.get(name, np.nan))]
    if missing:
        raise DealerLimitsError(f"indirect inference needs {missing[0]}, which these data do not give")
    data = np.array([statistics[name] for name in binding.statistics])
    reach = 2.5 * binding.spread
    solutions = [
        least_squares(
            lambda theta: binding.root @ (data - binding.at(theta)),
            start, bounds=(binding.center - reach, binding.center + reach), x_scale=binding.spread,
        )
        for start in STARTS
    ]  # fmt: skip
    theta = min(solutions, key=lambda solution: solution.cost).x
    slopes, variance = binding.derivatives(theta), binding.variance(theta)
    bread = np.linalg.inv(slopes.T @ binding.weight @ slopes)
    # theta = gain (b_data - b)
    gain = bread @ slopes.T @ binding.weight
    left = data - binding.at(theta)
    distance = float(left @ binding.weight @ left)
    remaining = np.eye(len(data)) - slopes @ gain
    weighed = binding.weight @ remaining @ variance @ remaining.T
    mean, spread = np.trace(weighed), 2 * np.trace(weighed @ weighed)
    degrees = 2 * mean**2 / spread
    return Reaction(
        theta=theta,
        se=np.sqrt(np.diag(gain @ variance @ gain.T)),
        distance=distance,
        degrees=float(degrees),
        p=float(chi2.sf(distance * degrees / mean, degrees)),
    )


def read_statistics(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """The coefficients that are matched, of a warehouse, by name; those that its data do not identify are left out."""
    specifications = [
        spec
        for seed in ("specifications", "diagnostics")
        for spec in load_registry(connection, seed=seed).specifications
    ]
    found = {}
    for name, (spec, term) in statistics_of(specifications).items():
        rows = read_rows(connection, [spec])
        complete = complete_rows(rows, spec)
        if not complete.any():
            continue
        try:
            fit = fit_column(variables_of(rows, [spec], complete), spec, Bootstrap())
        except CollinearError:
            continue
        found[name] = float(fit.coef[spec.terms.index(term)])
    return found


def reaction_rows(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The reaction behind a warehouse: columns kind, name, horizon, estimate, se, ci_low, ci_high, coefficient.

    Rows of kind `strength` are the parameters, multiples of those of the world `paper`; of kind `effect`, by position
    and business days, what a log point more of usage that stays does to its log, beside Table 2's coefficient; of kind
    `fit` the distance at the minimum, its degrees of freedom as horizon, its p-value as estimate.

    Raises DealerLimitsError where a coefficient that is matched is missing.
    """
    statistics = read_statistics(connection)
    reaction = estimate_reaction(statistics)
    ends = reaction.interval()
    rows: list[dict[str, object]] = [
        {"kind": "strength", "name": name, "estimate": reaction.theta[place], "se": reaction.se[place],
         "ci_low": ends[place, 0], "ci_high": ends[place, 1]}
        for place, name in enumerate(PARAMETERS)
    ]  # fmt: skip
    planted = connection.execute(
        """
        select panel, "column", dependent, horizon, effect_lasting
        from seeds.montecarlo
        where world = 'paper' and "table" = '2'
        order by panel, try_cast("column" as integer)
        """
    ).fetchall()
    for panel, column, dependent, horizon, effect in planted:
        place = PARAMETERS.index("reaction_gross" if "gross" in dependent else "reaction_net")
        # an effect is below zero: the ends change places
        low, high = sorted(effect * ends[place])
        rows.append(
            {"kind": "effect", "name": dependent, "horizon": int(horizon), "estimate": effect * reaction.theta[place],
             "se": abs(effect) * reaction.se[place], "ci_low": low, "ci_high": high,
             "coefficient": statistics[f"table_2_{panel}_{column}"]}
        )  # fmt: skip
    rows.append({"kind": "fit", "name": "distance", "horizon": reaction.degrees, "estimate": reaction.p,
                 "coefficient": reaction.distance})  # fmt: skip
    return pd.DataFrame(rows)
