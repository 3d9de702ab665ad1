"""A server on this machine that answers like the public ones, and the faults that these have."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

# a fault of one answer: what is sent instead
DROP, BUSY, ERROR, HTML, IGNORE_RANGE, OTHER_RANGE, RESET, SHORT, TYPE = (
    "drop mid-body", "429", "500", "HTML with 200", "Range ignored", "another range", "reset", "torn content", "type",
)  # fmt: skip


class PublicServer(ThreadingHTTPServer):
    """Serves operations, holding companies, yields and auctions of a window; `faults` go first, by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.requests: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self, part: str) -> list[dict[str, str]]:
        """The headers of the requests whose address has a part."""
        return [headers for path, headers in self.requests if part in path]


@contextmanager
def public_server() -> Iterator[PublicServer]:
    with PublicServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def body_of(path: str) -> tuple[str, bytes]:
    """What a public server has at an address: type and body."""
    address = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    if address.path.endswith("/details/search.json"):
        return "application/json", json.dumps({"treasury": {"auctions": [_operation(query["startDate"])]}}).encode()
    if address.path.endswith("/ReturnBHCFZipFiles"):
        return "application/x-zip-compressed", _bulk_file(query["zipfilename"])
    if address.path.endswith("/fredgraph.csv"):
        days = [query["cosd"], query["coed"]]
        return "text/csv", ("observation_date,DGS10\n" + "".join(f"{day},1.10\n" for day in days)).encode()
    return "application/json; charset=utf-8", json.dumps({"data": _AUCTIONS, "meta": {"total-count": 3}}).encode()


def _operation(day: str) -> dict[str, object]:
    detail = {"inclusionIndicator": "I", "cusip": "912828ZQ6", "parAmountAccepted": "1000000", "note": "x" * 200_000}
    return {
        "operationId": f"OR {day}",
        "operationDate": day,
        "operationDirection": "P",
        "closeTime": "11:00",
        "totalParAmtAccepted": "1000000",
        "details": [{**detail, "weightedAvgAccptPrice": "99.5"}],
    }


def _bulk_file(name: str) -> bytes:
    packed = io.BytesIO()
    day = re.sub(r"\D", "", name)
    with zipfile.ZipFile(packed, "w") as archive:
        rows = f"RSSD9001^RSSD9999^RSSD9017^BHCAH036^BHCA8274\n1039502^{day}^A BANK^6.7^200000000\n"
        archive.writestr(f"BHCF{day}.txt", rows)
    return packed.getvalue()


def _auction(cusip: str, kind: str, **flags: str) -> dict[str, str]:
    auction = {
        "cusip": cusip,
        "security_type": kind,
        "security_term": "10-Year",
        "auction_date": "2020-05-12",
        "issue_date": "2020-05-15",
        "maturity_date": "2030-05-15",
        "price_per100": "null",
    }
    no = dict.fromkeys(("inflation_index_security", "floating_rate", "cash_management_bill_cmb"), "No")
    return auction | no | flags


_AUCTIONS = [
    _auction("912828ZQ6", "Note", price_per100="99.25"),
    _auction("912828ZJ2", "Note", inflation_index_security="Yes"),
    _auction("9127964P6", "Bill", cash_management_bill_cmb="Yes"),
]


class _Handler(BaseHTTPRequestHandler):
    server: PublicServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        fault = next((faults.pop(0) for part, faults in self.server.faults.items() if faults and part in self.path), "")
        kind, body = body_of(self.path)
        if fault == RESET:
            self.close_connection = True
            self.connection.close()
            return
        if fault in (BUSY, ERROR):
            headers = {"Retry-After": "1"} if fault == BUSY else {}
            self._send(int(fault), "text/html", b"<html>busy</html>", headers)
            return
        if fault == HTML:
            self._send(200, "text/html", b"<!DOCTYPE html><html>Are you a robot?</html>", {})
            return
        if fault == TYPE:
            self._send(200, kind, b"<!DOCTYPE html><html>An error, said to be data</html>", {})
            return
        if fault == SHORT:
            self._send(200, kind, body[: len(body) // 2], {})
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers = {"ETag": '"1"'}
        if asked and fault == OTHER_RANGE:
            self._send(206, kind, body[1:], headers | {"Content-Range": f"bytes 1-{len(body) - 1}/{len(body)}"})
        elif asked and fault != IGNORE_RANGE:
            first = int(asked[1])
            range_ = {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
            self._send(206, kind, body[first:], headers | range_)
        else:
            self._send(200, kind, body, headers, len(body) // 2 if fault == DROP else None)

    def _send(self, code: int, kind: str, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""
