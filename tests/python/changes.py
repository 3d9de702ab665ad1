"""Changes that a project like this is asked for, as edits of its files: `python tests/python/changes.py` writes the
patches in `tests/changes` anew, which is needed when a line that one of them edits has changed.
"""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "tests/changes"

DESKS = "models/intermediate/desks"
MARKET = "models/staging/market"
OBSERVATIONS = "models/observations"

# file, text that is there once (None: the file is new), text in its place
Edit = tuple[str, str | None, str]


def above(file: str, line: str, text: str) -> Edit:
    """Text above a line that is there once."""
    return file, line, text + line


# a daily series more among those of the market; its file may be absent
NEW_SOURCE: list[Edit] = [
    above(
        f"{MARKET}/_market__sources.yml",
        "      - name: treasury_securities\n",
        """\
      - name: repo_rate
        description: Secured Overnight Financing Rate, percent, one row per day.
        config:
          meta:
            entity: repo_rates
            files: [SOFR.csv]
            key: [observation_date]
            optional: true
        columns:
          - name: observation_date
            description: Day
            data_type: date
            config: {meta: {required: true, minimum: '2018-04-01'}}
          - name: SOFR
            description: Secured Overnight Financing Rate, percent
            data_type: number
            config: {meta: {as: repo_rate_pct, minimum: -5, maximum: 30}}
""",
    ),
    (f"{MARKET}/base_market__repo_rates.sql", None, "{{ stage('market', 'repo_rate') }}\n"),
    (f"{MARKET}/stg_market__repo_rates.sql", None, "{{ accepted('market', 'repo_rate') }}\n"),
    above(
        "docs/raw_tables.md",
        "## market.treasury_securities\n",
        """\
## market.repo_rate

Secured Overnight Financing Rate, percent, one row per day.

Files: `SOFR.csv`, may be absent. Staged as `stg_market__repo_rates`.
Key: `observation_date`.

| raw column | staged as | type | rules | what it is |
| --- | --- | --- | --- | --- |
| `observation_date` | `observation_date` | date | required; from 2018-04-01; to 2100-12-31; missing as `.` `nd` \
`na` `n/a` `#n/a` `null` | Day |
| `SOFR` | `repo_rate_pct` | number | from -5; to 30; missing as `.` `nd` `na` `n/a` `#n/a` `null` | Secured Overnight \
Financing Rate, percent |

""",
    ),
]

# a table of an outcome that is not there yet
TABLE_16: list[Edit] = [
    (
        "seeds/specifications.csv",
        "15,b,4,obs_market_day,,,on_the_run_premium,move;log_limit_usage_index_residual as limit_usage_index_residual,"
        ",,,,standardise,quantile:0.99,bootstrap,false\n",
        "15,b,4,obs_market_day,,,on_the_run_premium,move;log_limit_usage_index_residual as limit_usage_index_residual,"
        ",,,,standardise,quantile:0.99,bootstrap,false\n"
        + "".join(
            f"16,,{column},obs_desk_horizon,is_prime_treasury_desk,{horizon},d_log_var,log_limit_usage,,"
            "desk_id;business_date,,,,ols,robust,false\n"
            for column, horizon in ((1, 1), (2, 5), (3, 10))
        ),
    ),
    above(
        "models/exposures.yml",
        "  - name: figure_1\n",
        """\
  - name: table_16
    label: Table 16
    description: VaR after days of high limit usage
    type: analysis
    maturity: high
    owner: {name: Dealer Limits}
    depends_on: [ref('obs_desk_horizon')]
    config:
      meta:
        section: "5.1"
        label: horizon
        notes:
          - >-
            Effect of log(Limit Usage) on the log change in VaR over h = 1, 5 and 10 business days; not in the paper.

""",
    ),
    above(
        f"{OBSERVATIONS}/obs_desk_horizon.sql",
        "        today.firm_rssd,\n",
        "        {{ ln_or_null('ahead.var_usd_mn') }} - {{ ln_or_null('today.var_usd_mn') }} as d_log_var,\n",
    ),
    above(
        f"{OBSERVATIONS}/obs_desk_horizon.yml",
        "      - {name: d_log_net_position, data_type: double,",
        "      - {name: d_log_var, data_type: double, description: Log change in VaR., config: {meta: {label: VaR}}}\n",
    ),
]

