"""Estimates by packages: linearmodels for effects and instruments, statsmodels for series."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from linearmodels.iv import IV2SLS, AbsorbingLS, Interaction
from linearmodels.panel.utility import AbsorbingEffectError

from dealer_limits.estimation.absorb import Effects
from dealer_limits.estimation.panel import Fit, Variables, infer, project_regressors
from dealer_limits.estimation.quantile import Bootstrap, fit_quantile
from dealer_limits.estimation.specifications import Specification
from dealer_limits.estimation.threads import one_blas_thread


def prepare_packages(variables: Variables, bootstrap: Bootstrap) -> Callable[[Specification], Fit]:
    """What fits specifications to variables that they share; effects become categories once for all of them.

    A fit has the numbers of `fit_column` and the package's own object as `results`: AbsorbingLSResults where
    effects are absorbed, IVResults with instruments, RegressionResults of statsmodels where neither is there. Of
    quantiles the estimate is the exact one, and `results` what QuantReg makes of them. BLAS has one thread meanwhile.
    """
    absorb = absorbed(variables.effects)

    def fit(spec: Specification) -> Fit:
        with one_blas_thread():
            if spec.kind == "quantile":
                return _fit_quantile(variables, spec, bootstrap)
            # the packages leave out, refuse or keep what is collinear, each in a way of its own
            project_regressors(variables, spec.regressors, spec.endogenous, spec.instruments)
            if spec.kind == "iv":
                return _fit_instruments(variables, spec)
            return _fit_effects(variables, spec, absorb) if spec.absorb else _fit_series(variables, spec)

    return fit


def absorbed(effects: Effects) -> Interaction:
    """Effects as linearmodels takes them, of the same rank but connected.

    The levels that `prepare_effects` pins at zero, one in each component, become one level. Dummy variables span
    the same space, and linearmodels counts their rank right, which on disconnected panels it does not.
    """
    if effects.elimination is None:
        levels = list(effects.levels)
    else:
        free = effects.elimination.free
        merged = np.where(free, np.cumsum(free), 0)
        levels = [effects.levels[effects.elimination.eliminated]]
        # a level for all rows is in the span of the other effect
        if free.any():
            levels.append(merged[effects.levels[effects.elimination.kept]])
    return Interaction(
        cat=pd.DataFrame(
            {place: pd.Categorical.from_codes(level, range(level.max() + 1)) for place, level in enumerate(levels)}
        )
    )


def _fit_effects(variables: Variables, spec: Specification, absorb: Interaction) -> Fit:
    """AbsorbingLS: one effect is taken out by means, two by Somaini and Wolak's direct solution.

    Its other ways iterate, and only one of them (lsmr) has a cache.
    """
    options: dict[str, object] = {"compute_degrees": False}
    if absorb.cat.shape[1] == 2:
        options["residualize_method"] = "sw"
    model = AbsorbingLS(_series(variables, spec.dependent), _regressors(variables, spec), absorb=absorb)
    try:
        results = model.fit(cov_type="robust", debiased=True, method="hdfe", absorb_options=options, use_cache=False)
    except AbsorbingEffectError:
        raise ValueError(
            "the effects or the other regressors leave less than 1e-5 of a regressor, which linearmodels takes for "
            "nothing: the engine arrays estimates it"
        ) from None
    measures = {"r2": float(results.rsquared)}
    return _fit(variables, spec, results, results.params, results.std_errors, results.df_resid, measures)


def _fit_series(variables: Variables, spec: Specification) -> Fit:
    """OLS of statsmodels with a constant, HC1."""
    results = sm.OLS(_series(variables, spec.dependent), _regressors(variables, spec, constant=True)).fit(
        cov_type="HC1", use_t=True
    )
    measures = {"r2": float(results.rsquared)}
    return _fit(variables, spec, results, results.params, results.bse, results.df_resid, measures)


def _fit_instruments(variables: Variables, spec: Specification) -> Fit:
    """IV2SLS on variables without their effects, which it does not absorb; its n / (n - k) is told of them.

    That of its first stage is not: the F has n / (n - k) with the effects here.
    """
    names = dict.fromkeys([spec.dependent, *spec.regressors, *spec.instruments])
    means = {name: variables.levels[name].mean() if spec.report_constant else 0.0 for name in names}
    within = pd.DataFrame({name: variables.within[name] + means[name] for name in names})
    terms = dict(zip(spec.regressors, spec.terms, strict=True))
    exogenous = within[[name for name in spec.regressors if name not in spec.endogenous]].rename(columns=terms)
    if spec.report_constant:
        exogenous["constant"] = 1.0
    effects = variables.effects.rank - spec.report_constant
    results = IV2SLS(
        within[spec.dependent],
        exogenous if len(exogenous.columns) else None,
        within[list(spec.endogenous)].rename(columns=terms),
        within[list(spec.instruments)],
    ).fit(cov_type="robust", debiased=True, extra_df=effects)
    measures = {}
    if len(spec.endogenous) == 1:
        (stage,) = results.first_stage.individual.values()
        last = slice(-len(spec.instruments), None)
        coef, covariance = stage.params.to_numpy()[last], stage.cov.to_numpy()[last, last]
        wald = float(coef @ np.linalg.solve(covariance, coef)) * (1 - effects / stage.df_resid)
        measures["first_stage_f"] = wald / len(coef)
    order = list(spec.coefficients)
    df_resid = results.df_resid - effects
    return _fit(variables, spec, results, results.params[order], results.std_errors[order], df_resid, measures)


def _fit_quantile(variables: Variables, spec: Specification, bootstrap: Bootstrap) -> Fit:
    """The exact quantile; beside it QuantReg, which iterates weighted least squares to a tolerance."""
    exact = fit_quantile(variables, spec.dependent, spec.regressors, spec.quantile, bootstrap)
    with warnings.catch_warnings():
        # of its iterations, which do not matter to the estimate
        warnings.simplefilter("ignore")
        try:
            beside = sm.QuantReg(_series(variables, spec.dependent), _regressors(variables, spec, constant=True)).fit(
                spec.quantile
            )
        except np.linalg.LinAlgError:
            beside = None
    return replace(exact, results=beside)


def _series(variables: Variables, name: str) -> pd.Series:
    return pd.Series(variables.levels[name], name=name)


def _regressors(variables: Variables, spec: Specification, constant: bool = False) -> pd.DataFrame:
    """Regressors by their terms, the constant last where it is asked for or reported."""
    x = pd.DataFrame({term: variables.levels[name] for term, name in zip(spec.terms, spec.regressors, strict=True)})
    return x.assign(constant=1.0) if constant or spec.report_constant else x


def _fit(
    variables: Variables,
    spec: Specification,
    results: Any,
    coef: pd.Series,
    se: pd.Series,
    df_resid: float,
    measures: dict[str, float],
) -> Fit:
    """A fit of what a package found, the coefficients of the specification first and in its order."""
    rows, count = len(variables.levels[spec.dependent]), len(spec.coefficients)
    return infer(coef.to_numpy()[:count], se.to_numpy()[:count], rows, int(df_resid), measures, results=results)
