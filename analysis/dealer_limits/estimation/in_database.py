"""Least squares with two-way effects inside DuckDB: the panel stays there, only sums per level come out.

The demeaned variables are never stored. A scan of the panel joins the two tables of effects and sums up what
the coefficients or their errors need. Statements are plain SQL (temporary tables, joins, group by); what is
DuckDB's own is in `_Session`.

Sums of floats on several threads differ in the last digits from run to run: estimates agree to about 1e-12
of their size, not in every byte. A connection with one thread repeats every byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.covariance import absorbed_parameters, without_negative_part
from dealer_limits.estimation.effects import Effects, solve_effects

# To what accuracy, relative to its norm, every demeaned variable must be known (see `solve_effects`).
TOLERANCE = 1e-10
MOST_ITERATIONS = 5_000

# A panel that has not converged by then is written shorter, if a sample of units says that it gets so much
# shorter, or has no more pairs of periods of a unit than so many per row.
ITERATIONS_BEFORE_SHORTENING = 8
LEAST_SHORTENING = 3
MOST_PAIRS_PER_ROW = 4

# So many units say how much shorter, and often already connect all periods.
SAMPLED_UNITS = 200

# A regressor of which the effects leave no more than this share does not vary within them.
ABSORBED_SHARE = 1e-8

_INTEGERS = re.compile(r"U?(TINY|SMALL|BIG)?INT(EGER)?")
_NAME = re.compile(r'("[^"]+"|\w+)(\.("[^"]+"|\w+)){0,2}')


@dataclass(frozen=True)
class PanelQuery:
    """A panel in the database and the regression on it; every name is an SQL expression over `relation`.

    `relation` is the name of a table or view of the database, or a query on such in parentheses; temporary
    ones and registered frames are a connection's own and not seen here. `effects` has up to two
    expressions. `clusters` has one entry per covariance: the expressions, one or two, that errors are
    clustered by. `constant` adds the constant that Stata's reghdfe reports as the last regressor.
    """

    relation: str
    dependent: str
    regressors: tuple[str, ...]
    effects: tuple[str, ...]
    clusters: tuple[tuple[str, ...], ...] = ()
    constant: bool = False


@dataclass(frozen=True)
class DatabaseFit:
    """An estimated regression: `coef` (k,), covariances (k, k) under `robust` and each entry of `clusters`.

    `robust` is HC1: n / (n - k), k counting the regressors and the effects that are not collinear. Clustered
    covariances have G / (G - 1) · (n - 1) / (n - k'), where k' leaves out effects nested in the clusters; the
    two-way ones take the smaller G and have no negative eigenvalue, as those of `covariance`. `singletons`
    counts the rows that a package which drops singletons would drop, one after the other; here they stay.
    `iterations` counts those for the effects. `error` is at least the error of the demeaned variables over
    their norm, largest over the variables (see `solve_effects` for what is guaranteed).
    """

    coef: np.ndarray
    covariance: dict[tuple[str, ...], np.ndarray]
    cluster_counts: dict[tuple[str, ...], int]
    r2: float
    nobs: int
    df_resid: int
    levels: tuple[int, int]
    components: int
    singletons: int
    iterations: int
    error: float

    def se(self, clusters: tuple[str, ...] = ()) -> np.ndarray:
        """Standard errors (k,): robust, or clustered by one of the entries of `clusters`."""
        return np.sqrt(np.diag(self.covariance[clusters]))


def fit_in_database(
    connection: duckdb.DuckDBPyConnection,
    panel: PanelQuery,
    tolerance: float = TOLERANCE,
    most_iterations: int = MOST_ITERATIONS,
) -> DatabaseFit:
    """Regress the dependent variable on the regressors with the effects absorbed (eq. 8), in the database.

    Rows with a missing value count nowhere. A read-only connection does: all that is written is temporary.
    Memory is that of the database plus a few numbers per level of the smaller effect. `tolerance` is what the
    demeaned variables must be known to, over their norm, or over a thousandth of the variable's where the
    effects leave less.

    Raises DealerLimitsError where the panel has no rows or fewer than parameters, values that are not
    finite, a regressor that does not vary within the effects or is collinear with others; where a cluster is
    missing or all rows are in one; where a table or expression is unknown or is no number; or where the
    effects do not converge to `tolerance`.
    """
    if len(panel.effects) > 2:
        raise DealerLimitsError(f"the sql engine absorbs two effects at most, not {', '.join(panel.effects)}")
    for clusters in panel.clusters:
        if len(clusters) not in (1, 2):
            raise DealerLimitsError(
                f"errors can be clustered in one way or in two, not in {len(clusters)}: {', '.join(clusters)}"
            )
    try:
        with connection.cursor() as cursor:
            session = _Session(cursor)
            levels = _prepare(session, panel)
            effects, cross = _solve(session, levels, tolerance, most_iterations)
            return _estimate(session, panel, levels, effects, cross)
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        message = str(error).splitlines()[0]
        if isinstance(error, duckdb.CatalogException):
            message += " (temporary tables and registered frames are not seen by the sql engine)"
        raise DealerLimitsError(message) from error


class _Session:
    """What the engine asks of a database: statements, answers as arrays, small tables from arrays."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def run(self, statement: str) -> None:
        self._cursor.execute(statement)

    def columns(self, query: str) -> list[np.ndarray]:
        """The columns of a query's answer; missing values as NaN."""
        return list(self._cursor.execute(query).fetchnumpy().values())

    def types(self, query: str) -> list[str]:
        return [row[1] for row in self._cursor.execute(f"describe {query}").fetchall()]

    def write(self, table: str, key: np.ndarray, values: np.ndarray, prefix: str) -> None:
        """A temporary table `key, <prefix>0, <prefix>1, …`: a copy, since its statistics make joins quick."""
        arrow = pa.table({"key": key} | {f"{prefix}{j}": column for j, column in enumerate(values.T)})
        self._cursor.register("within_arrow", arrow)
        self._cursor.execute(f"create or replace temp table {table} as select * from within_arrow")
        self._cursor.unregister("within_arrow")


@dataclass(frozen=True)
class _Levels:
    """What is known per level; units (`g`) are the larger effect and stay in the table `units`.

    Per period (`h`): `rows` counts its rows, `shared_rows` those of units that have other periods too, since
    only these connect it; `sums` (periods, variables) adds up the variables, demeaned by unit. Per variable,
    dependent first: `means`, and sums of squares, `squares` demeaned by unit and `total_squares` by the mean.
    """

    names: tuple[str, ...]
    nobs: int
    units: int
    periods: np.ndarray
    rows: np.ndarray
    shared_rows: np.ndarray
    sums: np.ndarray
    means: np.ndarray
    squares: np.ndarray
    total_squares: np.ndarray
    component: np.ndarray
    singletons: int
    swapped: bool


def _each(template: str, variables: int, separator: str = ", ") -> str:
    """The template once per variable, `#` standing for its number."""
    return separator.join(template.replace("#", str(variable)) for variable in range(variables))


def _double(number: float) -> str:
    """The number in SQL; a plain literal would be a decimal."""
    return f"cast('{float(number)!r}' as double)"


def _pairs(template: str, variables: int) -> str:
    """The template once per pair of variables i <= j, `#` and `@` standing for their numbers."""
    pairs = ((i, j) for i in range(variables) for j in range(i, variables))
    return ", ".join(template.replace("#", str(i)).replace("@", str(j)) for i, j in pairs)


def _symmetric(pairs: Iterable[float], variables: int) -> np.ndarray:
    """The symmetric matrix (variables, variables) of the answers to `_pairs`."""
    matrix = np.zeros((variables, variables))
    upper = np.triu_indices(variables)
    matrix[upper] = list(pairs)
    matrix.T[upper] = matrix[upper]
    return matrix


def _prepare(session: _Session, panel: PanelQuery) -> _Levels:
    """Make the view `rows` (g, h, v0, v1, …, c0, …) and the table `units`, and sum up per period."""
    names = (panel.dependent, *panel.regressors)
    variables = len(names)
    _make_panel(session, panel, names)
    unit, period = "g", "h"
    units = _sum_up_units(session, unit, period, variables)
    if units == 0:
        raise DealerLimitsError("the panel has no row in which every variable is observed")
    swapped = int(session.columns("select count(distinct h) from within_panel")[0][0]) > units
    if swapped:
        unit, period = period, unit
        units = _sum_up_units(session, unit, period, variables)
    # from here on, g is the larger effect
    session.run(
        f"""
        create or replace temp view within_rows as
        select * rename ({unit} as g, {period} as h) from within_panel
        """
    )
    totals = session.columns(f"select {_each('sum(s#)', variables)} from within_units")
    nobs = int(session.columns("select sum(n) from within_units")[0][0])
    means = np.array([total[0] for total in totals], dtype=float) / nobs
    if not np.isfinite(means).all():
        raise DealerLimitsError(f"{names[int(np.argmin(np.isfinite(means)))]} has values that are not finite")
    squares_between = (f"sum(n * (s{j} / n - {_double(mean)}) ** 2)" for j, mean in enumerate(means))
    between = session.columns(f"select {', '.join(squares_between)} from within_units")
    key, rows, *sums = session.columns(
        f"""
        select h, count(*), {_each("sum(v# - s# / n), sum((v# - s# / n) * (v# - s# / n))", variables)}
        from within_rows inner join within_units using (g)
        group by h order by h
        """
    )
    squares = np.array([column.sum() for column in sums[1::2]])
    stayers, stayer_rows = session.columns("select least, sum(n) from within_units where least = most group by least")
    shared_rows = rows.astype(float)
    shared_rows[np.searchsorted(key, stayers)] -= stayer_rows.astype(float)
    return _Levels(
        names=names,
        nobs=nobs,
        units=units,
        periods=key,
        rows=rows,
        shared_rows=shared_rows,
        sums=np.column_stack(sums[0::2]),
        means=means,
        squares=squares,
        total_squares=squares + np.array([column[0] for column in between], dtype=float),
        component=_components(session, key),
        singletons=_singletons(session, key, rows),
        swapped=swapped,
    )


def _sum_up_units(session: _Session, unit: str, period: str, variables: int) -> int:
    """Make the table `units` by one of the effects, and count them."""
    session.run(
        f"""
        create or replace temp table within_units as
        select {unit} as g, count(*) as n, min({period}) as least, max({period}) as most,
            {_each("sum(v#) as s#", variables)}
        from within_panel group by {unit}
        """
    )
    return int(session.columns("select count(*) from within_units")[0][0])


def _make_panel(session: _Session, panel: PanelQuery, names: tuple[str, ...]) -> None:
    """The panel by whole-number levels: a view where the keys are such, else a copy with numbered levels."""
    keys = (*panel.effects, "0", "0")[:2]
    selected = [f"({key}) as {name}" for key, name in zip(keys, "gh", strict=True)]
    selected += [f"cast(({name}) as double) as v{j}" for j, name in enumerate(names)]
    selected += [f"({name}) as c{j}" for j, name in enumerate(_extra_clusters(panel))]
    columns = ("g", "h", *(f"v{j}" for j in range(len(names))))
    query = f"select {', '.join(selected)} from {panel.relation}"
    whole = all(_INTEGERS.fullmatch(kind) for kind in session.types(query)[:2])
    complete = " and ".join(f"{column} is not null" for column in columns)
    clusters = _extra_clusters(panel)
    counts = ["count(*)", *(f"count({column})" for column in columns)]
    counts += [f"count(*) filter (where {complete} and c{j} is null)" for j in range(len(clusters))]
    observed = [int(count[0]) for count in session.columns(f"select {', '.join(counts)} from ({query})")]
    for name, missing in zip(clusters, observed[1 + len(columns) :], strict=True):
        if missing:
            raise DealerLimitsError(f"errors cannot be clustered by {name}: it is missing in {missing} rows")
    # a filter on every column is not free, scan after scan
    if min(observed[1 : 1 + len(columns)]) < observed[0]:
        query = f"select * from ({query}) where {complete}"
    if whole and _NAME.fullmatch(panel.relation.strip()):
        session.run(f"create or replace temp view within_panel as {query}")
        return
    session.run(f"create or replace temp table within_copied as {query}")
    for level in "gh":
        session.run(
            f"""
            create or replace temp table within_numbered_{level} as
            select {level} as level, cast(row_number() over (order by {level}) as integer) as number
            from (select distinct {level} from within_copied)
            """
        )
    session.run(
        """
        create or replace temp table within_panel as
        select within_numbered_g.number as g, within_numbered_h.number as h, within_copied.* exclude (g, h)
        from within_copied
        inner join within_numbered_g on within_copied.g = within_numbered_g.level
        inner join within_numbered_h on within_copied.h = within_numbered_h.level
        """
    )
    session.run("drop table within_copied")


def _components(session: _Session, periods: np.ndarray) -> np.ndarray:
    """The connected component of each period: periods are connected where a unit has both.

    Some units are enough where these connect all periods; else all units have a say.
    """
    (some,) = session.columns(f"select g from within_units order by g limit {SAMPLED_UNITS}")
    for asked in (f"g <= {some[-1]}", "true"):
        first, other = session.columns(
            f"""
            select distinct within_units.least, within_rows.h
            from within_rows inner join within_units using (g)
            where within_units.least < within_units.most and {asked}
            """
        )
        ends = (np.searchsorted(periods, first), np.searchsorted(periods, other))
        edges = coo_array((np.ones(len(first)), ends), (len(periods), len(periods)))
        components, component = connected_components(edges, directed=False)
        if components == 1:
            break
    return component


def _singletons(session: _Session, periods: np.ndarray, rows: np.ndarray) -> int:
    """Rows that are alone in a level, then those alone once these are gone, and so on."""
    (alone,) = session.columns("select count(*) from within_units where n = 1")
    if alone[0] == 0 and rows.min() > 1:
        return 0
    # whoever is left alone in a level is known from the sum of the other keys that are left there
    unit, unit_rows, unit_sum = session.columns(
        "select g, count(*), sum(cast(h as bigint)) from within_rows group by g order by g"
    )
    (period_sum,) = session.columns("select sum(cast(g as bigint)) from within_rows group by h order by h")
    keys = [unit, periods]
    counts = [unit_rows.astype(np.int64), rows.astype(np.int64)]
    sums = [unit_sum.astype(np.int64), period_sum.astype(np.int64)]
    dropped = 0
    while True:
        before = dropped
        for side in (0, 1):
            alone = np.flatnonzero(counts[side] == 1)
            partner = np.searchsorted(keys[1 - side], sums[side][alone])
            np.subtract.at(counts[1 - side], partner, 1)
            np.subtract.at(sums[1 - side], partner, keys[side][alone].astype(np.int64))
            counts[side][alone] = 0
            dropped += len(alone)
        if dropped == before:
            return dropped


# The periods of each unit that has several, and how many rows of each.
_CELLS = """
    select g, any_value(n) as n, number0 as period, count(*) as rows_per_period
    from within_rows
    inner join within_numbered on within_rows.h = within_numbered.key
    inner join within_units using (g)
    where within_units.least < within_units.most
    group by g, number0
"""


class _Incidence:
    """Which unit has which period, as the operator S of `solve_effects`.

    A multiplication is one scan with two groupings. A panel that takes long to converge is one where few
    units have periods far apart, and that can be written shorter, in one of two ways. Where units have few
    periods each, such as workers with employers, S has few entries and is summed up once, pair by pair.
    Where units come and go, runs of consecutive periods are much fewer than rows, and sums over a run are
    differences of cumulative sums.
    """

    def __init__(self, session: _Session, levels: _Levels) -> None:
        self._session = session
        self._levels = levels
        self._multiplications = 0
        self._through_units = self._through_rows
        # units of one period only drop out of S: where most rows are theirs, the others are soon rewritten
        if levels.shared_rows.sum() < levels.nobs / LEAST_SHORTENING:
            self._shorten()

    def multiply(self, direction: np.ndarray) -> np.ndarray:
        """S b: (periods, variables) to the same."""
        self._multiplications += 1
        if self._multiplications == ITERATIONS_BEFORE_SHORTENING:
            self._shorten()
        return self._levels.shared_rows[:, None] * direction - self._through_units(direction)

    def _shorten(self) -> None:
        """Multiply by whatever way is shorter than the panel, going by a sample of some hundred units."""
        if self._through_units != self._through_rows:
            return
        periods = self._levels.periods
        self._session.write("within_numbered", periods, np.arange(len(periods))[:, None], "number")
        rows, runs, pairs = self._session.columns(
            f"""
            with periods as (
                select g, number0 as period, lag(number0) over (partition by g order by number0) as previous
                from within_rows
                inner join within_numbered on within_rows.h = within_numbered.key
                inner join within_units using (g)
                where g % {max(1, self._levels.units // SAMPLED_UNITS)} = 0 and least < most
            ),
            counts as (
                select
                    count(*) as rows,
                    count(*) filter (where previous is null or period > previous + 1) as runs,
                    count(*) filter (where previous is null or period > previous) as cells
                from periods group by g
            )
            select coalesce(sum(rows), 0), coalesce(sum(runs), 0), coalesce(sum(cells * cells), 0) from counts
            """
        )
        if pairs[0] <= MOST_PAIRS_PER_ROW * rows[0]:
            self._sum_up_pairs()
        elif runs[0] * LEAST_SHORTENING < rows[0]:
            self._make_runs()

    def _through_rows(self, direction: np.ndarray) -> np.ndarray:
        """C' N⁻¹ C b over the rows of the panel, less what units of one period add to it."""
        variables = direction.shape[1]
        self._session.write("within_direction", self._levels.periods, direction, "b")
        _, *columns = self._session.columns(
            f"""
            with unit_means as (
                select g, {_each("sum(b#) / count(*) as m#", variables)}
                from within_rows
                inner join within_direction on within_rows.h = within_direction.key
                group by g
            )
            select h, {_each("sum(m#)", variables)}
            from within_rows inner join unit_means using (g) group by h order by h
            """
        )
        return np.column_stack(columns) - (self._levels.rows - self._levels.shared_rows)[:, None] * direction

    def _sum_up_pairs(self) -> None:
        """C' N⁻¹ C of the units that have several periods, as a sparse matrix."""
        row, column, value = self._session.columns(
            f"""
            with cells as ({_CELLS})
            select
                cells.period,
                others.period as other_period,
                sum(cells.rows_per_period * others.rows_per_period / cells.n) as through_units
            from cells inner join cells as others using (g)
            group by cells.period, others.period
            """
        )
        size = len(self._levels.periods)
        matrix = coo_array((value, (row, column)), (size, size)).tocsr()
        self._through_units = matrix.__matmul__

    def _make_runs(self) -> None:
        """The table `within_runs` (g, n, rows_per_period, first, last) of units that have several periods.

        Within a run of consecutive periods, period less position is constant.
        """
        self._session.run(
            f"""
            create or replace temp table within_runs as
            with cells as ({_CELLS}),
            positions as (
                select *, period - row_number() over (partition by g, rows_per_period order by period) as run
                from cells
            )
            select g, any_value(n) as n, rows_per_period, min(period) as first, max(period) as last
            from positions
            group by g, rows_per_period, run
            """
        )
        self._through_units = self._through_runs

    def _through_runs(self, direction: np.ndarray) -> np.ndarray:
        """C' N⁻¹ C b over runs, of the units that have several periods."""
        periods, variables = direction.shape
        cumulative = np.zeros((periods + 1, variables))
        np.cumsum(direction, axis=0, out=cumulative[1:])
        self._session.write("within_cumulative", np.arange(periods + 1), cumulative, "b")
        unit_mean = "sum(rows_per_period * (upto.b# - before.b#)) / any_value(n) as m#"
        edges, *columns = self._session.columns(
            f"""
            with unit_means as (
                select g, {_each(unit_mean, variables)}
                from within_runs
                inner join within_cumulative as before on within_runs.first = before.key
                inner join within_cumulative as upto on within_runs.last + 1 = upto.key
                group by g
            ),
            edges as (
                select first as edge, {_each("rows_per_period * m# as m#", variables)}
                from within_runs inner join unit_means using (g)
                union all
                select last + 1, {_each("-rows_per_period * m#", variables)}
                from within_runs inner join unit_means using (g)
            )
            select edge, {_each("sum(m#)", variables)} from edges group by edge order by edge
            """
        )
        changes = np.zeros((periods + 1, variables))
        changes[edges] = np.column_stack(columns)
        return np.cumsum(changes, axis=0)[:-1]


class _Remainder:
    """What period effects leave of the variables: sums per period, and in the same scan cross products.

    `cross` (v, v) belongs to the effects of the last call, which are in `period_effects` and `unit_effects`.
    """

    def __init__(self, session: _Session, levels: _Levels) -> None:
        self._session = session
        self._levels = levels
        self.cross: np.ndarray

    def __call__(self, effects: np.ndarray) -> np.ndarray:
        variables = effects.shape[1]
        self._session.write("within_period_effects", self._levels.periods, effects, "b")
        self._session.run(
            f"""
            create or replace temp table within_unit_effects as
            select g, {_each("(within_units.s# - total#) / within_units.n as a#", variables)}
            from within_units
            inner join (
                select g, {_each("sum(b#) as total#", variables)}
                from within_rows
                inner join within_period_effects on within_rows.h = within_period_effects.key
                group by g
            ) as totals using (g)
            """
        )
        _, *columns = self._session.columns(
            f"""
            select h, {_each("sum(w#)", variables)}, {_pairs("sum(w# * w@)", variables)}
            from ({_demeaned(variables)}) as demeaned
            group by h order by h
            """
        )
        self.cross = _symmetric((column.sum() for column in columns[variables:]), variables)
        return np.column_stack(columns[:variables])


def _demeaned(variables: int) -> str:
    """A query for the rows with w0, w1, …: the variables less both effects."""
    return f"""
        select within_rows.*, {_each("v# - a# - b# as w#", variables)}
        from within_rows
        inner join within_unit_effects using (g)
        inner join within_period_effects on within_rows.h = within_period_effects.key
    """


def _solve(session: _Session, levels: _Levels, tolerance: float, most_iterations: int) -> tuple[Effects, np.ndarray]:
    """The effects of the periods and the cross products that they leave; both effects are tables then."""
    incidence, remainder = _Incidence(session, levels), _Remainder(session, levels)
    effects = solve_effects(
        incidence.multiply,
        remainder,
        levels.sums,
        levels.shared_rows,
        levels.component,
        levels.squares,
        tolerance,
        most_iterations,
    )
    return effects, remainder.cross


def _estimate(
    session: _Session, panel: PanelQuery, levels: _Levels, effects: Effects, cross: np.ndarray
) -> DatabaseFit:
    """Coefficients from the cross products, errors from one more scan per way of clustering."""
    nobs, regressors = levels.nobs, len(levels.names) - 1
    levels_of = {"g": levels.units, "h": len(levels.periods)}
    components = int(levels.component.max()) + 1
    all_parameters = regressors + absorbed_parameters(levels_of, components, [])
    if nobs <= all_parameters:
        raise DealerLimitsError(f"{nobs} rows are too few for {all_parameters} parameters")
    slopes = _slopes(levels, cross)
    means = levels.means[1:] if panel.constant else np.zeros(regressors)
    coef, bread = slopes, np.linalg.inv(cross[1:, 1:])
    if panel.constant:
        # the demeaned variables with their means added, on a constant
        coef = np.append(slopes, levels.means[0] - means @ slopes)
        at_means = np.append(bread @ -means, 1 / nobs + means @ bread @ means)
        bread = np.block([[bread, at_means[:-1, None]], [at_means[None, :]]])
    scores = _Scores(session, slopes, means, panel.constant)
    columns = _cluster_columns(panel, levels.swapped)
    counts, covariance = {}, {}
    for clusters in panel.clusters:
        names = [columns[name] for name in clusters]
        meat, smallest = scores.clustered_in_ways(names)
        if smallest < 2:
            raise DealerLimitsError(f"errors by {', '.join(clusters)}: all rows are in one cluster")
        nested = [effect for effect in "gh" if any(_nested(session, effect, name) for name in names)]
        parameters = regressors + absorbed_parameters(levels_of, components, nested)
        factor = smallest / (smallest - 1) * (nobs - 1) / (nobs - parameters)
        matrix = bread @ meat @ bread * factor
        covariance[clusters] = without_negative_part(matrix) if len(names) == 2 else matrix
        counts[clusters] = smallest
    covariance[()] = bread @ scores.robust() @ bread * nobs / (nobs - all_parameters)
    periods, units = len(levels.periods), levels.units
    return DatabaseFit(
        coef=coef,
        covariance=covariance,
        cluster_counts=counts,
        r2=1 - float(cross[0, 0] - slopes @ cross[1:, 0]) / float(levels.total_squares[0]),
        nobs=nobs,
        df_resid=nobs - all_parameters,
        levels=(periods, units) if levels.swapped else (units, periods),
        components=components,
        singletons=levels.singletons,
        iterations=effects.iterations,
        error=float(effects.error.max()),
    )


def _slopes(levels: _Levels, cross: np.ndarray) -> np.ndarray:
    """Coefficients of the demeaned regression; every regressor must have variation of its own."""
    left = np.sqrt(np.diag(cross)[1:] / np.where(levels.total_squares[1:] > 0, levels.total_squares[1:], 1.0))
    for name, share in zip(levels.names[1:], left, strict=True):
        if share <= ABSORBED_SHARE:
            raise DealerLimitsError(f"{name} does not vary within the effects")
    scale = np.sqrt(np.diag(cross)[1:])
    correlation = cross[1:, 1:] / np.outer(scale, scale)
    if len(scale) and np.linalg.eigvalsh(correlation)[0] <= ABSORBED_SHARE:
        raise DealerLimitsError(f"{', '.join(levels.names[1:])} are collinear within the effects")
    return np.linalg.solve(correlation, cross[1:, 0] / scale) / scale


def _cluster_columns(panel: PanelQuery, swapped: bool) -> dict[str, str]:
    """The column of `rows` for each expression that errors are clustered by."""
    keys = dict(zip(panel.effects, "hg" if swapped else "gh", strict=False))
    return keys | {name: f"c{position}" for position, name in enumerate(_extra_clusters(panel))}


def _extra_clusters(panel: PanelQuery) -> list[str]:
    return sorted({name for names in panel.clusters for name in names} - set(panel.effects))


def _nested(session: _Session, effect: str, cluster: str) -> bool:
    """Whether every level of an effect lies within one cluster."""
    if cluster in "gh":
        return effect == cluster
    (spread,) = session.columns(
        f"""
        select count(*)
        from (select {effect} from within_rows group by {effect} having min({cluster}) < max({cluster}))
        """
    )
    return not spread[0]


class _Scores:
    """Sums of products of the scores, regressor times residual, over rows or clusters."""

    def __init__(self, session: _Session, slopes: np.ndarray, means: np.ndarray, constant: bool) -> None:
        self._session = session
        self._terms = len(slopes) + constant
        self._robust: np.ndarray | None = None
        fitted = "".join(f" - {_double(slope)} * w{j + 1}" for j, slope in enumerate(slopes))
        terms = [f"(w{j + 1} + {_double(mean)})" for j, mean in enumerate(means)]
        terms += [_double(1.0)] * constant
        products = ", ".join(f"residual * {term} as z{j}" for j, term in enumerate(terms))
        self._rows = f"""
            select *, {products}
            from (
                select *, w0{fitted} as residual
                from ({_demeaned(len(slopes) + 1)}) as demeaned
            ) as residuals
        """

    def robust(self) -> np.ndarray:
        """White's meat (k, k)."""
        if self._robust is None:
            answers = self._session.columns(f"select {_pairs('sum(z# * z@)', self._terms)} from ({self._rows})")
            self._robust = _symmetric((answer[0] for answer in answers), self._terms)
        return self._robust

    def clustered_in_ways(self, ways: list[str]) -> tuple[np.ndarray, int]:
        """The meat (k, k) in one way, or in two less that of both, and the smaller number of clusters."""
        parts = [self.clustered([way]) for way in ways]
        meat = sum(part for part, _ in parts)
        if len(ways) == 2:
            meat = meat - self.clustered(ways)[0]
        return meat, min(count for _, count in parts)

    def clustered(self, by: list[str]) -> tuple[np.ndarray, int]:
        """The meat (k, k) of sums per cluster, and the number of clusters; White's comes with the first."""
        also = self._robust is None
        inner = _each("sum(z#) as z#", self._terms)
        outer = f"{_pairs('sum(z# * z@)', self._terms)}, count(*)"
        if also:
            inner += ", " + _pairs("sum(z# * z@) as r#_@", self._terms)
            outer += ", " + _pairs("sum(r#_@)", self._terms)
        answers = self._session.columns(
            f"select {outer} from (select {inner} from ({self._rows}) group by {', '.join(by)})"
        )
        pairs = self._terms * (self._terms + 1) // 2
        if also:
            self._robust = _symmetric((answer[0] for answer in answers[pairs + 1 :]), self._terms)
        return _symmetric((answer[0] for answer in answers[:pairs]), self._terms), int(answers[pairs][0])
