"""Which covariances the estimates of a mart have beside the paper's: the seed `covariances`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimate.observations import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

# how many clusters each kind takes, at least and at most
KINDS = {
    "robust": (0, 0),
    "cluster": (1, 2),
    "cell": (2, 2),
    "jackknife": (1, 1),
    "driscoll_kraay": (1, 1),
    "newey_west": (0, 0),
    "wild": (1, 2),
    "bootstrap": (0, 0),
}

# mart and estimator (ols, iv, quantile)
Key = tuple[str, str]


@dataclass(frozen=True)
class Method:
    """One way to make errors: `kind` names the estimator, `clusters` what it clusters by.

    kinds: robust, cluster (one or two ways), cell (one cluster per combination), jackknife, driscoll_kraay,
    newey_west, wild (bootstrap by the first of `clusters`, put together by the second), bootstrap (of
    quantiles).
    """

    covariance: str
    label: str
    kind: str
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Methods:
    """The methods of each mart and estimator, the paper's first, and the name of the recommended one."""

    of: Mapping[Key, tuple[Method, ...]]
    recommended: Mapping[Key, str]

    def labels(self, key: Key) -> dict[str, str]:
        """What each covariance of a mart and estimator is called."""
        return {method.covariance: method.label for method in self.of[key]}


def build_methods(rows: Iterable[Mapping[str, str]]) -> Methods:
    """Methods from rows of the seed, as text, in their order.

    Raises DealerLimitsError naming the first row with an unknown mart, kind or cluster, a name given twice,
    or a mart and estimator for which not exactly one is recommended.
    """
    of: dict[Key, list[Method]] = defaultdict(list)
    recommended: dict[Key, list[str]] = defaultdict(list)
    for row in rows:
        key = row["mart"], row["estimator"]
        clusters = tuple(row["clusters"].split(";")) if row["clusters"] else ()
        method = Method(row["covariance"], row["label"], row["kind"], clusters)
        for problem in _problems(row["mart"], method, of[key]):
            raise DealerLimitsError(f"covariances, {method.covariance} of {' '.join(key)}: {problem}")
        of[key].append(method)
        if row["is_recommended"].lower() == "true":
            recommended[key].append(method.covariance)
    for key in of:
        if len(recommended[key]) != 1:
            raise DealerLimitsError(
                f"covariances, {' '.join(key)}: {len(recommended[key])} are recommended, expected one"
            )
    return Methods(
        {key: tuple(methods) for key, methods in of.items()},
        {key: names[0] for key, names in recommended.items()},
    )


def _problems(mart: str, method: Method, others: Iterable[Method]) -> Iterable[str]:
    if mart not in SOURCES:
        yield f"unknown mart {mart}"
        return
    if method.kind not in KINDS:
        yield f"unknown kind {method.kind}, expected one of {', '.join(KINDS)}"
        return
    least, most = KINDS[method.kind]
    if not least <= len(method.clusters) <= most:
        yield f"{method.kind} takes {least} to {most} clusters, {len(method.clusters)} are given"
    for cluster in method.clusters:
        if cluster not in SOURCES[mart].clusters:
            yield f"unknown cluster {cluster}, expected one of {', '.join(SOURCES[mart].clusters)}"
    if method.covariance in {other.covariance for other in others}:
        yield "is there twice"


def load_methods(connection: duckdb.DuckDBPyConnection) -> Methods:
    """The methods from the schema `seeds` of a warehouse (see `build_methods`)."""
    names = ("mart", "estimator", "covariance", "label", "kind", "clusters", "is_recommended")
    rows = connection.execute(
        f"""
        select {", ".join(f"coalesce(cast({name} as varchar), '')" for name in names)}
        from seeds.covariances
        order by mart, estimator, cast(place as integer)
        """
    ).fetchall()
    return build_methods(dict(zip(names, row, strict=True)) for row in rows)
