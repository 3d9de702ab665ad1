"""Estimation inside the database against dummy variables, linearmodels and pyfixest."""

from __future__ import annotations

from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation import in_database
from dealer_limits.estimation.covariance import cluster_covariance
from dealer_limits.estimation.in_database import DatabaseFit, PanelQuery, fit_in_database
from dealer_limits.estimation.panel import fit_linear, take_out_effects
from estimate_oracle import dummy_regression
from panels import PANELS, in_spells, with_holes

REGRESSORS = ("x1", "x2")
EFFECTS = ("unit", "period")

WAYS = (("unit",), ("period",), ("unit", "period"), ("part",), ("part", "period"))

every_panel = pytest.mark.parametrize("name", PANELS)


@cache
def panel_of(name: str) -> pd.DataFrame:
    """One of PANELS, with pairs of units as a third way to cluster."""
    return PANELS[name]().assign(part=lambda frame: frame["unit"] // 2)


@cache
def fit_of(name: str) -> DatabaseFit:
    """The fit with errors of all kinds: that each is what it would be alone is claimed below."""
    return fit(panel_of(name), clusters=WAYS)


def fit(panel: pd.DataFrame, threads: int = 2, options: dict | None = None, **query) -> DatabaseFit:
    connection = duckdb.connect(config={"threads": threads})
    connection.register("frame", panel)
    connection.execute("create table panel as select * from frame")
    question = {
        "relation": "panel",
        "dependent": "y",
        "regressors": REGRESSORS,
        "effects": EFFECTS,
    } | query
    return fit_in_database(connection, PanelQuery(**question), **(options or {}))


def oracle(panel: pd.DataFrame):
    return dummy_regression(
        panel["y"].to_numpy(), panel[list(REGRESSORS)].to_numpy(), [panel[name] for name in EFFECTS]
    )


@every_panel
def test_equals_dummy_variables_with_hc1_errors(name: str):
    """1e-8 is asked for; the effects are known to 1e-10 of what they leave."""
    panel = panel_of(name)
    ours, full = fit_of(name), oracle(panel)
    np.testing.assert_allclose(ours.coef, full.params[:2], rtol=1e-8)
    np.testing.assert_allclose(ours.se(), full.bse[:2], rtol=1e-8)
    assert ours.r2 == pytest.approx(full.rsquared, rel=1e-10)
    assert ours.nobs == len(panel)
    assert ours.df_resid == full.df_resid
    assert ours.error <= in_database.TOLERANCE


@every_panel
def test_equals_linearmodels(name: str):
    """Errors are compared without a factor: on unconnected panels the packages count other parameters."""
    from linearmodels.iv import AbsorbingLS

    panel = panel_of(name)
    result = AbsorbingLS(panel["y"], panel[list(REGRESSORS)], absorb=panel[list(EFFECTS)].astype("category")).fit(
        cov_type="robust", debiased=False, method="lsmr", absorb_options={"atol": 1e-14, "btol": 1e-14}
    )
    ours = fit_of(name)
    np.testing.assert_allclose(ours.coef, result.params, rtol=1e-8)
    np.testing.assert_allclose(ours.se() * np.sqrt(ours.df_resid / ours.nobs), result.std_errors, rtol=1e-8)


@pytest.mark.parametrize("effects", [EFFECTS, ("unit",)], ids="-".join)
def test_clustered_errors_equal_those_of_pyfixest(effects: tuple[str, ...]):
    """Both factors, G / (G - 1) of the smaller G and (n - 1) / (n - k) without nested effects."""
    import pyfixest as pf

    panel = panel_of("holes")
    ours = fit(panel, clusters=WAYS[:4], effects=effects)
    other = pf.feols(f"y ~ x1 + x2 | {' + '.join(effects)}", panel, demeaner=pf.MapDemeaner(fixef_tol=1e-13))
    assert len(panel) == other._N
    for clusters in WAYS[:4]:
        other.vcov({"CRV1": " + ".join(clusters)})
        np.testing.assert_allclose(ours.se(clusters), other.se().to_numpy(), rtol=1e-8)
        assert ours.cluster_counts[clusters] == min(panel[name].nunique() for name in clusters)


ways_of_clustering = pytest.mark.parametrize("clusters", WAYS, ids="-".join)


def in_memory(panel: pd.DataFrame, clusters: tuple[str, ...]) -> np.ndarray:
    """The clustered covariance (2, 2) of the engine in memory."""
    variables = {name: panel[name].to_numpy() for name in ("y", *REGRESSORS)}
    memory = fit_linear(take_out_effects(variables, panel[list(EFFECTS)].to_numpy()), "y", REGRESSORS)
    return cluster_covariance(memory.parts, *(panel[name].to_numpy() for name in clusters)).matrix


@every_panel
@ways_of_clustering
def test_clustered_covariances_equal_those_in_memory(name: str, clusters: tuple[str, ...]):
    """1e-10 of the largest variance: of two ways all are differences, which magnify rounding."""
    ours, memory = fit_of(name).covariance[clusters], in_memory(panel_of(name), clusters)
    np.testing.assert_allclose(ours, memory, rtol=0, atol=1e-10 * memory.max())


def test_two_ways_have_no_negative_variance_as_in_memory():
    """Two clusters of either kind make the difference of three covariances indefinite; 1e-8 as above."""
    panel = with_holes().assign(
        half=lambda frame: (frame["unit"] > 5).astype(int),
        late=lambda frame: (frame["period"] > 40).astype(int),
    )
    clusters = ("half", "late")
    ours, memory = fit(panel, clusters=(clusters,)), in_memory(panel, clusters)
    np.testing.assert_allclose(ours.covariance[clusters], memory, rtol=1e-8)
    # without the negative part the second variance is below zero
    assert (ours.se(clusters) > 1e-4).all()


@pytest.mark.parametrize("name", ["spells", "mobility"])
def test_clustered_errors_equal_those_of_pyfixest_where_effects_are_hard(name: str):
    """1e-10: projections that stop at steps of 1e-13 are off by more than that where steps are small."""
    import pyfixest as pf

    panel, ours = panel_of(name), fit_of(name)
    other = pf.feols(
        "y ~ x1 + x2 | unit + period",
        panel,
        demeaner=pf.MapDemeaner(fixef_tol=1e-13, fixef_maxiter=100_000),
        fixef_rm="none",
    )
    assert len(panel) == other._N
    for clusters in (("unit",), ("period",), ("unit", "period")):
        other.vcov({"CRV1": " + ".join(clusters)})
        np.testing.assert_allclose(ours.se(clusters), other.se().to_numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (("whole",), "errors by whole: all rows are in one cluster"),
        (("unit", "whole"), "errors by unit, whole: all rows are in one cluster"),
        (("gaps",), "errors cannot be clustered by gaps: it is missing in 7 rows"),
        (("gaps", "period"), "errors cannot be clustered by gaps: it is missing in 7 rows"),
        (("unit", "period", "part"), "in one way or in two, not in 3"),
        ((), "in one way or in two, not in 0"),
    ],
    ids=["one cluster", "one in one way", "missing", "missing in one way", "three ways", "no way"],
)
def test_clusters_that_cannot_be_are_refused(clusters: tuple[str, ...], message: str):
    panel = with_holes().assign(whole=1, part=lambda frame: frame["unit"] // 2, gaps="some")
    panel.loc[:6, "gaps"] = None
    with pytest.raises(DealerLimitsError, match=message):
        fit(panel, clusters=(clusters,))


def test_clusters_missing_only_where_the_row_does_not_count_are_no_matter():
    panel = with_holes().assign(firm=lambda frame: frame["unit"] // 2)
    relation = "(select * from panel union all select * replace (null as y, null as firm) from panel)"
    ours = fit(panel, relation=relation, clusters=(("firm",),))
    np.testing.assert_allclose(ours.se(("firm",)), fit(panel, clusters=(("firm",),)).se(("firm",)), rtol=1e-10)


def test_several_covariances_come_from_one_fit():
    together, panel = fit_of("holes"), panel_of("holes")
    for entry in WAYS:
        np.testing.assert_allclose(together.se(entry), fit(panel, clusters=(entry,)).se(entry), rtol=1e-12)
    np.testing.assert_allclose(together.se(), fit(panel).se(), rtol=1e-12)


@pytest.mark.parametrize("effects", [EFFECTS, ("unit",), ("period",), ()], ids="-".join)
def test_constant_is_that_of_effects_that_add_up_to_zero(effects: tuple[str, ...]):
    panel = with_holes()
    ours = fit(panel, effects=effects, constant=True)
    full = dummy_regression(
        panel["y"].to_numpy(), panel[list(REGRESSORS)].to_numpy(), [panel[name] for name in effects]
    )
    np.testing.assert_allclose(ours.coef, full.params[:3], rtol=1e-8)
    np.testing.assert_allclose(ours.se(), full.bse[:3], rtol=1e-8)
    assert ours.df_resid == full.df_resid


@every_panel
def test_every_way_to_multiply_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch):
    """All are exact, whatever the panel; the ways differ by rounding only."""
    panel, fits = panel_of(name), {}
    for way, runs, pairs in (("rows", 1e9, 0), ("runs", 1e-9, 0), ("pairs", 1e-9, 1e9)):
        monkeypatch.setattr(in_database, "LEAST_SHORTENING", runs)
        monkeypatch.setattr(in_database, "MOST_PAIRS_PER_ROW", pairs)
        fits[way] = fit(panel)
    for way in ("runs", "pairs"):
        np.testing.assert_allclose(fits[way].coef, fits["rows"].coef, rtol=1e-11)
        np.testing.assert_allclose(fits[way].se(), fits["rows"].se(), rtol=1e-9)


@every_panel
@pytest.mark.parametrize("some", [1, 3, 1000])
def test_components_do_not_hang_on_how_many_units_are_asked_first(
    name: str, some: int, monkeypatch: pytest.MonkeyPatch
):
    """Against a graph of all units and periods."""
    panel = panel_of(name)
    monkeypatch.setattr(in_database, "SAMPLED_UNITS", some)
    unit, period = (np.unique(panel[name], return_inverse=True)[1] for name in EFFECTS)
    nodes = unit.max() + period.max() + 2
    edges = coo_array((np.ones(len(panel)), (unit, unit.max() + 1 + period)), (nodes, nodes))
    # what is connected is known before the first step
    assert fit(panel, options={"tolerance": 1e-2}).components == connected_components(edges, directed=False)[0]


def test_levels_may_be_text_and_dates_and_the_panel_a_query():
    panel = with_holes()
    named = panel.assign(
        unit="desk " + panel["unit"].astype(str),
        period=pd.Timestamp("2020-01-01") + pd.to_timedelta(panel["period"], unit="D"),
    )
    ours = fit(
        named,
        relation="(select * from panel where x1 < 100)",
        effects=("unit", "cast(period as date)"),
        clusters=(("unit",),),
    )
    numbers = fit_of("holes")
    np.testing.assert_allclose(ours.coef, numbers.coef, rtol=1e-10)
    np.testing.assert_allclose(ours.se(("unit",)), numbers.se(("unit",)), rtol=1e-9)


def test_rows_with_a_missing_value_count_nowhere():
    panel = with_holes()
    extra = panel.head(20).assign(x2=np.nan)
    connection = duckdb.connect()
    connection.register("frame", pd.concat([panel, extra]))
    connection.execute("create table panel as select * replace (if(isnan(x2), null, x2) as x2) from frame")
    ours = fit_in_database(connection, PanelQuery("panel", "y", REGRESSORS, EFFECTS))
    assert ours.nobs == len(panel)
    np.testing.assert_allclose(ours.coef, fit_of("holes").coef, rtol=1e-10)


def test_read_only_database_does(tmp_path):
    file = tmp_path / "panel.duckdb"
    panel = with_holes()
    with duckdb.connect(file) as connection:
        connection.register("frame", panel)
        connection.execute("create table panel as select * from frame")
    with duckdb.connect(file, read_only=True) as connection:
        ours = fit_in_database(connection, PanelQuery("panel", "y", REGRESSORS, EFFECTS))
        assert connection.execute("select count(*) from duckdb_tables()").fetchone()[0] == 1
    np.testing.assert_allclose(ours.coef, fit_of("holes").coef, rtol=1e-12)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"relation": "no_such_table"}, "no_such_table does not exist.*temporary tables"),
        ({"relation": "mine"}, "mine does not exist.*temporary tables"),
        ({"dependent": "no_such_function(y)"}, "no_such_function"),
        ({"dependent": "no_such_column"}, "no_such_column"),
        ({"dependent": "y +"}, "syntax error"),
        ({"dependent": "'text' || unit"}, "text"),
    ],
    ids=["table", "temporary table", "function", "column", "syntax", "text"],
)
def test_what_the_database_refuses_is_an_error_in_one_line(query: dict, message: str):
    connection = duckdb.connect()
    connection.register("frame", with_holes())
    connection.execute("create table panel as select * from frame")
    connection.execute("create temp table mine as select * from frame")
    question = {"relation": "panel", "dependent": "y", "regressors": REGRESSORS, "effects": EFFECTS} | query
    with pytest.raises(DealerLimitsError, match=message) as caught:
        fit_in_database(connection, PanelQuery(**question))
    assert len(str(caught.value).splitlines()) == 1


