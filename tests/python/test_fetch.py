"""Public files by command, from a server on this machine that has the faults of the public ones."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import socket
import stat
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import public_server
from dealer_limits.cli import app
from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.fetch import Patience, fetch_files
from dealer_limits.sources.ledger import Ledger
from dealer_limits.sources.public_files import Window, plan_files
from public_server import PublicServer

PACKAGE = Path(__file__).parents[2] / "analysis/dealer_limits"
WINDOW = Window(date(2020, 3, 1), date(2020, 4, 30))
SOMA, YIELDS, AUCTIONS = "details/search.json", "fredgraph.csv", "auctions_query"
HTTP = {
    "aiohttp",
    "ftplib",
    "http",
    "httpx",
    "httpcore",
    "pycurl",
    "requests",
    "socket",
    "ssl",
    "urllib3",
    "websockets",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PublicServer]:
    # a proxy of the machine's would be asked for 127.0.0.1 too
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for source in ("SOMA", "FR_Y9C", "MARKET"):
        monkeypatch.delenv(f"RAW_DATA_{source}", raising=False)
    with public_server.public_server() as server:
        yield server


def fetch(server: PublicServer, raw: Path, *sources: str, window: Window = WINDOW, attempts: int = 4) -> str:
    """What is printed."""
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    try:
        fetch_files(window, sources, raw, console, server.url, Patience(attempts, 0.01))
    finally:
        text = console.export_text()
    return text


def files(raw: Path) -> dict[str, bytes]:
    return {str(path.relative_to(raw)): path.read_bytes() for path in raw.rglob("*") if path.is_file()}


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["fetch", *arguments])


def test_what_is_fetched_passes_the_check_of_raw_files(server: PublicServer, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    fetch(server, raw)

    assert sorted(files(raw)) == [
        "fetched.json",
        "fr_y9c/BHCF20191231.zip",
        "fr_y9c/BHCF20200331.zip",
        "market/DGS10.csv",
        "market/treasury_auctions.csv",
        "soma/treasury_operations_2020-03-01_2020-03-31.json",
        "soma/treasury_operations_2020-04-01_2020-04-30.json",
    ]
    assert not (raw / ".fetching").exists()
    ledger = Ledger(tmp_path / "build", {"RAW_DATA": str(raw)})
    tables = ["soma.operations", "soma.operation_details", "fr_y9c.bulk"]
    ledger.inspect([*tables, "market.treasury_yields", "market.treasury_securities"])
    rows = {(entry.table, entry.name): entry.scan.rows for table in tables for entry in ledger.entries(table)}
    assert sorted(rows.values()) == [1] * 6
    with (raw / "market/treasury_auctions.csv").open() as file:
        auctions = list(csv.DictReader(file))
    assert [(row["Security Type"], row["Price per $100"]) for row in auctions] == [
        ("Note", "99.25"),
        ("TIPS", ""),
        ("CMB", ""),
    ]


def test_manifest_has_the_digest_of_every_file(server: PublicServer, tmp_path: Path) -> None:
    fetch(server, tmp_path)

    entries = json.loads((tmp_path / "fetched.json").read_text())["files"]
    assert {name: entry["sha256"] for name, entry in entries.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files(tmp_path).items() if name != "fetched.json"
    }


def test_second_time_nothing_is_asked_for(server: PublicServer, tmp_path: Path) -> None:
    fetch(server, tmp_path)
    before = files(tmp_path)
    server.requests.clear()

    fetch(server, tmp_path)

    assert server.requests == []
    assert files(tmp_path) == before


def test_file_that_someone_else_put_there_stays(server: PublicServer, tmp_path: Path) -> None:
    fetch(server, tmp_path, "market")
    own = tmp_path / "market/DGS10.csv"
    own.write_text("observation_date,DGS10\n1962-01-02,4.06\n")
    server.requests.clear()

    printed = fetch(server, tmp_path, "market")

    assert own.read_text().endswith("4.06\n")
    assert "market/DGS10.csv is yours and stays" in printed
    assert server.requests == []


def test_file_that_holds_a_whole_table_is_fetched_anew_for_both_windows(server: PublicServer, tmp_path: Path) -> None:
    fetch(server, tmp_path, "market")
    fetch(server, tmp_path, "market", window=Window(date(2021, 1, 1), date(2021, 1, 31)))

    assert (tmp_path / "market/DGS10.csv").read_text().split()[1:] == ["2020-03-01,1.10", "2021-01-31,1.10"]


def test_body_that_breaks_off_is_gone_on_with(server: PublicServer, tmp_path: Path) -> None:
    server.faults[SOMA] = [public_server.DROP]

    fetch(server, tmp_path, "soma")

    first, rest, _ = server.asked(SOMA)
    assert "Range" not in first
    assert rest["If-Range"] == '"1"'
    # what had come was half of it
    assert int(rest["Range"].removeprefix("bytes=").removesuffix("-")) > 50_000
    json.loads((tmp_path / "soma/treasury_operations_2020-03-01_2020-03-31.json").read_bytes())


@pytest.mark.parametrize("fault", [public_server.IGNORE_RANGE, public_server.OTHER_RANGE])
def test_body_is_whole_where_the_range_is_not_what_was_asked_for(
    server: PublicServer, tmp_path: Path, fault: str
) -> None:
    server.faults[SOMA] = [public_server.DROP, fault]

    fetch(server, tmp_path, "soma")

    name = "soma/treasury_operations_2020-03-01_2020-03-31.json"
    assert files(tmp_path)[name] == public_server.body_of(server.requests[0][0])[1]


def test_next_run_goes_on_where_the_last_was_broken_off(server: PublicServer, tmp_path: Path) -> None:
    server.faults[SOMA] = [public_server.DROP]
    with pytest.raises(DealerLimitsError, match="the connection broke 1 times"):
        fetch(server, tmp_path, "soma", window=Window(date(2020, 3, 1), date(2020, 3, 31)), attempts=1)
    assert not list(tmp_path.glob("soma/*"))

    fetch(server, tmp_path, "soma", window=Window(date(2020, 3, 1), date(2020, 3, 31)))

    assert "Range" in server.asked(SOMA)[-1]
    assert [path.name for path in tmp_path.glob("soma/*")] == ["treasury_operations_2020-03-01_2020-03-31.json"]


def test_busy_server_is_asked_again_after_the_pause_that_it_asks_for(server: PublicServer, tmp_path: Path) -> None:
    server.faults[YIELDS] = [public_server.ERROR, public_server.BUSY, public_server.RESET]

    start = time.monotonic()

    fetch(server, tmp_path, "market")

    assert len(server.asked(YIELDS)) == 4
    # pauses of its own are hundredths of a second
    assert time.monotonic() - start >= 1
    assert (tmp_path / "market/DGS10.csv").is_file()


@pytest.mark.parametrize(
    ("fault", "part", "source", "reason"),
    [
        (public_server.HTML, "BHCF20191231", "fr_y9c", "text/html was served, expected application/zip or"),
        (public_server.TYPE, "BHCF20191231", "fr_y9c", "the file cannot be unpacked; expected a whole archive"),
        (public_server.SHORT, "BHCF20191231", "fr_y9c", "the file cannot be unpacked; expected a whole archive"),
        (public_server.TYPE, SOMA, "soma", "the file is not well-formed JSON"),
        (public_server.SHORT, SOMA, "soma", "the file is not well-formed JSON"),
        (public_server.TYPE, YIELDS, "market", "the last line has no end; expected a whole file"),
        (public_server.SHORT, YIELDS, "market", "the last line has no end; expected a whole file"),
        (public_server.SHORT, AUCTIONS, "market", "what was served is of another shape"),
        (public_server.TYPE, AUCTIONS, "market", "what was served is of another shape"),
    ],
)
def test_what_is_no_such_file_is_not_put_there(
    server: PublicServer, tmp_path: Path, fault: str, part: str, source: str, reason: str
) -> None:
    server.faults[part] = [fault]

    with pytest.raises(DealerLimitsError, match="1 file was not fetched") as error:
        fetch(server, tmp_path, source)

    assert reason in str(error.value)
    left = files(tmp_path)
    # the others are there, and nothing of this one
    assert len(left) == 1 + len(json.loads(left["fetched.json"])["files"])
    fetch(server, tmp_path, source)


def test_without_a_network_it_prints_what_to_download_and_where_to_put_it(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    console = Console(width=80, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115

    with pytest.raises(DealerLimitsError, match=r"^6 files were not fetched, soma/.* cannot be reached"):
        fetch_files(WINDOW, (), tmp_path, console, closed, Patience(2, 0.01))

    printed = console.export_text()
    for file in plan_files(WINDOW, ("soma", "fr_y9c", "market"), {}):
        assert f"  from {file.url}\n" in printed
        assert f"  to   {tmp_path / file.source / file.name}\n" in printed


def test_files_are_readable_by_their_owner_alone(server: PublicServer, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shown = command("--from", "2020-03-01", "--to", "2020-03-31", "--raw-data", str(raw), "--base-url", server.url)

    assert shown.exit_code == 0, shown.output
    assert {stat.S_IMODE(path.stat().st_mode) for path in raw.rglob("*")} == {0o600, 0o700}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--from 2020-03-01 --to 2020-13-01 --raw-data raw", "expected days, as 2020-03-01"),
        ("--from 2020-03-02 --to 2020-03-01 --raw-data raw", "expected the first day first"),
        ("--from 2020-03-02 --to 2999-03-01 --raw-data raw", "--to: expected a day that is over"),
        ("--from 2020-03-01 --to 2020-03-02", "--raw-data: expected the folder of the raw files"),
        ("--from 2020-03-01 --to 2020-03-02 --raw-data raw --source trace", "expected some of soma,fr_y9c,market"),
        ("--from 2020-03-01 --to 2020-03-02 --raw-data raw --base-url mirror", "--base-url: expected an address"),
    ],
)
def test_mistake_costs_one_line_and_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAW_DATA", raising=False)

    shown = command(*arguments.split())

    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert line in shown.stderr
    assert not list(tmp_path.iterdir())


def test_leverage_ratios_of_the_quarter_before_are_fetched_too() -> None:
    def quarters(start: date, end: date) -> list[str]:
        return [file.name for file in plan_files(Window(start, end), ("fr_y9c",), {})]

    assert quarters(date(2020, 3, 31), date(2020, 6, 30)) == [
        "BHCF20191231.zip",
        "BHCF20200331.zip",
        "BHCF20200630.zip",
    ]
    assert quarters(date(2020, 4, 1), date(2020, 4, 2)) == ["BHCF20200331.zip"]


def test_no_other_module_can_open_a_connection() -> None:
    importing = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        names = []
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names += [f"{node.module}.{alias.name}" for alias in node.names]
        if found := {name for name in names if name.split(".")[0] in HTTP or name.startswith("urllib.request")}:
            importing[str(path.relative_to(PACKAGE))] = found
    assert list(importing) == ["sources/fetch.py"]
