"""Every number of the README on belief is one of a committed seed or table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest

from dealer_limits.estimation.specifications import read_specifications, seed_file
from dealer_limits.montecarlo.committed import read_montecarlo
from dealer_limits.project import DOCS, PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
SECTION = " ".join(README.partition("## Can the estimates be believed?")[2].partition("\n## ")[0].split())
MONTECARLO = read_montecarlo(seed_file("montecarlo"))
COVERAGE = pd.read_csv(seed_file("covariance_coverage"), dtype={"table": str}, keep_default_na=False)
CORRECTED = {spec.key: spec.tested_term for spec in read_specifications(seed_file("diagnostics")) if spec.is_corrected}
KEYS = ["table", "panel", "column"]


def of(world: str, table: str, panel: str = "") -> pd.DataFrame:
    """Rows of a table, or of a diagnostic's tested terms, in a world."""
    rows = MONTECARLO[(MONTECARLO["world"] == world) & (MONTECARLO["table"] == table)]
    rows = rows[rows["panel"] == panel] if panel else rows
    tested = [CORRECTED.get(tuple(key), term) for *key, term in rows[[*KEYS, "term"]].itertuples(index=False)]
    return rows[rows["term"] == tested]


def percent(shares: pd.Series, digits: int = 0) -> str:
    # half a step goes up, as on paper: the seed has four decimals
    step = Decimal(1).scaleb(-digits)
    low, high = ((100 * Decimal(str(share))).quantize(step, ROUND_HALF_UP) for share in (shares.min(), shares.max()))
    return f"{low}%" if low == high else f"{low} to {high}%"


def ratios(rows: pd.DataFrame) -> str:
    found = rows["population"] / rows["effect_lasting"]
    return f"{found.min():.2f} to {found.max():.2f}"


def whole(world: str) -> pd.DataFrame:
    """Rows of whole worlds, but for constants."""
    tables = MONTECARLO["table"].isin(["11", "12", "13", "15"])
    return MONTECARLO[tables & (MONTECARLO["world"] == world) & (MONTECARLO["term"] != "constant")]


def covered(table: str, covariance: str, world: str = "paper") -> pd.DataFrame:
    of_world = COVERAGE[COVERAGE["world"] == world]
    return of_world[(of_world["table"] == table) & (of_world["covariance"] == covariance)]


def worlds_and_error(*worlds: str) -> str:
    """How many worlds stand behind coverage, and its error by chance where it is 95%, in points."""
    (reps,) = set(COVERAGE.loc[COVERAGE["world"].isin(worlds), "reps"])
    return f"{reps:,} worlds, ±{100 * (0.95 * 0.05 / reps) ** 0.5:.1f}"


