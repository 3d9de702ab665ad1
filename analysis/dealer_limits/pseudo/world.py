"""The pseudo world: raw files of every source, in the layouts of the real ones, and the truth beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from dealer_limits.errors import DealerLimitsError
from dealer_limits.provenance import write_marker
from dealer_limits.pseudo.desks import simulate_desk_world, write_desk_world
from dealer_limits.pseudo.parameters import DEFAULT_WORLD, world_parameters
from dealer_limits.pseudo.trades import simulate_trade_world, write_trade_world

DEFAULT_SEED = 20200316


def write_world(
    out: Path,
    seed: int,
    scale: float,
    advance: Callable[[str], None],
    world: str = DEFAULT_WORLD,
    other_sales: float = 1.0,
) -> None:
    """Write `out/raw` and `out/truth`, replacing what is there only once everything is written.

    `raw/PSEUDO_DATA.json` says that these are no real data and which world they are of; `truth/world.json` has its seed
    and scale.

    `scale` multiplies TRACE reports, purchased CUSIP-days and non-Treasury desks; Treasury desks and the
    calendar are always complete. `world`: paper, null or strong. `other_sales` multiplies what dealers sell to
    customers of what the Fed buys that day, and so what the match may take for sales to the Fed. `advance` is told of
    each finished step. Same arguments, same bytes. Raises DealerLimitsError for a scale outside (0, 100], other sales
    outside [0, 100] or an unknown world.
    """
    if not 0 < scale <= 100:
        raise DealerLimitsError(f"--scale {scale}: expected a number above 0 and at most 100")
    if not 0 <= other_sales <= 100:
        raise DealerLimitsError(f"--other-sales {other_sales}: expected a number from 0 to 100")

    parameters = world_parameters(world)

    incoming = out / ".incoming"
    shutil.rmtree(incoming, ignore_errors=True)
    raw, truth = incoming / "raw", incoming / "truth"
    raw.mkdir(parents=True)
    truth.mkdir()

    desks = simulate_desk_world(seed, scale, parameters)
    advance("desks simulated")
    write_desk_world(desks, raw, truth, advance)
    trades = simulate_trade_world(seed, scale, desks.firm_usage, parameters, other_sales)
    advance("trades simulated")
    write_trade_world(trades, raw, truth, advance)

    record = {"seed": seed, "scale": scale}
    if other_sales != 1:
        record["other_sales"] = other_sales
    (truth / "world.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    write_marker(raw, world, seed, scale)

    for folder in (raw, truth):
        shutil.rmtree(out / folder.name, ignore_errors=True)
        folder.rename(out / folder.name)
    incoming.rmdir()
