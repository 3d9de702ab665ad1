"""What Table 2 and the diagnostics give as reaction takes the place of mechanics in the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dealer_limits.montecarlo.desk_panel_moments import many_moments
from dealer_limits.montecarlo.panel_regressions import panel_specifications
from dealer_limits.montecarlo.processes import worker_pool
from dealer_limits.project import DOCS
from dealer_limits.pseudo.parameters import DEFAULT_WORLD, FITTED_REACTION_SHARE, world_parameters

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SPLIT_SEEDS = tuple(range(30_001, 30_041))
# heading, then table, panel and column and the term of it: five business days, securities positions
SHOWN = (
    ("Table 2(a) net", ("2", "a", "5"), "log_limit_usage"),
    ("Table 2(b) gross", ("2", "b", "5"), "log_limit_usage"),
    ("current position, net", ("current_position", "", "5"), "log_limit_usage"),
    ("current position, gross", ("current_position", "", "11"), "log_limit_usage"),
    ("limit part, net", ("usage_parts", "", "2"), "negative_log_var_limit_lag"),
    ("limit part, gross", ("usage_parts", "", "5"), "negative_log_var_limit_lag"),
    ("limit change, gross", ("limit_change", "", "5"), "log_var_limit_change"),
    ("lead, net", ("lead", "", "2"), "log_limit_usage_ahead"),
)


def write_split(console: Console, docs: Path = DOCS, seeds: Sequence[int] = SPLIT_SEEDS) -> None:
    """Write `reaction_share.md`: mean estimates of the world `paper` at shares of reaction from 0 to 1."""
    wanted = {key for _, key, _ in SHOWN}
    rows = tuple(row for row in panel_specifications("specifications", "diagnostics") if row.key in wanted)
    fitted = " and ".join(f"{share:.0%} ({name[:-1]})" for name, share in FITTED_REACTION_SHARE.items())
    lines = [
        "# The share of reaction",
        "",
        f"Written by `dealer-limits montecarlo --split`: mean estimates over seeds {seeds[0]} to {seeds[-1]}",
        f"of the world `paper`, fitted at {fitted}; securities positions,",
        "five business days. Table 2 hardly moves, the diagnostics tell the shares apart.",
        "",
        f"| reaction | {' | '.join(heading for heading, _, _ in SHOWN)} |",
        f"| --: | {' | '.join('--:' for _ in SHOWN)} |",
    ]
    with worker_pool() as pool:
        for share in SHARES:
            moments = many_moments(seeds, world_parameters(DEFAULT_WORLD, share), rows, pool)
            mean = dict(zip(moments.keys, moments.values.mean(axis=0), strict=True))
            found = " | ".join(f"{mean[*key, term, 'coef']:.3f}" for _, key, term in SHOWN)
            lines.append(f"| {share:.0%} | {found} |")
            console.print(lines[-1], highlight=False)
    (docs / "reaction_share.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