def test_view_of_the_database_does():
    connection = duckdb.connect()
    connection.register("frame", with_holes())
    connection.execute("create table panel as select * from frame")
    connection.execute("create view seen as select * from panel")
    ours = fit_in_database(connection, PanelQuery("seen", "y", REGRESSORS, EFFECTS))
    np.testing.assert_allclose(ours.coef, fit_of("holes").coef, rtol=1e-12)


def test_singletons_are_counted_as_pyfixest_drops_them():
    import pyfixest as pf

    panel, ours = panel_of("singletons"), fit_of("singletons")
    other = pf.feols("y ~ x1 + x2 | unit + period", panel, vcov="hetero", demeaner=pf.MapDemeaner(fixef_tol=1e-13))
    assert ours.singletons == len(panel) - other._N == 4
    assert ours.nobs == len(panel)
    np.testing.assert_allclose(ours.coef, other.coef().to_numpy(), rtol=1e-8)


def test_one_thread_repeats_every_byte():
    first, second = (fit(in_spells(), threads=1, clusters=(("unit",),)) for _ in range(2))
    assert first.coef.tobytes() == second.coef.tobytes()
    assert first.covariance["unit",].tobytes() == second.covariance["unit",].tobytes()


def test_too_few_iterations_are_an_error_in_one_line():
    with pytest.raises(DealerLimitsError, match=r"have not converged in 3 iterations: \S+ instead of 1e-10"):
        fit(in_spells(), options={"most_iterations": 3})


