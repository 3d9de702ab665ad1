"""One result under every defensible choice: sample, period, outcome, usage measure and covariance.

The result is the reaction of net securities positions to limit usage (Table 2, eq. 8). Coefficients are per
within-sample standard deviation of the usage measure, so that measures compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import duckdb
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from dealer_limits.estimation.covariance import robust_covariance_of
from dealer_limits.estimation.inference import SEED, covariance_of
from dealer_limits.estimation.methods import Method, load_methods
from dealer_limits.estimation.observations import complete_rows, read_rows, sample_condition, variables_of
from dealer_limits.estimation.panel import CollinearError, Variables, fit_linear, infer
from dealer_limits.estimation.specifications import Specification
from dealer_limits.estimation.threads import one_blas_thread
from dealer_limits.estimation.wild_bootstrap import draw_signs, prepare_tests
from dealer_limits.provenance import mark_figure, sentence_of
from dealer_limits.warehouse import open_warehouse

HORIZON = 5

# days (n,) of each period
PERIODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "2015-2023": lambda days: np.full(len(days), True),
    "to 2019": lambda days: days < np.datetime64("2020-01-01"),
    "2020": lambda days: days.astype("datetime64[Y]") == np.datetime64("2020"),
    "from 2021": lambda days: days >= np.datetime64("2021-01-01"),
    "without March 2020": lambda days: days.astype("datetime64[M]") != np.datetime64("2020-03"),
}
# Every choice by its name, the paper's first: a flag, a period, and columns of the observations.
CHOICES: dict[str, dict[str, str]] = {
    "sample": {"18 prime desks": "is_prime_treasury_desk", "40 desks": ""},
    "period": {name: name for name in PERIODS},
    "outcome": {"log change": "d_log_net_securities_position", "arc change": "arc_change_net_securities_position"},
    "usage": {
        "log": "log_limit_usage",
        "level": "limit_usage",
        "standardised": "limit_usage_std",
        "rank": "limit_usage_percentile_rank",
    },
}
VARIABLES = ("outcome", "usage")
COVARIANCES = ("robust", "desk", "desk_day", "driscoll_kraay", "wild_desk", "jackknife_firm")

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dealer-limits",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_COLORS = {
    "robust": "#08306b",
    "desk": "#2171b5",
    "desk_day": "#6baed6",
    "driscoll_kraay": "#e08214",
    "wild_desk": "#7f3b08",
    "jackknife_firm": "#4d9221",
}


@dataclass(frozen=True)
class Point:
    """One estimate of the curve: the choices, and the reaction per standard deviation of usage."""

    sample: str
    period: str
    outcome: str
    usage: str
    covariance: str
    coef: float
    se: float
    p: float
    ci_low: float
    ci_high: float
    nobs: int


@one_blas_thread()
def run_specification_curve(warehouse: Path, output: Path, console: Console) -> pd.DataFrame:
    """Estimate every combination of CHOICES and COVARIANCES, and draw them.

    Writes `figures/specification_curve.svg`, `.png` and the data beside them as `.parquet`, with a row per
    point (the fields of `Point`). The same warehouse gives the same bytes. Raises DealerLimitsError where
    the warehouse or a mart is missing.
    """
    with open_warehouse(warehouse) as connection:
        sentence = sentence_of(connection)
        points = pd.DataFrame(list(estimate_curve(connection)))
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    points.to_parquet(folder / "specification_curve.parquet", index=False)
    draw_curve(points, folder, sentence)
    for covariance, rows in points.groupby("covariance", sort=False):
        significant = rows["p"] < 0.05
        console.print(
            f"{covariance}: {(rows['coef'] < 0).sum()} of {len(rows)} estimates are negative, "
            f"{(significant & (rows['coef'] < 0)).sum()} significantly at 5%, "
            f"{(significant & (rows['coef'] > 0)).sum()} significantly positive",
            highlight=False,
        )
    return points


def estimate_curve(connection: duckdb.DuckDBPyConnection) -> Iterator[Point]:
    """Every point of the curve; a combination without variation in usage or without rows has none."""
    methods = load_methods(connection)
    known = {method.covariance: method for method in methods.for_("obs_desk_horizon", "ols")}
    chosen = [known[covariance] for covariance in COVARIANCES]
    clusters = methods.columns("obs_desk_horizon")
    for sample, flag in CHOICES["sample"].items():
        specs = {
            names: _specification(flag, *names) for names in product(*(CHOICES[kind].values() for kind in VARIABLES))
        }
        rows = read_rows(connection, list(specs.values()), clusters=clusters)
        days = _days(connection, next(iter(specs.values())))[rows.levels["business_date"] - 1]
        for period, outcome, usage in product(*(CHOICES[kind] for kind in ("period", *VARIABLES))):
            spec = specs[CHOICES["outcome"][outcome], CHOICES["usage"][usage]]
            complete = complete_rows(rows, spec) & PERIODS[period](days)
            if complete.any():
                variables = variables_of(rows, [spec], complete)
                groups = {name: levels[complete] for name, levels in rows.levels.items()}
                yield from _points((sample, period, outcome, usage), spec, variables, groups, chosen)


def _specification(flag: str, outcome: str, usage: str) -> Specification:
    effects = ("desk_id", "business_date")
    return Specification("", "", "", "obs_desk_horizon", flag, HORIZON, outcome, (usage,), (usage,), absorb=effects)


def _days(connection: duckdb.DuckDBPyConnection, spec: Specification) -> np.ndarray:
    """The days of a specification's sample, in the order of their levels."""
    found = connection.execute(
        f"""
        select distinct business_date
        from observations.{spec.observations}
        where {sample_condition(spec)}
        order by business_date
        """
    )
    return found.fetchnumpy()["business_date"].astype("datetime64[D]")


