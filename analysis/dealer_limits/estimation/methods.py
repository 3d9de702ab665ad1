"""Which covariances the estimates on an observation model have beside the paper's: the seed `covariances`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from dealer_limits.errors import DealerLimitsError
from dealer_limits.estimation.specifications import nearest, observation_columns, read_seed

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
    "two_step_newey_west": (0, 0),
    "two_step_bootstrap": (0, 0),
    "extremal": (0, 0),
}

# observation model and estimator (ols, iv, quantile)
Key = tuple[str, str]


@dataclass(frozen=True)
class Method:
    """One way to make errors: `kind` names the estimator, `clusters` the columns that it clusters by.

    kinds: robust, cluster (one or two ways), cell (one cluster per combination), jackknife, driscoll_kraay,
    newey_west, wild (bootstrap by the first of `clusters`, put together by the second), bootstrap (of
    quantiles); two_step_newey_west and two_step_bootstrap of both steps where a regressor is the residual of a
    first one, else as without; extremal, of quantiles in the tail only.
    """

    covariance: str
    label: str
    kind: str
    clusters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Methods:
    """The methods of each observation model and estimator, the paper's first, and the recommended one's name."""

    of: Mapping[Key, tuple[Method, ...]]
    recommended: Mapping[Key, str]

    def labels(self, key: Key) -> dict[str, str]:
        """What each covariance of an observation model and estimator is called."""
        return {method.covariance: method.label for method in self.of[key]}

    def for_(self, observations: str, kind: str) -> tuple[Method, ...]:
        """The methods of an estimator; robust errors alone where the seed has none."""
        return self.of.get((observations, kind), (Method("robust", "robust", "robust"),))

    def only_recommended(self) -> Methods:
        """The recommended one of each observation model and estimator, and no other."""
        chosen = {
            key: tuple(method for method in methods if method.covariance == self.recommended[key])
            for key, methods in self.of.items()
        }
        return Methods(chosen, self.recommended)

    def recommended_for(self, observations: str, kind: str) -> str:
        """The name of the recommended one of those."""
        return self.recommended.get((observations, kind), "robust")

    def columns(self, observations: str) -> tuple[str, ...]:
        """Every column by which some method of an observation model clusters."""
        own = (methods for (model, _), methods in self.of.items() if model == observations)
        return tuple(dict.fromkeys(name for methods in own for method in methods for name in method.clusters))


def build_methods(rows: Iterable[Mapping[str, str]], columns: Mapping[str, Iterable[str]] | None = None) -> Methods:
    """Methods from rows of the seed, as text, in their order.

    Raises DealerLimitsError naming the first row with an unknown kind, a name given twice, or, where the
    `columns` of observation models are given, an unknown model or cluster; or an observation model and
    estimator for which not exactly one is recommended.
    """
    of: dict[Key, list[Method]] = defaultdict(list)
    recommended: dict[Key, list[str]] = defaultdict(list)
    for row in rows:
        key = row["observations"], row["estimator"]
        clusters = tuple(row["clusters"].split(";")) if row["clusters"] else ()
        method = Method(row["covariance"], row["label"], row["kind"], clusters)
        for problem in _problems(row["observations"], method, of[key], columns):
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
        {key: tuple(methods) for key, methods in of.items()}, {key: names[0] for key, names in recommended.items()}
    )


def _problems(
    observations: str, method: Method, others: Iterable[Method], columns: Mapping[str, Iterable[str]] | None
) -> Iterable[str]:
    if columns is not None and observations not in columns:
        yield f"there are no observations {observations}, {nearest(observations, columns)}"
        return
    if method.kind not in KINDS:
        yield f"unknown kind {method.kind}, expected one of {', '.join(KINDS)}"
        return
    least, most = KINDS[method.kind]
    if not least <= len(method.clusters) <= most:
        yield f"{method.kind} takes {least} to {most} clusters, {len(method.clusters)} are given"
    for cluster in method.clusters:
        if columns is not None and cluster not in columns[observations]:
            yield f"{observations} has no cluster {cluster}, {nearest(cluster, columns[observations])}"
    if method.covariance in {other.covariance for other in others}:
        yield "is there twice"


def load_methods(connection: duckdb.DuckDBPyConnection) -> Methods:
    """The methods from the schema `seeds` of a warehouse (see `build_methods`)."""
    rows = sorted(read_seed(connection, "covariances"), key=lambda row: int(row["place"]))
    return build_methods(rows, observation_columns(connection))
