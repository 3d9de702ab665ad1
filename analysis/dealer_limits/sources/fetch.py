"""`dealer-limits fetch`: public files over the network. No other module of the package opens a connection.

A file is received beside the raw files, checked against its contract there, and renamed into its place: what is
found in its place is whole. `fetched.json` says of each file from where it is, when, and its digest.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from os import environ
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn
from urllib3 import Retry

from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.contracts import load_contracts
from dealer_limits.sources.files import find_files, refusal, source_folder
from dealer_limits.sources.public_files import SOURCES, PublicFile, Window, plan_files
from dealer_limits.sources.scan import scan_json, scan_text

MANIFEST, INCOMING = "fetched.json", ".fetching"

_BUSY = (429, 500, 502, 503, 504)
# seconds to a connection, and between two pieces of a body
_TIMEOUTS = (10, 60)
# a host that asks for a longer pause is asked again after this one
_LONGEST_PAUSE = 120


@dataclass(frozen=True)
class Patience:
    """How often a file is asked for, and the seconds before the second time, which double from time to time."""

    attempts: int = 5
    pause: float = 1.0


class _NotServed(Exception):
    """Why a file was not had, in a few words."""


class _Unreachable(_NotServed):
    """No answer came from its host."""


def read_window(start: str, end: str) -> Window:
    """The days of `--from` and `--to`. Raises DealerLimitsError where they are none, or not over."""
    try:
        window = Window(date.fromisoformat(start), date.fromisoformat(end))
    except ValueError:
        raise DealerLimitsError("bad input: --from, --to: expected days, as 2020-03-01") from None
    if window.start > window.end:
        raise DealerLimitsError("bad input: --from, --to: expected the first day first")
    # of a day that is not over more may be published, and a file that was fetched is not fetched again
    if window.end >= datetime.now(UTC).date():
        raise DealerLimitsError("bad input: --to: expected a day that is over")
    return window


def fetch_files(
    window: Window,
    sources: Iterable[str],
    raw_data: Path | None,
    console: Console,
    base_url: str | None = None,
    patience: Patience | None = None,
) -> None:
    """Fetch the public files of a window into the folders of their sources; what is there already stays.

    base_url: asked instead of each file's own host, as a mirror. Raises DealerLimitsError where a source is
    none that is public, and, after all others have been fetched, where a file was not had: what to download
    and where to put it has been printed by then.
    """
    chosen = tuple(dict.fromkeys(sources)) or SOURCES
    for source in chosen:
        if source not in SOURCES:
            raise DealerLimitsError(f"bad input: --source {source}: expected some of {','.join(SOURCES)}")
    if raw_data is None:
        raise DealerLimitsError("bad input: --raw-data: expected the folder of the raw files, or RAW_DATA set")
    base = urlsplit(base_url) if base_url else None
    if base and not (base.scheme in ("http", "https") and base.netloc):
        raise DealerLimitsError("bad input: --base-url: expected an address, as https://mirror.example")
    fetching = _Fetching(raw_data, base, patience or Patience(), console)
    failed = fetching.run(plan_files(window, chosen, fetching.windows))
    if failed:
        console.print("Not fetched; by hand:", highlight=False)
        for file, reason in failed.items():
            lines = (f"{file.key}: {reason}", f"  from {file.url}", f"  to   {fetching.target(file)}")
            for line in (*lines, *([f"  {file.by_hand}"] if file.by_hand else [])):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
        first = next(iter(failed))
        raise DealerLimitsError(
            f"{len(failed)} {'file was' if len(failed) == 1 else 'files were'} not fetched, {first.key} "
            f"({failed[first]}) first: expected to be put there by hand, or the command again"
        )


class _Fetching:
    """One run: a session, and what is known of files fetched before."""

    def __init__(self, raw_data: Path, base: SplitResult | None, patience: Patience, console: Console) -> None:
        self._raw_data, self._base, self._patience, self._console = raw_data, base, patience, console
        self._manifest = raw_data / MANIFEST
        self._known: dict[str, dict[str, object]] = self._read_manifest()
        self._session = requests.Session()
        retries = Retry(
            total=patience.attempts - 1,
            backoff_factor=patience.pause,
            status_forcelist=_BUSY,
            raise_on_status=False,
            retry_after_max=_LONGEST_PAUSE,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retries))
        # a range of a body that was packed on its way cannot be put together
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "dealer-limits"})

    @property
    def windows(self) -> dict[str, Window]:
        """The windows of files that were fetched before, by `source/name`."""
        return {
            key: Window(date.fromisoformat(str(entry["from"])), date.fromisoformat(str(entry["to"])))
            for key, entry in self._known.items()
        }

    def target(self, file: PublicFile) -> Path:
        return source_folder(file.source, environ | {"RAW_DATA": str(self._raw_data)}) / file.name

    def run(self, files: list[PublicFile]) -> dict[PublicFile, str]:
        """Fetch files; those that were not had, and why. A host that gives no answer is not asked again."""
        failed: dict[PublicFile, str] = {}
        silent: dict[str, str] = {}
        columns = ("{task.description:<44}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn())
        with Progress(
            *(TextColumn(column) if isinstance(column, str) else column for column in columns), console=self._console
        ) as progress:
            for file in files:
                host = urlsplit(self._address(file)).netloc
                if why := self._stays(file):
                    progress.add_task(f"{file.key} {why}", total=1, completed=1)
                    continue
                if host in silent:
                    failed[file] = silent[host]
                    continue
                task = progress.add_task(file.key, total=None)
                try:
                    self._fetch(
                        file, lambda received, size, task=task: progress.update(task, completed=received, total=size)
                    )
                except _NotServed as error:
                    failed[file] = str(error)
                    if isinstance(error, _Unreachable):
                        silent[host] = str(error)
                except DealerLimitsError as error:
                    failed[file] = str(error).removeprefix("bad input: ")
        incoming = self._raw_data / INCOMING
        shutil.rmtree(incoming / "checked", ignore_errors=True)
        # a body that has come in part stays for the next run
        if incoming.is_dir() and not any(incoming.iterdir()):
            incoming.rmdir()
        return failed

    def _stays(self, file: PublicFile) -> str:
        """Why a file is not fetched: it was, or someone else put another there. Empty where it is to be."""
        target = self.target(file)
        if not target.is_file():
            return ""
        entry = self._known.get(file.key)
        if entry is None or entry["sha256"] != _digest(target):
            return "is yours and stays"
        return "" if file.is_one and self.windows[file.key] != file.window else "is there"

    def _fetch(self, file: PublicFile, show: Callable[[int, int | None], None]) -> None:
        part = self._raw_data / INCOMING / f"{file.source}-{file.name}.part"
        part.parent.mkdir(parents=True, exist_ok=True)
        self._receive(file, part, show)
        checked = self._raw_data / INCOMING / "checked"
        shutil.rmtree(checked, ignore_errors=True)
        checked.mkdir()
        try:
            file.place(part, checked / file.name)
            _check_contract(file, checked)
        finally:
            # what is not what it should be is not gone on with
            part.unlink(missing_ok=True)
            _validator(part).unlink(missing_ok=True)
        target = self.target(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = _digest(checked / file.name), (checked / file.name).stat().st_size
        # the source's folder may be on another disk, and a rename is atomic on one disk alone
        incoming = target.with_name(f".{target.name}.incoming")
        shutil.move(checked / file.name, incoming)
        incoming.replace(target)
        self._known[file.key] = {
            "url": self._address(file),
            "from": str(file.window.start),
            "to": str(file.window.end),
            "sha256": digest,
            "bytes": size,
            "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._write_manifest()

    def _receive(self, file: PublicFile, part: Path, show: Callable[[int, int | None], None]) -> None:
        """Receive a body into `part`, and go on with it where the connection broke."""
        for attempt in range(self._patience.attempts):
            if attempt:
                time.sleep(self._patience.pause * 2 ** (attempt - 1))
            try:
                if self._receive_rest(file, part, show):
                    return
            # what has come stays for the next attempt, of another run too
            except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError, requests.Timeout):
                continue
        raise _NotServed(f"the connection broke {self._patience.attempts} times")

    def _receive_rest(self, file: PublicFile, part: Path, show: Callable[[int, int | None], None]) -> bool:
        """Ask for what is missing of `part` and write it; False where the answer is not of what was asked for."""
        address, validator = self._address(file), _validator(part)
        have = part.stat().st_size if part.is_file() and validator.is_file() else 0
        # with If-Range, a file that has changed since is sent whole
        asked = {"Range": f"bytes={have}-", "If-Range": validator.read_text(encoding="utf-8")} if have else {}
        try:
            response = self._session.get(address, headers=asked, stream=True, timeout=_TIMEOUTS)
        except requests.RequestException as error:
            raise _Unreachable(f"{urlsplit(address).netloc} cannot be reached ({type(error).__name__})") from error
        with response:
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if response.status_code == 416 or (response.status_code == 206 and not goes_on):
                part.unlink(missing_ok=True)
                return False
            if response.status_code not in (200, 206):
                raise _NotServed(f"HTTP {response.status_code}")
            served = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if served not in file.types:
                raise _NotServed(f"{served or 'no type'} was served, expected {' or '.join(file.types)}")
            # a weak tag does not promise the same bytes
            tag = response.headers.get("ETag", "")
            mark = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
            validator.unlink(missing_ok=True)
            if mark:
                validator.write_text(mark, encoding="utf-8")
            received = have if response.status_code == 206 else 0
            length = response.headers.get("Content-Length", "")
            size = received + int(length) if length.isdigit() else None
            with part.open("ab" if received else "wb") as body:
                # a body that is shorter than its Content-Length raises
                for piece in response.iter_content(1 << 16):
                    body.write(piece)
                    received += len(piece)
                    show(received, size)
        return True

    def _address(self, file: PublicFile) -> str:
        if self._base is None:
            return file.url
        return urlunsplit(urlsplit(file.url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))

    def _read_manifest(self) -> dict[str, dict[str, object]]:
        if not self._manifest.is_file():
            return {}
        try:
            return json.loads(self._manifest.read_text(encoding="utf-8"))["files"]
        except (ValueError, KeyError, TypeError):
            raise refusal(MANIFEST, "the file cannot be read", "expected what `fetch` wrote, or no such file") from None

    def _write_manifest(self) -> None:
        incoming = self._manifest.with_suffix(".incoming")
        incoming.write_text(json.dumps({"files": dict(sorted(self._known.items()))}, indent=1) + "\n", encoding="utf-8")
        incoming.replace(self._manifest)


def _check_contract(file: PublicFile, folder: Path) -> None:
    """Read a file through as a build does. Raises DealerLimitsError where it is not what its contract says."""
    contracts = load_contracts()
    tables = [table for table in contracts.values() if table.source == file.source]
    unknown = refusal(file.key, "it holds no file of this source", tables[0].expectation)
    found = [raw for raw in find_files(file.source, folder, tables) if raw.tables]
    if not found:
        raise unknown
    for raw in found:
        path, copy = raw.path, folder / "plain"
        if raw.is_packed:
            path = folder / "unpacked"
            raw.unpack(path)
        if path.stat().st_size == 0:
            raise refusal(raw.name, "the file is empty", tables[0].expectation)
        of_file = [contracts[name] for name in raw.tables]
        if file.name.endswith(".json"):
            scan_json(path, raw.name, of_file, copy)
            continue
        for table in of_file:
            if not scan_text(path, raw.name, table, copy).rows:
                raise refusal(raw.name, "the file has no rows", table.expectation)


def _validator(part: Path) -> Path:
    """Where the version of a body that has come in part is kept."""
    return part.with_suffix(".version")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