def claims() -> Iterator[str]:
    """The sentences with numbers, each number computed from the seed or found in the table that it is of."""
    calibration = (DOCS / "calibration.md").read_text(encoding="utf-8")
    coefs = re.search(r"- coef: (\d+ of \d+) ", calibration)[1]
    fit, every = re.search(r"- all: (\d+) of (\d+) ", calibration).groups()
    first, last = map(int, re.search(r"seeds (\d+) to (\d+), apart from those of the\nfit", calibration).groups())
    fresh = f"{last - first + 1} fresh worlds"
    yield f"{coefs} coefficients, {fit} of all {int(every):,} numbers within target over {fresh}"
    headline = MONTECARLO[MONTECARLO["table"].isin(["2", "8", "14", *(key[0] for key in CORRECTED)])]
    worlds = {world: f"{count:.0f}" for world, count in headline.groupby("world")["worlds"].unique().explode().items()}
    assert worlds["paper"] == worlds["null"]
    yield f"{worlds['paper']} worlds of `paper` and of `null`, and {worlds['strong']} of `strong`"
    yield f"Table 2 reject in {percent(of('null', '2')['rejection'])} of the worlds"
    yield f"in {percent(of('null', 'overlap')['rejection'])} with those that the report recommends"
    new = [of("null", "14"), of("null", "pnl_scale", "a")]
    (share,) = {percent(rows.loc[rows["dependent"] == "d_pnl_new_to_var", "rejection"]) for rows in new}
    yield f"Table 14 on new positions in {share} with either"
    three, eight = (percent(of("null", table)["rejection_recommended"]) for table in ("3", "8"))
    yield f"with recommended errors Table 3 does in {three} and Table 8 in {eight}"
    paper, null = (whole(world) for world in ("paper", "null"))
    (twenty,) = {*paper["worlds"], *null["worlds"]}
    trades = paper[paper["table"] != "15"]
    means = [f"{100 * trades[name].mean():.0f}%" for name in ("coverage_95", "coverage_95_recommended")]
    yield f"in {twenty} whole worlds of a kind, the match and all, 95% intervals of Tables 11 to 13"
    yield f"hold what the other worlds have in {means[0]} on average, with recommended errors in {means[1]}"
    yield f"those of Table 15 in {100 * paper.loc[paper['table'] == '15', 'coverage_95_recommended'].mean():.0f}%"
    zero = null[(null["table"] != "15") & (null["effect_lasting"] == 0)]
    shares = [percent(zero[name]) for name in ("rejection", "rejection_recommended")]
    yield f"slopes that are zero there reject in {shares[0]} and in {shares[1]}"
    robust = covered("2", "robust")
    yield f"cover {percent(robust.loc[robust['horizon'] == 10, 'coverage'])} at h = 10"
    jackknife = covered("2", "jackknife_firm")["coverage"]
    yield f"{percent(jackknife, 1)} in every column of Table 2 ({worlds_and_error('paper')} points)"
    firm, sets = (covered("8", name)["coverage"] for name in ("firm", "anderson_rubin_jackknife_firm"))
    yield f"clustered by firm {percent(firm, 1)}, Anderson–Rubin sets of the jackknife {percent(sets, 1)}"
    others = [covered("8", "anderson_rubin_jackknife_firm", world)["coverage"] for world in ("null", "strong")]
    sets = percent(pd.concat(others), 1)
    yield f"in `null` and `strong` ({worlds_and_error('null', 'strong')}) these sets hold it in {sets}"
    null, strong = (percent(covered("2", "jackknife_firm", world)["coverage"], 1) for world in ("null", "strong"))
    yield f"the jackknife of Table 2 in {null} in `null`, but in {strong} in `strong`"
    two, eight = (f"{ratios(of('paper', table))} in Table {table}" for table in ("2", "8"))
    yield f"{two} and {eight} in the world `paper`"
    yield f"{ratios(of('strong', '2'))} and {ratios(of('strong', '8'))} in `strong`, row by row"
    held = pd.concat([of("null", "current_position"), of("null", "pnl_scale", "c")])["rejection"]
    yield f"rejections in `null` are {percent(held, 1)}"
    paper, strong = (ratios(of(world, "current_position")) for world in ("paper", "strong"))
    yield f"its value is {paper} of the effect in `paper`, {strong} in `strong`"
    speed = re.search(r"\| unbalanced \| 100,000,000 \| (\d+) s, ([\d.]+ GiB) \| needs (\d+ GiB)", benchmarks())
    yield f"100 million rows in {speed[1]} seconds and {speed[2]}, where packages need {speed[3]} and more"


def benchmarks() -> str:
    return (DOCS / "benchmarks.md").read_text(encoding="utf-8")


CLAIMS = list(claims())


@pytest.mark.parametrize("claim", CLAIMS)
def test_number_of_the_readme_is_the_committed_one(claim: str) -> None:
    assert claim in SECTION


def test_no_number_of_the_readme_is_without_a_claim() -> None:
    left = SECTION
    for claim in CLAIMS:
        left = left.replace(claim, "")
    # what is no finding: tables, the level of intervals, where links lead, how an engine is asked for
    for known in (r"Tables? \d+( and \d+)?", "robust 95% intervals", r"\]\([^)]*\)", r"estimate\(2, results=True\)"):
        left = re.sub(known, "", left)
    assert not re.findall(r"\S*\d\S*", left)
