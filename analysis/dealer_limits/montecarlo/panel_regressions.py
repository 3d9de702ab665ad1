"""Regressions of the registry estimated on a desk panel in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import stdtrit

from dealer_limits.estimation.covariance import Covariance, cluster_jackknife_covariance
from dealer_limits.estimation.inference import covariance_of
from dealer_limits.estimation.methods import Method, Methods, build_methods
from dealer_limits.estimation.panel import Fit, Variables, infer, take_out_effects
from dealer_limits.estimation.quantile import Bootstrap
from dealer_limits.estimation.run import fit_column
from dealer_limits.estimation.specifications import Specification, read_csv, read_specifications, seed_file
from dealer_limits.montecarlo.desk_panel import OBSERVATIONS, DeskPanel

# of intervals
LEVELS = (0.90, 0.95)
# the tables whose repeated estimates are shown; the seed has those of all
HEADLINE_TABLES = ("2", "3", "8", "14")


def panel_specifications(*seeds: str) -> tuple[Specification, ...]:
    """The rows of the registry that lie in the desk panel, in the files' order.

    Of the specifications only columns that the paper prints: the worlds are fitted to what is printed, and the
    panel in memory has no variables but those.
    """
    printed = {(row["table"], row["panel"], row["column"]) for row in read_csv(seed_file("printed_tables"))}
    return tuple(
        spec
        for seed in seeds or ("specifications",)
        for spec in read_specifications(seed_file(seed))
        if spec.observations == OBSERVATIONS and (seed != "specifications" or spec.key in printed)
    )


def read_methods() -> Methods:
    """The covariances of the registry, from the seed's file."""
    return build_methods(read_csv(seed_file("covariances")))


def arrays(panel: DeskPanel, spec: Specification) -> tuple[np.ndarray, list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """Outcome, regressors, mask and instruments of a column: (T, D) arrays over the desks of its sample.

    Raises DealerLimitsError where the panel has no column of a name.
    """
    in_sample = panel.sample(spec.sample)
    desks = slice(0, in_sample.shape[1])

    def read(names: tuple[str, ...]) -> Iterator[np.ndarray]:
        return (panel.column(name, spec.horizon)[:, desks] for name in names)

    (outcome,) = read((spec.dependent,))
    needed = read((*spec.regressors, *spec.instruments, *spec.also_observed))
    mask = np.logical_and.reduce([in_sample, *(np.isfinite(values) for values in (outcome, *needed))])
    return outcome, list(read(spec.regressors)), mask, list(read(spec.instruments))


def panel_variables(panel: DeskPanel, spec: Specification) -> tuple[Variables, dict[str, np.ndarray]]:
    """The variables (n,) of a column by name, effects taken out, and the desk, day and firm of each row."""
    outcome, regressors, mask, instruments = arrays(panel, spec)
    names = (spec.dependent, *spec.regressors, *spec.instruments)
    values = {name: column[mask] for name, column in zip(names, (outcome, *regressors, *instruments), strict=True)}
    day, desk = np.nonzero(mask)
    groups = {"desk_id": desk, "business_date": day, "firm_rssd": panel.firm[desk]}
    return take_out_effects(values, np.column_stack([groups[effect] for effect in spec.absorb])), groups


def estimate_on(panel: DeskPanel, spec: Specification) -> Fit:
    """The regression that `dealer-limits estimate` runs on a warehouse, with the covariance of the row.

    It takes about three milliseconds, with a jackknife by firm ten.
    """
    return estimate_twice(panel, spec, None)[0]


def estimate_twice(panel: DeskPanel, spec: Specification, recommended: Method | None) -> tuple[Fit, Fit]:
    """The same with the covariance of the row, and with the `recommended` one; where there is none, the first again."""
    variables, groups = panel_variables(panel, spec)
    fit = fit_column(variables, spec, Bootstrap())
    if spec.covariance == "jackknife_firm":
        fit = _with_errors(fit, cluster_jackknife_covariance(fit.parts, groups["firm_rssd"]))
    if recommended is None:
        return fit, fit
    return fit, _with_errors(fit, covariance_of(fit, recommended, groups, spec.horizon))


def _with_errors(fit: Fit, covariance: Covariance) -> Fit:
    return infer(fit.coef, np.sqrt(np.diag(covariance.matrix)), fit.nobs, covariance.df, fit.measures)


def critical_values(fit: Fit) -> tuple[float, ...]:
    """Ends of the intervals of LEVELS in errors, of the t distribution."""
    return tuple(float(stdtrit(fit.df_resid, (1 + level) / 2)) for level in LEVELS)