def test_accuracy_that_rounding_denies_is_an_error():
    panel = with_holes().assign(y=lambda frame: frame["y"] + 1e9 * np.sin(frame["period"]))
    with pytest.raises(DealerLimitsError, match="rounding"):
        fit(panel, options={"tolerance": 1e-15})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x2": lambda frame: 3.0 * frame["unit"] - frame["period"]}, "x2 does not vary within the effects"),
        ({"x2": 1.0}, "x2 does not vary within the effects"),
        ({"x2": lambda frame: 2 * frame["x1"] + frame["unit"]}, "x1, x2 are collinear within the effects"),
        ({"x1": np.inf}, "x1 has values that are not finite"),
    ],
    ids=["absorbed", "constant", "collinear", "infinite"],
)
def test_regressors_that_cannot_be_told_apart_are_named(change: dict, message: str):
    with pytest.raises(DealerLimitsError, match=message):
        fit(with_holes().assign(**change))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"relation": "(select * from panel where false)"}, "no row in which every variable is observed"),
        ({"relation": "(select * from panel limit 5)"}, "5 rows are too few"),
        ({"effects": ("unit", "period", "x1")}, "two effects at most"),
    ],
    ids=["empty", "too few", "three effects"],
)
def test_panels_that_cannot_be_estimated_say_why(query: dict, message: str):
    with pytest.raises(DealerLimitsError, match=message):
        fit(with_holes(), **query)