def _points(
    names: tuple[str, ...],
    spec: Specification,
    variables: Variables,
    groups: dict[str, np.ndarray],
    methods: list[Method],
) -> Iterator[Point]:
    (usage,) = spec.regressors
    try:
        fit = fit_linear(variables, spec.dependent, spec.regressors)
    except (CollinearError, ValueError):
        return
    # what usage varies by once desks and days are out
    spread = float(np.sqrt(np.mean(variables.within[usage] ** 2)))
    for method in methods:
        if method.kind == "wild":
            test = prepare_tests(variables, spec.dependent, spec.regressors, groups["desk_id"])[0]
            signs = draw_signs(len(test.squares), SEED)
            se = float(np.sqrt(robust_covariance_of(fit.parts).matrix[0, 0]))
            low, high = test.interval(signs, se)
            found = (float(fit.coef[0]), se, test.p_value(signs), low, high)
        else:
            covariance = covariance_of(fit, method, groups, HORIZON)
            done = infer(fit.coef, np.sqrt(np.diag(covariance.matrix)), fit.nobs, covariance.df, {})
            found = tuple(float(values[0]) for values in (done.coef, done.se, done.p, done.ci_low, done.ci_high))
        coef, se, p_value, low, high = found
        yield Point(
            *names, method.covariance, *(coef * spread, se * spread, p_value, low * spread, high * spread, fit.nobs)
        )


def draw_curve(points: pd.DataFrame, folder: Path, sentence: str) -> None:
    """Estimates in the order of their size with 95% intervals, and below which choices made each.

    `sentence`, if any, stands along the edge.
    """
    with matplotlib.style.context(["default", _STYLE]):
        figure = Figure(figsize=(9.0, 7.5), layout="constrained")
        _draw(figure, points)
        mark_figure(figure, sentence)
        # the day of the drawing would change the bytes
        figure.savefig(folder / "specification_curve.svg", metadata={"Date": None})
        figure.savefig(folder / "specification_curve.png", dpi=200)


def _draw(figure: Figure, points: pd.DataFrame) -> None:
    kinds = list(CHOICES)
    estimates = points.drop_duplicates(kinds).sort_values(["coef", *kinds]).reset_index(drop=True)
    position = {tuple(row): place for place, row in enumerate(estimates[kinds].to_numpy())}
    figure.suptitle(f"Reaction of net securities positions over {HORIZON} days to limit usage, under every choice")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2.6])
    shown = [name for name in COVARIANCES if name in set(points["covariance"])]
    for number, covariance in enumerate(shown):
        rows = points[points["covariance"] == covariance]
        places = [position[tuple(row)] for row in rows[kinds].to_numpy()]
        shift = (number - (len(shown) - 1) / 2) * 0.14
        upper.vlines(
            [place + shift for place in places],
            rows["ci_low"],
            rows["ci_high"],
            color=_COLORS[covariance],
            linewidth=1.0,
            label=covariance.replace("_", " "),
        )
    upper.plot(range(len(estimates)), estimates["coef"], "o", color="black", markersize=2.5)
    upper.axhline(0, color="0.4", linewidth=0.8)
    finite = points[points["ci_low"].abs().lt(1e6) & points["ci_high"].abs().lt(1e6)]
    low, high = finite["ci_low"].quantile(0.01), finite["ci_high"].quantile(0.99)
    upper.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    upper.set_ylabel("per standard deviation of usage")
    upper.legend(title="95% interval", ncols=len(shown), loc="lower right", frameon=False)
    labels = []
    for kind in kinds:
        for name in CHOICES[kind]:
            places = estimates.index[estimates[kind] == name]
            lower.plot(places, [-len(labels)] * len(places), "|", color="0.2", markersize=7)
            labels.append(f"{kind}: {name}")
    lower.set_yticks([-number for number in range(len(labels))], labels)
    lower.tick_params(length=0)
    lower.set_xlabel("estimates, smallest first")
