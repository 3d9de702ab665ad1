"""Who trades Treasuries: 18 prime desks and 22 further desks that list Treasuries in their description.

The cross-section is written out rather than drawn: sizes (`desk_sizes.csv`, fitted) follow Table 1(a) and the spells
follow the numbers of observations of Tables 2, 4 and 9, so that no seed moves them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

DOMESTIC_GOVERNMENT = "trading in domestic government obligations"
MARKET_MAKING = "market making-related activity"
RISK_MITIGATING_HEDGING = "risk-mitigating hedging"
UNDERWRITING = "underwriting activity"
LIQUIDITY_MANAGEMENT = "liquidity management"
FOREIGN_GOVERNMENT = "trading in foreign government obligations"

PRIME_EXCLUSIONS = f"{DOMESTIC_GOVERNMENT}; {MARKET_MAKING}"

Span = tuple[str, str | None]  # first and last day, both included; None is open


@dataclass(frozen=True)
class TreasuryDesk:
    """A desk that trades Treasuries; `*_bn` are typical sizes in $ billions, `limit_mn` is in $ millions.

    spells: when the desk exists, one span per row that it has in the desks table.
    usage: typical VaR limit usage. volatility: of the log net securities position, relative to other prime desks.
    matched: spans in which long equals short to the cent (a matched book).
    flat_var: spans in which the reported VaR is exactly zero.
    positions_from, var_from: first day with positions (VaR, limits); P&L starts with the desk.
    former_name, former_exclusions: what the first row says where it differs from the latest.
    """

    mpid: str
    name: str
    description: str
    exclusions: str
    limit_mn: float
    usage: float
    securities_gross_bn: float
    securities_net_bn: float
    derivatives_gross_bn: float
    net_bn: float
    spells: tuple[Span, ...]
    is_prime: bool = False
    has_dv01_limit: bool = False
    volatility: float = 1.0
    matched: tuple[Span, ...] = ()
    flat_var: tuple[Span, ...] = ()
    positions_from: str | None = None
    var_from: str | None = None
    former_name: str | None = None
    former_exclusions: str | None = None


def _sizes() -> dict[tuple[str, str], tuple[float, ...]]:
    """By dealer and name: VaR limit, usage, gross and net securities, gross derivatives, combined net."""
    text = files(__package__).joinpath("desk_sizes.csv").read_text(encoding="utf-8")
    _, *rows = csv.reader(text.splitlines())
    return {(mpid, name): tuple(map(float, sizes)) for mpid, name, *sizes in rows}


_SIZES = _sizes()


def _prime(mpid: str, name: str, spells: tuple[Span, ...], **others) -> TreasuryDesk:
    description = others.pop(
        "description", "Makes markets in nominal Treasury bills, notes and bonds, with futures as hedges."
    )
    exclusions = others.pop("exclusions", PRIME_EXCLUSIONS)
    return TreasuryDesk(
        mpid, name, description, exclusions, *_SIZES[mpid, name], spells=spells, is_prime=True, **others
    )


def _broad(mpid: str, name: str, description: str, exclusions: str, spells: tuple[Span, ...], **others) -> TreasuryDesk:
    return TreasuryDesk(mpid, name, description, exclusions, *_SIZES[mpid, name], spells=spells, **others)


WHOLE: tuple[Span, ...] = (("2014-07-21", None),)

PRIME_DESKS: tuple[TreasuryDesk, ...] = (
    _prime("ALDR", "U.S. Treasury Trading", WHOLE, has_dv01_limit=True, volatility=0.1),
    _prime(
        "ALDR",
        "Treasury Off-the-Run Market Making",
        (("2019-03-01", "2020-03-31"),),
        has_dv01_limit=True,
    ),
    _prime("ALDR", "US  TREASURIES - ELECTRONIC", (("2021-05-03", None),)),
    _prime(
        "BRCK",
        "US Government Bond Trading",
        WHOLE,
        has_dv01_limit=True,
        volatility=0.1,
        description="Client facilitation in U.S. Government bonds, STRIPS and futures.",
    ),
    _prime(
        "BRCK",
        "Treasury Bills and Coupons Trading",
        (("2014-07-21", "2016-06-30"),),
        has_dv01_limit=True,
    ),
    _prime("CALW", "UST  treasury market making", WHOLE, has_dv01_limit=True),
    _prime("CALW", "Long-End Treasury Trading", (("2014-07-21", "2018-05-31"),)),
    _prime(
        "DNMR",
        "Treasuries",
        (("2014-07-21", "2022-06-30"),),
        has_dv01_limit=True,
        exclusions=f"{PRIME_EXCLUSIONS}; {UNDERWRITING}",
    ),
    _prime(
        "DNMR",
        "US Govt Inflation-Linked Trading",
        (("2014-07-21", "2015-11-30"),),
    ),
    _prime(
        "EAST",
        "U.S. Treasury Market Making",
        (("2014-07-21", "2018-01-31"), ("2018-07-02", None)),
        has_dv01_limit=True,
        volatility=0.1,
    ),
    _prime(
        "EAST",
        "Treasury Relative Value Trading",
        (("2014-07-21", "2015-10-30"), ("2020-02-24", "2020-03-31")),
        has_dv01_limit=True,
    ),
    _prime("EAST", "U.S. Government Agency and Treasury", (("2021-02-01", None),)),
    _prime(
        "FRLH",
        "U S Government Securities Trading",
        (("2016-11-01", None),),
        has_dv01_limit=True,
        former_name="Rates Flow Trading",
    ),
    _prime(
        "FRLH",
        "Treasury Trading New York",
        (("2014-07-21", "2015-12-31"),),
    ),
    _prime(
        "GLCN",
        "treasury cash and futures",
        (("2018-03-01", None),),
        has_dv01_limit=True,
    ),
    _prime(
        "HLVA",
        "U.S. Treasury Flow Trading",
        (("2018-07-02", "2021-07-30"),),
        has_dv01_limit=True,
    ),
    _prime(
        "IBUS",
        "US Treasury and Agency Trading",
        (("2020-02-03", "2020-06-30"),),
    ),
    _prime("JTLD", "US TREASURY TRADING", (("2020-02-18", "2020-06-30"),)),
)

BROAD_DESKS: tuple[TreasuryDesk, ...] = (
    _broad(
        "ALDR",
        "US Treasury Repo",
        "Finances client positions in U.S. Treasuries under repo.",
        DOMESTIC_GOVERNMENT,
        (("2016-01-04", None),),
        matched=(("2016-01-04", "2021-12-31"),),
    ),
    _broad(
        "ALDR",
        "Rates Hedging",
        "Hedges structured rates with Treasuries and swaps.",
        RISK_MITIGATING_HEDGING,
        (("2014-07-21", "2018-09-28"),),
    ),
    _broad(
        "BRCK",
        "Treasury Futures Arbitrage",
        "Cash and futures basis in Treasury notes and bonds.",
        MARKET_MAKING,
        (("2017-06-01", "2021-06-30"),),
    ),
    _broad(
        "BRCK",
        "Municipal Bonds",
        "Municipal bonds; hedged with Treasury securities.",
        f"{DOMESTIC_GOVERNMENT}; {MARKET_MAKING}; {UNDERWRITING}",
        (("2016-01-04", None),),
        var_from="2019-01-02",
        matched=(("2021-07-01", None),),
    ),
    _broad(
        "BRCK",
        "Interest Rate Swaps",
        "Swaps and swaptions; Treasuries held against them.",
        MARKET_MAKING,
        WHOLE,
    ),
    _broad(
        "CALW",
        "Investment Grade Credit",
        "Corporate bonds; hedges in U.S. Treasuries.",
        MARKET_MAKING,
        (("2014-07-21", "2018-03-29"),),
    ),
    _broad(
        "CALW",
        "Matched Book Financing",
        "Repo and reverse repo against Treasury collateral.",
        f"{DOMESTIC_GOVERNMENT}; {LIQUIDITY_MANAGEMENT}",
        (("2016-07-01", None),),
        matched=(("2016-07-01", None),),
    ),
    _broad(
        "DNMR",
        "Mortgage Hedging",
        "Duration hedges in Treasury futures and notes.",
        RISK_MITIGATING_HEDGING,
        (("2014-07-21", "2017-12-29"),),
        flat_var=(("2017-05-01", "2017-12-29"),),
    ),
    _broad(
        "DNMR",
        "High Yield Credit",
        "High-yield bonds and loans; Treasury hedges.",
        MARKET_MAKING,
        (("2016-03-01", "2023-03-31"),),
        positions_from="2018-10-01",
        var_from="2018-10-01",
    ),
    _broad(
        "DNMR",
        "US Government Repo Client Financing",
        "Term financing in US Government collateral.",
        DOMESTIC_GOVERNMENT,
        (("2014-07-21", "2019-12-31"),),
        matched=(("2015-01-01", "2019-06-28"),),
        former_exclusions=PRIME_EXCLUSIONS,
    ),
    _broad(
        "EAST",
        "Rates Options",
        "Options on Treasury futures and swaptions.",
        MARKET_MAKING,
        (("2018-01-02", None),),
    ),
    _broad(
        "EAST",
        "Short-Term Funding",
        "Bills, commercial paper and Treasury repo.",
        LIQUIDITY_MANAGEMENT,
        (("2014-07-21", "2018-06-29"),),
        matched=(("2015-01-01", "2016-12-30"),),
    ),
    _broad(
        "FRLH",
        "Structured Rates",
        "Structured notes; risk laid off in treasuries and swaps.",
        MARKET_MAKING,
        (("2014-07-21", "2016-12-30"), ("2019-02-01", None)),
        matched=(("2022-01-03", None),),
    ),
    _broad(
        "FRLH",
        "Taxable Municipals",
        "Taxable municipals, spread against U.S. Treasury notes.",
        f"{DOMESTIC_GOVERNMENT}; {MARKET_MAKING}",
        (("2017-01-03", "2022-12-30"),),
        matched=(("2017-01-03", "2020-12-31"),),
    ),
    _broad(
        "FRLH",
        "Agency Debt",
        "Agency debentures with Treasury hedges.",
        f"{DOMESTIC_GOVERNMENT}; {MARKET_MAKING}",
        (("2014-07-21", "2017-06-30"),),
    ),
    _broad(
        "GLCN",
        "Treasury Derivatives Clearing",
        "Clears client Treasury futures and options.",
        MARKET_MAKING,
        (("2014-07-21", "2018-03-30"),),
    ),
    _broad(
        "GLCN",
        "Inflation Derivatives",
        "Inflation swaps against Treasury TIPS.",
        MARKET_MAKING,
        (("2015-10-01", None),),
        matched=(("2015-10-01", "2016-12-30"),),
    ),
    _broad(
        "GLCN",
        "CLO and ABS Trading",
        "Securitised products; hedged with Treasuries.",
        MARKET_MAKING,
        (("2018-04-02", None),),
        positions_from="2019-10-01",
        var_from="2019-10-01",
        flat_var=(("2019-10-01", "2020-01-31"),),
    ),
    _broad(
        "HLVA",
        "Global Rates Basis",
        "Cross-market basis between swaps and U.S. Government bonds.",
        f"{MARKET_MAKING}; {FOREIGN_GOVERNMENT}",
        (("2018-01-02", "2021-12-31"),),
    ),
    _broad(
        "HLVA",
        "Collateral Optimisation",
        "Places Treasury collateral with clearing houses.",
        LIQUIDITY_MANAGEMENT,
        (("2017-07-03", "2023-03-31"),),
        matched=(("2017-07-03", None),),
    ),
    _broad(
        "IBUS",
        "New York Branch Liquidity",
        "Liquid-asset buffer of Treasury bills and notes.",
        LIQUIDITY_MANAGEMENT,
        (("2016-07-01", "2021-04-30"),),
        positions_from="2018-07-02",
        var_from="2018-07-02",
        matched=(("2019-07-01", "2021-04-30"),),
    ),
    _broad(
        "JTLD",
        "Credit Derivatives",
        "Index and single-name credit; Treasury hedges.",
        MARKET_MAKING,
        (("2018-07-02", "2022-06-30"),),
        matched=(("2019-07-01", "2022-06-30"),),
    ),
)

TREASURY_DESKS: tuple[TreasuryDesk, ...] = PRIME_DESKS + BROAD_DESKS

# Names of desks that trade no Treasuries; the last line nearly matches the text search and must not.
OTHER_NAMES: tuple[tuple[str, str, str], ...] = (
    ("Cash Equities", "Market making in listed shares.", MARKET_MAKING),
    ("Equity Derivatives", "Options and swaps on shares and indices.", MARKET_MAKING),
    ("Delta One", "Index swaps, exchange-traded funds and futures.", MARKET_MAKING),
    ("Prime Brokerage", "Financing of hedge fund clients.", RISK_MITIGATING_HEDGING),
    ("FX Spot", "Spot foreign exchange with clients.", MARKET_MAKING),
    ("FX Options", "Currency options, vanilla and exotic.", MARKET_MAKING),
    ("Emerging Markets Rates", "Local-currency bonds and swaps.", f"{MARKET_MAKING}; {FOREIGN_GOVERNMENT}"),
    ("Agency MBS", "Pass-throughs, TBA and CMO.", MARKET_MAKING),
    ("Non-Agency MBS", "Residential mortgage bonds without agency guarantee.", MARKET_MAKING),
    ("CMBS", "Commercial mortgage bonds.", f"{MARKET_MAKING}; {UNDERWRITING}"),
    ("Distressed Credit", "Loans and bonds in default.", MARKET_MAKING),
    ("Convertible Bonds", "Convertibles against shares.", MARKET_MAKING),
    ("Natural Gas", "Physical and financial gas.", MARKET_MAKING),
    ("Power and Emissions", "Electricity and allowances.", MARKET_MAKING),
    ("Metals", "Base and precious metals.", MARKET_MAKING),
    ("Oil and Products", "Crude oil and refined products.", MARKET_MAKING),
    ("Counterparty Valuation Adjustment", "Hedges of counterparty exposure.", RISK_MITIGATING_HEDGING),
    ("European Credit", "Euro and sterling corporate bonds.", MARKET_MAKING),
    ("Leveraged Loans", "Syndicated loans, secondary.", f"{MARKET_MAKING}; {UNDERWRITING}"),
    ("Equity Syndicate", "New issues of shares.", UNDERWRITING),
)

DECOY_NAMES: tuple[tuple[str, str, str], ...] = (
    ("Corporate Treasury", "Funding and liquidity of the holding company.", LIQUIDITY_MANAGEMENT),
    ("Non-U.S. Government Bonds", "Bunds, gilts and government bonds of Japan.", FOREIGN_GOVERNMENT),
    ("Treasurer's Office Hedging", "Hedges of the banking book.", RISK_MITIGATING_HEDGING),
    ("Group Treasury Funding", "Unsecured funding for the group.", LIQUIDITY_MANAGEMENT),
    ("Treasury Services FX", "Currency payments for corporate clients.", MARKET_MAKING),
    ("UK Gilts & Foreign Government", "Gilts and other foreign government bonds.", FOREIGN_GOVERNMENT),
)
