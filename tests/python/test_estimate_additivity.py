"""Coefficients of outcomes that add up, add up: exactly, where they count the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import numpy as np
import pytest

from dealer_limits.estimation.observations import complete_rows, read_rows, variables_of
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Registry, load_registry
from estimate_warehouse import make_world, write_warehouse

# Coefficients are sums of thousands of products of size one, each side rounded once; P&L over VaR has ten
# decimals in the marts.
ROUNDING = {"6": 1e-12, "14": 1e-9}


@pytest.fixture(scope="module", params=["made up", "built"])
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    if request.param == "built":
        path = request.getfixturevalue("warehouse").published
    else:
        path = write_warehouse(tmp_path_factory.mktemp("adds_up") / "w.duckdb", make_world(days=60))
    with duckdb.connect(str(path), read_only=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def registry(connection: duckdb.DuckDBPyConnection) -> Registry:
    return load_registry(connection)


def coefficients(
    connection: duckdb.DuckDBPyConnection, registry: Registry, like: tuple[str, str, str], outcomes: list[str]
) -> tuple[list[float], list[int]]:
    """Coefficients of outcomes in a printed column's regression on rows that have all of them.

    The second list has the rows that each outcome would count on its own.
    """
    spec = next(spec for spec in registry.specifications if spec.key == like)
    specs = [replace(spec, dependent=outcome) for outcome in outcomes]
    rows = read_rows(connection, specs)
    complete = [complete_rows(rows, each) for each in specs]
    variables = variables_of(rows, specs, np.logical_and.reduce(complete))
    fits = [fit_column(variables, each, Bootstrap()) for each in specs]
    return [float(fit.coef[0]) for fit in fits], [int(counted.sum()) for counted in complete]


@pytest.mark.parametrize("column", ["1", "2", "3", "4", "5", "6"])
def test_net_to_gross_of_table_6_is_net_less_gross_of_table_2(
    connection: duckdb.DuckDBPyConnection, registry: Registry, column: str
):
    scope = "position" if column in "123" else "securities_position"
    (net, gross, ratio), counts = coefficients(
        connection,
        registry,
        ("6", "", column),
        [f"d_log_{kind}_{scope}" for kind in ("net", "gross", "net_to_gross")],
    )
    assert ratio == pytest.approx(net - gross, abs=ROUNDING["6"])
    # on its own sample, gross has the days with a net position of zero too
    assert counts[0] == counts[2] < counts[1]


@pytest.mark.parametrize("panel", ["a", "b", "c"])
def test_total_profit_of_table_14_is_that_of_new_and_existing_positions(
    connection: duckdb.DuckDBPyConnection, registry: Registry, panel: str
):
    (total, new, existing), counts = coefficients(
        connection,
        registry,
        ("14", panel, "1"),
        ["d_pnl_total_to_var", "d_pnl_new_to_var", "d_pnl_existing_to_var"],
    )
    assert total == pytest.approx(new + existing, abs=ROUNDING["14"])
    assert len(set(counts)) == 1
