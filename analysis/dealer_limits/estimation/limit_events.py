"""What desks do around a change of their own limit: local projections with clean controls, and bounds beside them.

For each day h around day t, on which the limit changes, of a sample of desks whose limit is raised (or lowered) on t
and stays otherwise, and of desks whose limit stays throughout the window (Dube, Girardi, Jordà and Taylor 2023,
LP-DiD),

    y[i, t + h] - y[i, t - 1] = β[h] D[i, t] + δ[t, h] + e[i, t, h]

by least squares, D = 1 where the limit changes. Days before t are a test of parallel trends. Only days on which some
desk of the sample has its change say anything of β; no other is read.

Errors know that a desk of several events, and desks of one firm, are not independent: they are the jackknife by firm,
with t of one degree of freedom less than firms. Bands hold all days of a path at once, and tests of all days ask for
any, by Bonferroni: of more days than firms no covariance is known, and a band by the largest of their t (sup-t) finds
too much where nothing is (docs/limit_events.md).

Where trends may differ, an effect is bounded as by Rambachan and Roth (2023). In weeks of five business days, against
the week before day t, the bias of week b may move from week to week by at most M times the largest such move before:

    |bias[b]| <= b M max over s < 0 of |bias[s] - bias[s - 1]|

and before t the bias is what is estimated. The set that is given joins these bounds for every value that the moves and
the effect have in a rectangle which holds all of them with 95%: it covers at least as often as that, whatever M is
true, and is wider than the conditional sets of that paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from dealer_limits.estimation.compare import LongRow
from dealer_limits.estimation.covariance import cluster_covariance, jackknife, leave_out
from dealer_limits.estimation.extensions import STATISTICS, Extension
from dealer_limits.estimation.observations import DAY, FIRM, Rows, complete_rows, read_rows, variables_of
from dealer_limits.estimation.panel import fit_linear
from dealer_limits.estimation.specifications import Registry, Specification

TABLE, OBSERVATIONS = "limit_events", "obs_limit_event"
# the column with the log change of the limit
SIZE = "log_var_limit_change"
# the change of the day before to itself is zero
BASE_DAY = -1
DAYS_OF_A_WEEK = 5
# no path rests on fewer: errors are of firms that have an event
LEAST_EVENTS, LEAST_FIRMS = 10, 5
# how much larger than the largest before moves of the bias may be
MBARS = (0.0, 0.5, 1.0)
LEVEL = 0.95
COLUMNS = (
    *("panel", "column", "outcome", "kind", "day", "coef", "se", "p", "ci_low", "ci_high", "band_low", "band_high"),
    *("se_clustered", "breakdown", "events", "firms", "nobs", "size", "text"),
)


@dataclass(frozen=True)
class EventPath:
    """Coefficients of H days around the events of one sample, without the base day, and of G firms.

    days, coef, se_clustered: (H,), the last clustered by firm. distances: (G, H) estimates without one firm each, less
    those with all. events: events on day 0 and their firms; nobs: rows of day 0; size: mean log change of the limit.
    """

    days: np.ndarray
    coef: np.ndarray
    se_clustered: np.ndarray
    distances: np.ndarray
    events: int
    firms: int
    nobs: int
    size: float

    @property
    def df(self) -> int:
        """Degrees of freedom of t: firms less one."""
        return len(self.distances) - 1

    def combine(self, weights: np.ndarray) -> EventPath:
        """Weighted sums of the days: `weights` (k, H) give k numbers in place of the H days, which are then
        numbered."""
        return replace(
            self,
            days=np.arange(len(weights)),
            coef=weights @ self.coef,
            se_clustered=np.full(len(weights), np.nan),
            distances=self.distances @ weights.T,
        )

    def mean(self) -> EventPath:
        """The mean of all days, as one."""
        return self.combine(np.full((1, len(self.days)), 1 / len(self.days)))

    def of_days(self, chosen: np.ndarray) -> EventPath:
        """The path of some days, (H,) booleans."""
        return replace(
            self,
            days=self.days[chosen],
            coef=self.coef[chosen],
            se_clustered=self.se_clustered[chosen],
            distances=self.distances[:, chosen],
        )

    @property
    def se(self) -> np.ndarray:
        """(H,) errors by the jackknife over firms."""
        return np.sqrt(np.diag(jackknife(self.distances)))

    @property
    def p(self) -> np.ndarray:
        """(H,) two-sided p-values of each day alone."""
        return 2 * stdtr(self.df, -np.abs(self.coef / self.se))

    @property
    def critical(self) -> float:
        """Half the width of the interval of one day, in errors."""
        return critical_value(self.df)

    @property
    def band(self) -> float:
        """Half the width of the band that holds the whole path, in errors."""
        return critical_value(self.df, len(self.coef))

    @property
    def p_joint(self) -> float:
        """p-value of all days at once."""
        return min(1.0, len(self.coef) * float(self.p.min()))


@dataclass(frozen=True)
class Bounds:
    """Of W weeks after the change: effect (W,) against the week before it, and the set for each M of `MBARS`, (W, M).

    breakdown: (W,) the least M at which the set holds zero; 0 where it does so at once.
    """

    effect: np.ndarray
    low: np.ndarray
    high: np.ndarray
    breakdown: np.ndarray


def critical_value(df: int, tests: int = 1) -> float:
    """Half the width of 95% intervals that all of some numbers are in, by Bonferroni, in errors."""
    return float(stdtrit(df, 1 - (1 - LEVEL) / (2 * tests)))


def fit_event_path(spec: Specification, rows_of: Callable[[int], Rows], days: Iterable[int]) -> EventPath:
    """The path of a row of the registry; `rows_of` gives the rows of a day, `spec.regressors` is D alone.

    Raises ValueError where there are fewer than `LEAST_EVENTS` events of `LEAST_FIRMS` firms on a day, or a day cannot
    be estimated.
    """
    (treated,) = spec.regressors
    days = np.array(sorted(set(days) - {BASE_DAY}))
    if 0 not in days:
        raise ValueError("no limit is raised or lowered while it stays on either side")
    coef, clustered, by_firm, of_day_0 = [], [], [], None
    for day in days:
        rows = rows_of(int(day))
        is_event = complete_rows(rows, spec) & (rows.values[treated] == 1)
        firm = rows.levels[FIRM]
        events, firms = int(is_event.sum()), len(np.unique(firm[is_event]))
        if events < LEAST_EVENTS or firms < LEAST_FIRMS:
            raise ValueError(
                f"{events} events of {firms} firms on day {day}, at least {LEAST_EVENTS} of {LEAST_FIRMS} are needed"
            )
        counted = rows_of_events(rows, spec)
        variables = variables_of(rows, [spec], counted)
        fit = fit_linear(variables, spec.dependent, spec.regressors)
        columns = np.column_stack([fit.parts.residuals, fit.parts.regressors])
        left_out = leave_out(columns, fit.parts.effects.levels, firm[counted], 1)[:, 0]
        coef.append(fit.coef[0])
        clustered.append(np.sqrt(cluster_covariance(fit.parts, firm[counted]).matrix[0, 0]))
        by_firm.append(dict(zip(np.unique(firm[counted]), left_out, strict=True)))
        if day == 0:
            size = float(np.mean(rows.values[SIZE][is_event]))
            of_day_0 = (events, firms, fit.nobs, size)
    everyone = sorted(set().union(*by_firm))
    distances = np.array([[own.get(firm, 0.0) for own in by_firm] for firm in everyone])
    path = EventPath(days, np.array(coef), np.array(clustered), distances, *of_day_0)
    if not path.se.all():
        raise ValueError("an effect has no error: the outcome does not vary")
    return path


def rows_of_events(rows: Rows, spec: Specification) -> np.ndarray:
    """Which rows (n,) say anything of an effect: complete ones of days on which some desk has its event.

    On others D is zero throughout, and nothing is left of it once the effect of the day is out.
    """
    complete = complete_rows(rows, spec)
    is_event = complete & (rows.values[spec.regressors[0]] == 1)
    return complete & np.isin(rows.levels[DAY], rows.levels[DAY][is_event])


def weeks_of(path: EventPath) -> EventPath:
    """Means of weeks of five business days less that of the week before day 0, which is left out.

    `days` are the numbers of the weeks: -2 is the last but one before day 0, 1 that of days 0 to 4. Weeks that are not
    whole are left out.
    """
    count = min(-path.days.min(), path.days.max() + 1) // DAYS_OF_A_WEEK
    week_of_day = np.where(path.days < 0, path.days // DAYS_OF_A_WEEK, path.days // DAYS_OF_A_WEEK + 1)
    before = np.where(week_of_day == -1, 1 / DAYS_OF_A_WEEK, 0.0)
    weeks = [week for week in range(-count, count + 1) if week not in (0, -1)]
    weights = np.stack([np.where(week_of_day == week, 1 / DAYS_OF_A_WEEK, 0.0) - before for week in weeks])
    return replace(path.combine(weights), days=np.array(weeks))


def bound_effects(path: EventPath) -> Bounds:
    """Bounds of the weeks after the change where moves of the bias are at most M times the largest before."""
    weeks = weeks_of(path)
    every_week = np.eye(len(weeks.days))
    # the week before day 0 is zero
    moves = np.diff(np.vstack([every_week[weeks.days < 0], np.zeros(len(weeks.days))]), axis=0)
    effect, low, high, breakdown = [], [], [], []
    for place in np.flatnonzero(weeks.days > 0):
        both = weeks.combine(np.vstack([every_week[place], moves]))
        reach = both.band * both.se
        largest_move = np.max(np.abs(both.coef[1:]) + reach[1:])
        steps = int(weeks.days[place])
        slack = reach[0] + steps * largest_move * np.array(MBARS)
        effect.append(both.coef[0])
        low.append(both.coef[0] - slack)
        high.append(both.coef[0] + slack)
        breakdown.append(max(abs(both.coef[0]) - reach[0], 0.0) / (steps * largest_move))
    return Bounds(np.array(effect), np.array(low), np.array(high), np.array(breakdown))


def estimate_limit_events(connection: duckdb.DuckDBPyConnection, registry: Registry) -> Extension:
    """The paths of the registry's rows of `TABLE`, on all days of the window that the warehouse was built with.

    Columns of the rows: COLUMNS. kind is `day`, whose band is of all days before or after day 0 together; where the
    window has two weeks on either side also `week`, whose `day` is its first one, against the week before day 0, and
    `bound_<M>`, the set of the same week, with ends alone; `mean_before` and `mean_after`, the mean of all days but
    day 0; `path_before` and `path_after`, with the p-value of all days together alone; `not_estimated`, with the
    reason as `text`. se is the jackknife by firm; breakdown the least M at which the set holds zero.

    Raises DealerLimitsError where values of the observations cannot be read.
    """
    specs = registry.of_tables([TABLE])
    rows: list[dict[str, object]] = []
    long: list[LongRow] = []
    reasons = {spec: registry.problems[spec] for spec in specs if spec in registry.problems}
    able = [spec for spec in specs if spec not in reasons]
    for spec, path in _paths(connection, able):
        named = {"panel": spec.panel, "column": spec.column, "outcome": spec.outcome}
        if isinstance(path, str):
            reasons[spec] = path
            continue
        own = _rows(path)
        counts = {"events": path.events, "firms": path.firms, "nobs": path.nobs, "size": path.size}
        rows += [named | row | counts for row in own]
        long += _long_rows(spec, own, path.nobs)
    for spec, reason in reasons.items():
        named = {"panel": spec.panel, "column": spec.column, "outcome": spec.outcome}
        rows.append(named | {"kind": "not_estimated", "text": reason})
    lines = [f"limit events: {len(specs) - len(reasons)} of {len(specs)} paths estimated"]
    lines += [f"limit events, panel {spec.panel} column {spec.column}: {reason}" for spec, reason in reasons.items()]
    frame = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    frame = frame.astype(dict.fromkeys(("day", "events", "firms", "nobs"), "Int64"))
    return Extension(TABLE, frame, tuple(long), tuple(lines))


def rows_by_day(
    connection: duckdb.DuckDBPyConnection, specs: Sequence[Specification]
) -> Iterator[tuple[Specification, int, Rows]]:
    """Each row of the registry on each day of the window but the base day; a sample is read once."""
    for sample in dict.fromkeys(spec.sample for spec in specs):
        sharing = [spec for spec in specs if spec.sample == sample]
        every_day = [replace(spec, horizon=None) for spec in sharing]
        rows = read_rows(connection, every_day, also=[SIZE, "horizon"], clusters=(FIRM,))
        horizon = rows.values["horizon"]
        for day in np.unique(horizon).astype(int):
            values, levels = (
                {name: column[horizon == day] for name, column in columns.items()}
                for columns in (rows.values, rows.levels)
            )
            for spec in sharing:
                yield spec, int(day), Rows(values, levels)


def _paths(
    connection: duckdb.DuckDBPyConnection, specs: Sequence[Specification]
) -> Iterator[tuple[Specification, EventPath | str]]:
    """Rows with their paths, or with the reason why there is none."""
    by_spec: dict[Specification, dict[int, Rows]] = {spec: {} for spec in specs}
    for spec, day, rows in rows_by_day(connection, specs):
        by_spec[spec][day] = rows
    for spec, by_day in by_spec.items():
        try:
            yield spec, fit_event_path(spec, by_day.__getitem__, by_day)
        except ValueError as error:
            yield spec, str(error)


def _long_rows(spec: Specification, rows: Iterable[dict[str, object]], nobs: int) -> list[LongRow]:
    """The estimates of a path in long form: a term per day, per week by its first day, and for the means."""
    long: list[LongRow] = [(*spec.key, "", "nobs", float(nobs))]
    for row in rows:
        if "coef" in row:
            place = {"day": f"day_{row['day']}", "week": f"week_from_day_{row['day']}"}
            term = place.get(str(row["kind"]), str(row["kind"]))
            long += [(*spec.key, term, statistic, float(row[statistic])) for statistic in STATISTICS]
    return long


def _rows(path: EventPath) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    after = path.days >= 0
    for side, name in ((~after, "before"), (after, "after")):
        own = path.of_days(side)
        rows += _numbers(own, "day", own.days, own.band)
        mean = own.of_days(own.days != 0).mean()
        rows += _numbers(mean, f"mean_{name}", [None], mean.critical)
        rows.append({"kind": f"path_{name}", "p": own.p_joint})
    if path.days.min() > -2 * DAYS_OF_A_WEEK:
        # in a shorter window no move of the bias is seen
        return rows
    weeks = weeks_of(path)
    first_days = np.where(weeks.days < 0, weeks.days, weeks.days - 1) * DAYS_OF_A_WEEK
    rows += _numbers(weeks, "week", first_days, weeks.band)
    bounds = bound_effects(path)
    for place, day in enumerate(first_days[weeks.days > 0]):
        for mbar, low, high in zip(MBARS, bounds.low[place], bounds.high[place], strict=True):
            rows.append(
                {"kind": f"bound_{mbar:g}", "day": day, "ci_low": low, "ci_high": high,
                 "breakdown": bounds.breakdown[place]}
            )  # fmt: skip
    return rows


def _numbers(path: EventPath, kind: str, days: Iterable[int | None], band: float) -> list[dict[str, object]]:
    columns = (path.coef, path.se, path.p, path.se_clustered)
    return [
        {
            "kind": kind, "day": day, "coef": coef, "se": se, "p": p, "se_clustered": clustered,
            "ci_low": coef - path.critical * se, "ci_high": coef + path.critical * se,
            "band_low": coef - band * se, "band_high": coef + band * se,
        }
        for day, coef, se, p, clustered in zip(days, *columns, strict=True)
    ]  # fmt: skip
