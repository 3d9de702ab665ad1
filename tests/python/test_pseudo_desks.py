"""What the desk half of the pseudo data promises, on a world without most of the other desks."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from conftest import SCALE
from dealer_limits.pseudo.desk_files import money_array
from dealer_limits.pseudo.desk_other import DESKS_AT_FULL_SCALE, FEWEST_DESKS
from dealer_limits.pseudo.desk_roster import DECOY_NAMES
from dealer_limits.pseudo.desk_treasury import TreasuryDesks, simulate_treasury_desks
from dealer_limits.pseudo.desks import DeskWorld, simulate_desk_world, write_desk_world
from dealer_limits.pseudo.firms import SAMPLE_FIRMS
from dealer_limits.pseudo.parameters import world_parameters
from dealer_limits.pseudo.world import DEFAULT_SEED

# of the world that the tests share
SEED = DEFAULT_SEED
# the text search of section 4.1.1, as the staging layer words it
TREASURY = re.compile(r"\btreasur(y|ies)\b|\bu\.?\s?s\.?\s+gov(ernmen)?t\b")
NOT_TREASURY = re.compile(
    r"non-u\.?s\.? gov|corporate treasury|treasury services|treasury and liquidity|group treasury"
)


@pytest.fixture(scope="module")
def desks() -> DeskWorld:
    return simulate_desk_world(SEED, SCALE)


@pytest.fixture(scope="module")
def treasury() -> TreasuryDesks:
    return simulate_treasury_desks(SEED, world_parameters())


@pytest.fixture(scope="module")
def latest_desks(desks: DeskWorld) -> pd.DataFrame:
    latest = desks.desks.groupby("desk_id").tail(1)
    name = latest["desk_name"].str.lower()
    text = name + " " + latest["desk_description"].str.lower()
    is_treasury = text.map(lambda words: bool(TREASURY.search(words) and not NOT_TREASURY.search(words)))
    claimed = latest["claimed_exclusions"]
    is_prime = (
        is_treasury
        & name.map(lambda words: bool(TREASURY.search(words)))
        & claimed.str.contains("trading in domestic government obligations")
        & claimed.str.contains("market making-related activity")
    )
    return latest.assign(is_treasury=is_treasury, is_prime=is_prime)


def file_digests(folder: Path, desks: DeskWorld) -> dict[str, str]:
    write_desk_world(desks, folder / "raw", folder / "truth", lambda label: None)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_same_seed_gives_same_bytes_and_another_seed_does_not(desks: DeskWorld, world: Path, tmp_path: Path) -> None:
    first = file_digests(tmp_path / "first", desks)
    other = file_digests(tmp_path / "other", simulate_desk_world(SEED + 1, SCALE))
    # those of the whole world that the tests share
    assert first == {name: hashlib.sha256((world / name).read_bytes()).hexdigest() for name in first}
    assert first.keys() == other.keys()
    # who trades what, the names of limits and the firms are the same in every world
    fixed = {"raw/fr_vv1/desks.parquet", "raw/fr_vv1/limits.parquet", "raw/reference/firms.csv"}
    assert all(first[name] != other[name] for name in first.keys() - fixed)


def test_scale_leaves_treasury_desks_as_they_are(desks: DeskWorld) -> None:
    larger = simulate_desk_world(SEED, 5 * SCALE)
    for name in ("pnl", "positions", "value_at_risk"):
        both = getattr(desks, name).merge(getattr(larger, name), on=["business_date", "desk_id"])
        column = getattr(desks, name).columns[2]
        is_treasury = both["desk_id"].isin(desks.inventory_aging["desk_id"].unique())
        assert (both[f"{column}_x"] == both[f"{column}_y"])[is_treasury].all()
    assert larger.desks["desk_id"].nunique() > desks.desks["desk_id"].nunique()


def test_text_search_finds_40_treasury_desks_18_of_them_prime_at_10_firms(latest_desks: pd.DataFrame) -> None:
    assert latest_desks["is_treasury"].sum() == 40
    prime = latest_desks[latest_desks["is_prime"]]
    assert len(prime) == 18
    assert set(prime["rssd_id"]) == {firm.rssd_id for firm in SAMPLE_FIRMS}


def test_nearly_matching_names_are_there_and_are_not_treasury_desks(latest_desks: pd.DataFrame) -> None:
    decoys = latest_desks[latest_desks["desk_name"].isin([name for name, _, _ in DECOY_NAMES])]
    assert len(decoys) == FEWEST_DESKS
    assert not decoys["is_treasury"].any()


def test_full_scale_has_at_least_250_desks_without_treasuries() -> None:
    assert DESKS_AT_FULL_SCALE >= 250


def test_12_prime_desks_have_usage_on_2020_03_13(treasury: TreasuryDesks) -> None:
    usage = treasury.usage[treasury.days == "2020-03-13", :18]
    assert np.isfinite(usage).sum() == 12


def test_every_firm_has_usage_on_each_day_of_the_event_window(desks: DeskWorld) -> None:
    window = desks.firm_usage.loc["2020-03-02":"2020-06-30"]
    assert list(window.columns) == sorted(firm.rssd_id for firm in SAMPLE_FIRMS)
    assert len(window) == 85
    assert window.notna().all(axis=None)


def test_volatility_and_usage_peak_in_march_2020(desks: DeskWorld, treasury: TreasuryDesks) -> None:
    peak = desks.move.loc[desks.move["move"].idxmax(), "date"]
    assert (peak.year, peak.month) == (2020, 3)
    usage = pd.DataFrame(treasury.usage[:, :18], index=treasury.days).mean(axis=1)
    assert usage.resample("MS").mean().idxmax() == pd.Timestamp("2020-03-01")


def test_comprehensive_pnl_is_the_sum_of_its_parts(desks: DeskWorld) -> None:
    cents = (desks.pnl.filter(like="pnl_") * 100).round().astype("int64")
    parts = cents[["pnl_existing_positions", "pnl_new_positions", "pnl_residual"]].sum(axis=1)
    assert (cents["pnl_comprehensive"] == parts).all()


def test_inventory_of_all_ages_is_the_position(desks: DeskWorld) -> None:
    aging = desks.inventory_aging.query("side == 'assets' and instrument == 'securities'")
    total = (aging["value"] * 100).round().groupby([aging["business_date"], aging["desk_id"]], observed=True)
    both = desks.positions.join(total.sum().rename("aged"), on=["business_date", "desk_id"], how="inner")
    assert len(both) > 30_000
    assert (both["aged"] == (both["securities_long"] * 100).round()).all()
    assert (desks.inventory_aging["value"] >= 0).all()


def test_no_row_outside_a_desk_s_valid_days(desks: DeskWorld) -> None:
    spells = desks.desks[["desk_id", "valid_from", "valid_to"]]
    for name in ("positions", "pnl", "value_at_risk", "transactions"):
        keys = getattr(desks, name)[["business_date", "desk_id"]].drop_duplicates()
        inside = keys.merge(spells, on="desk_id")
        inside = inside[
            (inside["business_date"] >= inside["valid_from"]) & ~(inside["business_date"] > inside["valid_to"])
        ]
        assert len(inside) == len(keys)


def test_two_prime_desks_end_and_come_back(desks: DeskWorld, latest_desks: pd.DataFrame) -> None:
    prime = latest_desks.loc[latest_desks["is_prime"], "desk_id"]
    rows = desks.desks[desks.desks["desk_id"].isin(prime)]
    gap = rows["valid_from"] - rows.groupby("desk_id")["valid_to"].shift()
    assert (gap > pd.Timedelta(days=60)).sum() == 2


def test_each_desk_has_a_var_limit_whose_usage_is_its_var(desks: DeskWorld) -> None:
    usage = desks.limit_usage.merge(desks.limits[["limit_id", "limit_name"]], on="limit_id")
    usage = usage[usage["limit_name"].str.contains(r"\bVaR\b", case=False, regex=True)]
    usage = usage.merge(desks.value_at_risk, on=["business_date", "desk_id"])
    usage = usage[usage["var_99_1d"] > 0]
    gap = (usage["usage_value"] / usage["var_99_1d"] - 1).abs()
    median = gap.groupby([usage["desk_id"].astype(str), usage["limit_id"].astype(str)]).median()
    matching = (median < 0.01).groupby("desk_id").sum()
    assert set(matching) == {1, 2}
    # one desk's limit has a new id from a day in 2018 on
    assert (matching == 2).sum() == 1
    assert (median > 0.1).sum() > 0


def test_eleven_prime_desks_have_a_dv01_limit(desks: DeskWorld, latest_desks: pd.DataFrame) -> None:
    names = desks.limits.set_index("limit_id")["limit_name"]
    pairs = desks.limit_usage[["desk_id", "limit_id"]].drop_duplicates()
    has_dv01 = pairs["limit_id"].astype(str).map(names).str.contains(r"\b(?:DV01|PV01)\b", regex=True)
    prime = latest_desks.loc[latest_desks["is_prime"], "desk_id"]
    assert len(set(pairs.loc[has_dv01, "desk_id"]) & set(prime)) == 11


def test_leverage_ratio_is_tier_1_over_exposure(desks: DeskWorld) -> None:
    table = desks.fr_y9c[["BHCAH036", "BHCA8274", "BHCALE88"]].replace("--------", None).dropna()
    numbers = table.astype(float)
    ratio = 100 * numbers["BHCA8274"] / numbers["BHCALE88"]
    assert (ratio - numbers["BHCAH036"]).abs().max() <= 0.5001e-4
    assert len(numbers) < 13 * 21


def test_money_keeps_cents_signs_and_large_amounts() -> None:
    dollars = np.array([0.01, -0.01, -123456.78, 18_000_000_000_000.25, 0.0])
    expected = pa.array(["0.01", "-0.01", "-123456.78", "18000000000000.25", "0.00"]).cast(pa.decimal128(18, 2))
    assert money_array(dollars).equals(expected)