# over the limit at the end of the day itself, instead of that of the business day before
LIMIT_USAGE: list[Edit] = [
    (
        f"{DESKS}/int_desk_limit_usages.sql",
        "cast(var_usd as double) / nullif(cast(var_limit_lag_usd as double), 0) as limit_usage",
        "cast(var_usd as double) / nullif(cast(var_limit_usd as double), 0) as limit_usage",
    ),
    (
        f"{DESKS}/int_desk_limit_usages.sql",
        "-- Limit usage is VaR over the limit of the business day before (eq. 7 and 8): "
        "the limit of the day itself may\n"
        "-- have been moved because of the usage. Without a row for that day there is no usage.\n",
        "-- Limit usage is VaR over the limit at the end of the day; DV01 usage over that of the business day before.\n"
        "-- Without a limit on that day there is no usage.\n",
    ),
    # unit tests: the limit of the day, and none where it has none
    (
        f"{DESKS}/_desks.yml",
        "business_date: '2020-02-18', limit_usage: 0.3}",
        "business_date: '2020-02-18', limit_usage: null}",
    ),
    (
        f"{DESKS}/_desks.yml",
        "        - {desk_id: a, business_date: '2020-02-14', limit_usage: null}\n"
        "        - {desk_id: a, business_date: '2020-02-19', limit_usage: null}\n",
        "        - {desk_id: a, business_date: '2020-02-14', limit_usage: null}\n"
        "        - {desk_id: a, business_date: '2020-02-19', limit_usage: 0.3}\n",
    ),
    (
        f"{DESKS}/_desks.yml",
        "business_date: '2020-02-18', limit_usage: 0.5}",
        "business_date: '2020-02-18', limit_usage: 0.25}",
    ),
    (
        f"{DESKS}/_desks.yml",
        "business_date: '2020-02-19', limit_usage: 0.25}",
        "business_date: '2020-02-19', limit_usage: 0.125}",
    ),
    (
        "models/marts/fct_desk_day.yml",
        "VaR over the VaR limit of the business day before (eq. 7 and 8), a ratio.",
        "VaR over the VaR limit at the end of the day, a ratio.",
    ),
    (
        "models/marts/fct_desk_day.yml",
        "VaR limit of the business day before, which limit_usage is over, $ millions.",
        "VaR limit of the business day before, $ millions.",
    ),
    (
        "models/exposures.yml",
        "Limit Usage is VaR over the VaR limit of the day before.",
        "Limit Usage is VaR over the VaR limit of the day.",
    ),
    (
        "models/exposures.yml",
        "Left: VaR over the VaR limit of the day before, averaged",
        "Left: VaR over the VaR limit of the day, averaged",
    ),
    # the panel of repeated worlds is computed in memory
    (
        "analysis/dealer_limits/montecarlo/desk_panel.py",
        "usage = treasury.reported_var / lagged_limit",
        "usage = treasury.reported_var / limit",
    ),
    (
        "docs/decisions.md",
        "Usage is VaR over the limit of the business day before. Where that day has no row there is no usage",
        "Usage is VaR over the limit at the end of the day. Where the day has no limit there is no usage",
    ),
]

# fifteen minutes before the close of an operation and an hour after it
LEVEL_1_WINDOW: list[Edit] = [
    ("dbt_project.yml", "  level_1_seconds_before: 600\n", "  level_1_seconds_before: 900\n"),
    ("dbt_project.yml", "  level_1_seconds_after: 1800\n", "  level_1_seconds_after: 3600\n"),
    ("README.md", "equal par, −10 to +30 minutes", "equal par, −15 to +60 minutes"),
]

CHANGES = {
    "new_source": NEW_SOURCE,
    "table_16": TABLE_16,
    "limit_usage": LIMIT_USAGE,
    "level_1_window": LEVEL_1_WINDOW,
}


def edited(project: Path, edits: list[Edit]) -> dict[str, tuple[str, str]]:
    """Each file that edits touch, before and after. Raises ValueError where a text is not there once."""
    files: dict[str, tuple[str, str]] = {}
    for name, before, after in edits:
        path = project / name
        original, text = files.get(name) or (path.read_text(encoding="utf-8") if before is not None else "",) * 2
        if before is not None and text.count(before) != 1:
            raise ValueError(f"{name}: expected once: {before}")
        files[name] = original, after if before is None else text.replace(before, after)
    return files


def edit(project: Path, edits: list[Edit]) -> None:
    """Make edits in a project."""
    for name, (_, after) in edited(project, edits).items():
        (project / name).write_text(after, encoding="utf-8")


def patch_of(change: str) -> str:
    """A change of the project as a patch, with one line of context."""
    lines = []
    for name, (before, after) in sorted(edited(ROOT, CHANGES[change]).items()):
        source = f"a/{name}" if before else "/dev/null"
        sides = (text.splitlines(keepends=True) for text in (before, after))
        lines += unified_diff(*sides, source, f"b/{name}", n=1)
    return "".join(lines)


if __name__ == "__main__":
    for change in CHANGES:
        (PATCHES / f"{change}.patch").write_text(patch_of(change), encoding="utf-8")
