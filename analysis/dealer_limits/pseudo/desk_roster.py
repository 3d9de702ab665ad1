"""Who trades Treasuries: 18 prime desks and 22 further desks that list Treasuries in their description.

The cross-section is written out rather than drawn: sizes follow the quartiles of Table 1(a) and the spells
follow the numbers of observations of Tables 2, 4 and 9, so that no seed moves them.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    usage: typical VaR limit usage. matched: spans in which long equals short to the cent (a matched book).
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
    matched: tuple[Span, ...] = ()
    flat_var: tuple[Span, ...] = ()
    positions_from: str | None = None
    var_from: str | None = None
    former_name: str | None = None
    former_exclusions: str | None = None


def _prime(mpid: str, name: str, sizes: tuple[float, ...], spells: tuple[Span, ...], **others) -> TreasuryDesk:
    description = others.pop(
        "description", "Makes markets in nominal Treasury bills, notes and bonds, with futures as hedges."
    )
    exclusions = others.pop("exclusions", PRIME_EXCLUSIONS)
    return TreasuryDesk(mpid, name, description, exclusions, *sizes, spells=spells, is_prime=True, **others)


def _broad(
    mpid: str, name: str, description: str, exclusions: str,
    sizes: tuple[float, ...], spells: tuple[Span, ...],
    **others,
) -> TreasuryDesk:  # fmt: skip
    return TreasuryDesk(mpid, name, description, exclusions, *sizes, spells=spells, **others)


WHOLE: tuple[Span, ...] = (("2014-07-21", None),)

# sizes: VaR limit (mn), usage, securities gross, securities net, derivatives gross, combined net (bn)
PRIME_DESKS: tuple[TreasuryDesk, ...] = (
    _prime("ALDR", "U.S. Treasury Trading", (25, 0.28, 100, 12, 8000, 60), WHOLE, has_dv01_limit=True),
    _prime(
        "ALDR", "Treasury Off-the-Run Market Making", (10, 0.20, 22, 2.4, 900, 12),
        (("2019-03-01", "2020-03-31"),), has_dv01_limit=True,
    ),
    _prime("ALDR", "US  TREASURIES - ELECTRONIC", (10, 0.30, 30, 3.5, 2500, 30), (("2021-05-03", None),)),
    _prime(
        "BRCK", "US Government Bond Trading", (20, 0.33, 80, 9, 12000, 200), WHOLE,
        has_dv01_limit=True, description="Client facilitation in U.S. Government bonds, STRIPS and futures.",
    ),
    _prime(
        "BRCK", "Treasury Bills and Coupons Trading", (10, 0.24, 16, 1.8, 4000, 25),
        (("2014-07-21", "2016-06-30"),), has_dv01_limit=True,
    ),
    _prime("CALW", "UST  treasury market making", (10, 0.31, 18, 2.4, 80, 3.0), WHOLE, has_dv01_limit=True),
    _prime("CALW", "Long-End Treasury Trading", (8, 0.22, 16, 1.8, 40, 1.6), (("2014-07-21", "2018-05-31"),)),
    _prime(
        "DNMR", "Treasuries", (10, 0.36, 14, 2.0, 400, 6), (("2014-07-21", "2022-06-30"),),
        has_dv01_limit=True, exclusions=f"{PRIME_EXCLUSIONS}; {UNDERWRITING}",
    ),
    _prime(
        "DNMR", "US Govt Inflation-Linked Trading", (4, 0.25, 4, 0.5, 12, 0.5),
        (("2014-07-21", "2015-11-30"),),
    ),
    _prime(
        "EAST", "U.S. Treasury Market Making", (15, 0.26, 50, 7, 5000, 45),
        (("2014-07-21", "2018-01-31"), ("2018-07-02", None)), has_dv01_limit=True,
    ),
    _prime(
        "EAST", "Treasury Relative Value Trading", (5, 0.17, 10, 1.2, 40, 1.5),
        (("2014-07-21", "2015-10-30"), ("2020-02-24", "2020-03-31")), has_dv01_limit=True,
    ),
    _prime("EAST", "U.S. Government Agency and Treasury", (10, 0.27, 24, 3, 500, 8), (("2021-02-01", None),)),
    _prime(
        "FRLH", "U S Government Securities Trading", (10, 0.30, 5, 0.7, 14, 0.6), (("2016-11-01", None),),
        has_dv01_limit=True, former_name="Rates Flow Trading",
    ),
    _prime(
        "FRLH", "Treasury Trading New York", (5, 0.29, 4, 0.5, 12, 0.5), (("2014-07-21", "2015-12-31"),),
    ),
    _prime(
        "GLCN", "treasury cash and futures", (8, 0.33, 20, 2.8, 3000, 35),
        (("2018-03-01", None),), has_dv01_limit=True,
    ),
    _prime(
        "HLVA", "U.S. Treasury Flow Trading", (6, 0.22, 6, 0.8, 14, 0.6), (("2018-07-02", "2021-07-30"),),
        has_dv01_limit=True,
    ),
    _prime(
        "IBUS", "US Treasury and Agency Trading", (5, 0.085, 8, 0.9, 30, 1.1),
        (("2020-02-03", "2020-06-30"),),
    ),
    _prime("JTLD", "US TREASURY TRADING", (4, 0.37, 4, 0.6, 12, 0.5), (("2020-02-18", "2020-06-30"),)),
)  # fmt: skip

BROAD_DESKS: tuple[TreasuryDesk, ...] = (
    _broad(
        "ALDR", "US Treasury Repo", "Finances client positions in U.S. Treasuries under repo.",
        DOMESTIC_GOVERNMENT, (5, 0.18, 150, 45, 40, 12),
        (("2016-01-04", None),), matched=(("2016-01-04", "2021-12-31"),),
    ),
    _broad(
        "ALDR", "Rates Hedging", "Hedges structured rates with Treasuries and swaps.",
        RISK_MITIGATING_HEDGING, (15, 0.30, 3, 0.8, 18000, 4000), (("2014-07-21", "2018-09-28"),),
    ),
    _broad(
        "BRCK", "Treasury Futures Arbitrage", "Cash and futures basis in Treasury notes and bonds.",
        MARKET_MAKING, (8, 0.35, 24, 7, 700, 9), (("2017-06-01", "2021-06-30"),),
    ),
    _broad(
        "BRCK", "Municipal Bonds", "Municipal bonds; hedged with Treasury securities.",
        f"{DOMESTIC_GOVERNMENT}; {MARKET_MAKING}; {UNDERWRITING}", (4, 0.17, 2.2, 0.7, 6, 0.5),
        (("2016-01-04", None),),
        var_from="2019-01-02", matched=(("2021-07-01", None),),
    ),
    _broad(
        "BRCK", "Interest Rate Swaps", "Swaps and swaptions; Treasuries held against them.",
        MARKET_MAKING, (50, 0.36, 26, 14, 14000, 900), WHOLE,
    ),
    _broad(
        "CALW", "Investment Grade Credit", "Corporate bonds; hedges in U.S. Treasuries.",
        MARKET_MAKING, (15, 0.30, 7, 2.5, 3, 1.5), (("2014-07-21", "2018-03-29"),),
    ),
    _broad(
        "CALW", "Matched Book Financing", "Repo and reverse repo against Treasury collateral.",
        f"{DOMESTIC_GOVERNMENT}; {LIQUIDITY_MANAGEMENT}", (2, 0.12, 70, 5, 10, 1.5), (("2016-07-01", None),),
        matched=(("2016-07-01", None),),
    ),
    _broad(
        "DNMR", "Mortgage Hedging", "Duration hedges in Treasury futures and notes.",
        RISK_MITIGATING_HEDGING, (10, 0.24, 5, 2.2, 350, 14), (("2014-07-21", "2017-12-29"),),
        flat_var=(("2017-05-01", "2017-12-29"),),
    ),
    _broad(
        "DNMR", "High Yield Credit", "High-yield bonds and loans; Treasury hedges.",
        MARKET_MAKING, (5, 0.20, 1.2, 0.35, 12, 0.4), (("2016-03-01", "2023-03-31"),),
        positions_from="2018-10-01", var_from="2018-10-01",
    ),
    _broad(
        "DNMR", "US Government Repo Client Financing", "Term financing in US Government collateral.",
        DOMESTIC_GOVERNMENT, (3, 0.15, 45, 3, 8, 0.9), (("2014-07-21", "2019-12-31"),),
        matched=(("2015-01-01", "2019-06-28"),),
        former_exclusions=PRIME_EXCLUSIONS,
    ),
    _broad(
        "EAST", "Rates Options", "Options on Treasury futures and swaptions.",
        MARKET_MAKING, (35, 0.36, 8, 3, 6000, 150), (("2018-01-02", None),),
    ),
    _broad(
        "EAST", "Short-Term Funding", "Bills, commercial paper and Treasury repo.",
        LIQUIDITY_MANAGEMENT, (4, 0.14, 30, 14, 4, 9), (("2014-07-21", "2018-06-29"),),
        matched=(("2015-01-01", "2016-12-30"),),
    ),
    _broad(
        "FRLH", "Structured Rates", "Structured notes; risk laid off in treasuries and swaps.",
        MARKET_MAKING, (12, 0.27, 2.2, 0.8, 4500, 40), (("2014-07-21", "2016-12-30"), ("2019-02-01", None)),
        matched=(("2022-01-03", None),),
    ),
    _broad(
        "FRLH", "Taxable Municipals", "Taxable municipals, spread against U.S. Treasury notes.",
        f"{DOMESTIC_GOVERNMENT}; {MARKET_MAKING}", (3, 0.17, 1.5, 0.5, 3, 0.3),
        (("2017-01-03", "2022-12-30"),),
        matched=(("2017-01-03", "2020-12-31"),),
    ),
    _broad(
        "FRLH", "Agency Debt", "Agency debentures with Treasury hedges.",
        f"{DOMESTIC_GOVERNMENT}; {MARKET_MAKING}", (8, 0.26, 6, 2.4, 3, 1.5), (("2014-07-21", "2017-06-30"),),
    ),
    _broad(
        "GLCN", "Treasury Derivatives Clearing", "Clears client Treasury futures and options.",
        MARKET_MAKING, (5, 0.20, 1, 0.2, 4200, 30), (("2014-07-21", "2018-03-30"),),
    ),
    _broad(
        "GLCN", "Inflation Derivatives", "Inflation swaps against Treasury TIPS.",
        MARKET_MAKING, (10, 0.31, 20, 7, 800, 16),
        (("2015-10-01", None),), matched=(("2015-10-01", "2016-12-30"),),
    ),
    _broad(
        "GLCN", "CLO and ABS Trading", "Securitised products; hedged with Treasuries.",
        MARKET_MAKING, (8, 0.26, 4, 1.3, 5, 0.6), (("2018-04-02", None),),
        positions_from="2019-10-01", var_from="2019-10-01", flat_var=(("2019-10-01", "2020-01-31"),),
    ),
    _broad(
        "HLVA", "Global Rates Basis", "Cross-market basis between swaps and U.S. Government bonds.",
        f"{MARKET_MAKING}; {FOREIGN_GOVERNMENT}", (12, 0.29, 14, 5, 2200, 35),
        (("2018-01-02", "2021-12-31"),),
    ),
    _broad(
        "HLVA", "Collateral Optimisation", "Places Treasury collateral with clearing houses.",
        LIQUIDITY_MANAGEMENT, (2, 0.17, 0.8, 0.15, 1.5, 0.2), (("2017-07-03", "2023-03-31"),),
        matched=(("2017-07-03", None),),
    ),
    _broad(
        "IBUS", "New York Branch Liquidity", "Liquid-asset buffer of Treasury bills and notes.",
        LIQUIDITY_MANAGEMENT, (6, 0.2, 6, 2.4, 2, 1.1), (("2016-07-01", "2021-04-30"),),
        positions_from="2018-07-02", var_from="2018-07-02", matched=(("2019-07-01", "2021-04-30"),),
    ),
    _broad(
        "JTLD", "Credit Derivatives", "Index and single-name credit; Treasury hedges.",
        MARKET_MAKING, (5, 0.18, 0.6, 0.18, 700, 5), (("2018-07-02", "2022-06-30"),),
        matched=(("2019-07-01", "2022-06-30"),),
    ),
)  # fmt: skip

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
