"""The registry of regressions: seeds `specifications`, `samples` and `terms`, read from the warehouse."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.absorb import MOST_EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

ESTIMATOR_PATTERN = re.compile(r"ols|iv|quantile:0\.\d+")
COVARIANCES = ("robust", "bootstrap")
TRANSFORMS = ("", "standardise")
EFFECTS = ("desk", "dealer", "bond", "time")

_LISTS = ("regressors", "also_observed", "absorb", "endogenous", "instruments")


@dataclass(frozen=True)
class Specification:
    """One printed column of Tables 2-15; the fields are those of the seed `specifications`."""

    table: str
    panel: str
    column: str
    outcome: str
    horizon: int | None
    sample: str
    dependent: str
    regressors: tuple[str, ...]
    also_observed: tuple[str, ...]
    absorb: tuple[str, ...]
    endogenous: tuple[str, ...]
    instruments: tuple[str, ...]
    transform: str
    estimator: str
    covariance: str
    report_constant: bool

    @property
    def label(self) -> str:
        """The column as a reader of the paper would call it, such as `Table 2(a) column 1`."""
        return f"Table {self.table}{f'({self.panel})' if self.panel else ''} column {self.column}"

    @property
    def coefficients(self) -> tuple[str, ...]:
        """The terms whose coefficients the column reports, in this order."""
        return (*self.regressors, "constant") if self.report_constant else self.regressors

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term that an observation must have, regressors first."""
        return tuple(dict.fromkeys((*self.regressors, *self.instruments, *self.also_observed)))


@dataclass(frozen=True)
class Sample:
    """A mart and the rows of it that satisfy `predicate` (SQL over the mart's columns)."""

    sample: str
    printed_sample: str
    mart: str
    predicate: str


@dataclass(frozen=True)
class Registry:
    """All specifications, with the samples and terms that they name.

    `samples` is keyed by name, `expressions` (SQL) by mart and term.
    """

    specifications: tuple[Specification, ...]
    samples: dict[str, Sample]
    expressions: dict[tuple[str, str], str]

    def mart(self, specification: Specification) -> str:
        """The mart that a specification is estimated on."""
        return self.samples[specification.sample].mart

    def expression(self, specification: Specification, term: str) -> str:
        """The SQL expression of a term of a specification."""
        return self.expressions[self.mart(specification), term]

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Every term that some column reports, in printed order: the constant is below the regressors."""
        regressors = [term for spec in self.specifications for term in spec.regressors]
        return (*dict.fromkeys(regressors), "constant")

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are estimated by regressions, in printed order."""
        return tuple(dict.fromkeys(spec.table for spec in self.specifications))

    def choose_tables(self, tables: list[str] | None, known: tuple[str, ...] | None = None) -> list[str]:
        """The tables named, or all that are known: those of the registry, if no others are.

        Raises DealerLimitsError where one is named that there is not.
        """
        known = known or self.tables
        for table in tables or []:
            if table not in known:
                raise DealerLimitsError(f"there is no Table {table}: choose from {', '.join(known)}")
        return tables or list(known)

    def of_tables(self, tables: Iterable[str]) -> tuple[Specification, ...]:
        """The specifications of some tables, in printed order."""
        chosen = set(tables)
        return tuple(spec for spec in self.specifications if spec.table in chosen)


def build_registry(
    specifications: Iterable[Specification],
    samples: Iterable[Sample],
    expressions: dict[tuple[str, str], str],
) -> Registry:
    """Put the three lists together after checking that every name in one exists in the others.

    Raises DealerLimitsError naming the printed column and the first thing wrong with it: a key given twice,
    an unknown sample, term, effect, estimator, covariance or transform, or an instrumented variable that is
    no regressor or has no instrument.
    """
    registry = Registry(tuple(specifications), {sample.sample: sample for sample in samples}, expressions)
    seen = set()
    for spec in registry.specifications:
        for problem in _problems(spec, registry, seen):
            raise DealerLimitsError(f"specifications, {spec.label}: {problem}")
        seen.add(spec.label)
    return registry


def _problems(spec: Specification, registry: Registry, seen: set[str]) -> Iterable[str]:
    if spec.label in seen:
        yield "is there twice"
    if spec.sample not in registry.samples:
        yield f"unknown sample {spec.sample}"
        return
    mart = registry.mart(spec)
    for term in spec.terms:
        if (mart, term) not in registry.expressions:
            yield f"unknown term {term} of {mart}"
    for effect in spec.absorb:
        if effect not in EFFECTS:
            yield f"unknown effect {effect}, expected one of {', '.join(EFFECTS)}"
    if len(spec.absorb) > MOST_EFFECTS:
        yield f"absorbs {len(spec.absorb)} effects, at most {MOST_EFFECTS} can be"
    if not ESTIMATOR_PATTERN.fullmatch(spec.estimator):
        yield f"unknown estimator {spec.estimator}, expected ols, iv or quantile:0.50"
    if spec.covariance not in COVARIANCES:
        yield f"unknown covariance {spec.covariance}, expected one of {', '.join(COVARIANCES)}"
    if spec.transform not in TRANSFORMS:
        yield f"unknown transform {spec.transform}"
    if not spec.regressors:
        yield "has no regressors"
    if not set(spec.endogenous) <= set(spec.regressors):
        yield "instruments a variable that is no regressor"
    if bool(spec.endogenous) != bool(spec.instruments):
        yield "needs instruments and instrumented variables together"
    if bool(spec.instruments) != (spec.estimator == "iv"):
        yield "needs instruments for the estimator iv, and for no other"


def load_registry(connection: duckdb.DuckDBPyConnection) -> Registry:
    """Read and check the registry from the schema `seeds` of a warehouse.

    Raises DealerLimitsError where a name in it is unknown (see `build_registry`).
    """
    names = [field.name for field in fields(Specification)]
    specifications = [
        Specification(
            **{
                name: _as_list(value) if name in _LISTS else value if name == "horizon" else value or ""
                for name, value in zip(names, row, strict=True)
                if name != "report_constant"
            },
            report_constant=bool(row[names.index("report_constant")]),
        )
        for row in connection.execute(
            f"""
            select {", ".join(f'"{name}"' for name in names)} from seeds.specifications
            order by cast("table" as integer), coalesce(panel, ''), cast("column" as integer)
            """
        ).fetchall()
    ]
    samples = [
        Sample(sample, printed_sample or "", mart, predicate)
        for sample, printed_sample, mart, predicate in connection.execute(
            'select "sample", printed_sample, mart, predicate from seeds.samples order by "sample"'
        ).fetchall()
    ]
    expressions = {
        (mart, term): expression
        for mart, term, expression in connection.execute(
            "select mart, term, expression from seeds.terms order by mart, term"
        ).fetchall()
    }
    return build_registry(specifications, samples, expressions)


def _as_list(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(";")) if text else ()
