"""What `dbt build` needs of Python, as a dbt-duckdb plugin: raw files, publishing, and that no value gets
out.
 Its functions stand in SQL, and macros call them. Each returns text, since an error of a function would be
wrapped by the engine in several lines: what is refused is returned as the line that says so.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.flags import get_flags

from dealer_limits.errors import DealerLimitsError, in_one_line, without_values
from dealer_limits.kept import number_to_keep
from dealer_limits.last_build import last_build, this_build
from dealer_limits.loads import current, made_with
from dealer_limits.provenance import build_facts, world_of_raw_data
from dealer_limits.publish import STORAGE_OF_1_1, publish, published_path, storage_version
from dealer_limits.sources.files import truth_folder
from dealer_limits.sources.ledger import Ledger
from dealer_limits.variables import in_effect

if TYPE_CHECKING:
    from dealer_limits.quality.validate import SuiteResult

# kept with the flags of dbt, of which every run has its own
_REFUSED = "REFUSED_BY_DEALER_LIMITS"


class Plugin(BasePlugin):
    """Makes the build folder, readable by its owner alone, and gives SQL its functions."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        os.umask(0o077)
        self.build_file = Path(self.creds.path)
        self.ledger = Ledger(self.build_file.parent)
        self._lock = threading.RLock()
        # of a load: nodes that follow from what came or went, and those of them that it left as they were
        self._followers: list[str] = []
        self._unchanged: set[str] = set()
        # however the run ends
        atexit.register(self.ledger.remove_copies)
        try:
            # to be told now, not once all is built
            number_to_keep()
            self.build_file.parent.mkdir(parents=True, exist_ok=True)
            for folder in _folders_of_dbt():
                _keep_to_owner(folder)
        except (DealerLimitsError, OSError) as error:
            line = in_one_line(error)
            _refuse(line)
            # the kind of error that dbt reports without a traceback
            raise RuntimeError(line) from None
        DuckDBCursorWrapper.execute = _execute

    def update_connection_config(self, creds: Any, config: dict[str, Any]) -> None:
        """A build file that cannot be opened here, or by the oldest client that is served, is made anew."""
        if not self.build_file.exists():
            return
        try:
            if storage_version(self.build_file) != STORAGE_OF_1_1:
                raise duckdb.IOException("another version of storage")
            duckdb.connect(str(self.build_file), config=config).close()
        except duckdb.Error as error:
            if "lock" in str(error).lower():
                raise RuntimeError(f"{self.build_file} is in use: another build is running") from None
            for path in self.build_file.parent.glob(f"{self.build_file.name}*"):
                path.unlink()

    def configure_connection(self, conn: Any) -> None:
        self._build = conn
        functions: dict[str, tuple[Callable[..., str], int]] = {
            "variables": (self._variables, 0),
            "inspect_raw_files": (lambda tables: self.ledger.inspect(tables.split(",")), 1),
            "raw_contracts": (self._contracts, 0),
            "raw_contract": (lambda table: self.ledger.contracts[table].as_json(), 1),
            "raw_scans": (lambda table: json.dumps(self.ledger.scans(table)), 1),
            "raw_scans_of": (lambda table, files: json.dumps(self.ledger.scans(table, json.loads(files))), 2),
            "changed_files": (lambda table, loaded: json.dumps(self.ledger.changes(table, json.loads(loaded))), 2),
            "raw_digests": (lambda table: json.dumps(self.ledger.digests(table)), 1),
            "load": (self._load, 0),
            "note_followers": (self._note_followers, 1),
            "followers": (lambda: json.dumps(self._followers), 0),
            "note_unchanged": (lambda node: self._unchanged.add(node), 1),
            "changed_of": (self._changed_of, 1),
            "made_with": (self._made_with, 0),
            "raw_files": (lambda: json.dumps(self.ledger.files()), 0),
            "control_totals": (self._control_totals, 0),
            "remove_raw_copies": (self.ledger.remove_copies, 0),
            "this_build": (lambda: json.dumps(self._this_build | {"is_compared": bool(self._last_build)}), 0),
            "last_build": (lambda: json.dumps(self._last_build), 0),
            "about_build": (self._about_build, 0),
            "publish_warehouse": (self._publish, 3),
            "truth_file": (_truth_file, 1),
            "refuse": (_refuse, 1),
            "refused": (_refused, 0),
        }
        for name, (function, arguments) in functions.items():
            conn.create_function(name, self._as_text(function), ["VARCHAR"] * arguments, "VARCHAR", side_effects=True)

    def _contracts(self) -> str:
        return json.dumps({table: json.loads(contract.as_json()) for table, contract in self.ledger.contracts.items()})

    def _control_totals(self) -> str:
        sums = (total for total in self.ledger.control_totals() if total.column)
        return json.dumps([asdict(total) | {"value": f"{total.value:f}"} for total in sums])

    @cached_property
    def _values(self) -> dict[str, Any]:
        return in_effect(get_flags().VARS or {})

    @cached_property
    def _this_build(self) -> dict[str, str]:
        return this_build((table.source for table in self.ledger.contracts.values()), self._values)

    def _variables(self) -> str:
        return json.dumps(
            [{"variable": name, "value": json.dumps(self._values[name])} for name in sorted(self._values)]
        )

    def _load(self) -> str:
        return json.dumps({"is_full": current.load.is_full, "tables": current.load.tables})

    def _note_followers(self, nodes: str) -> None:
        self._followers = json.loads(nodes)
        self._unchanged.clear()

    def _changed_of(self, nodes: str) -> str:
        """Of nodes those whose tables may be other than those that were published."""
        unchanged = set() if current.load.is_resumed else self._unchanged
        return json.dumps([node for node in json.loads(nodes) if node in self._followers and node not in unchanged])

    def _made_with(self) -> str:
        # of a load as they were when it was planned
        made = current.load.made_with or made_with(self.ledger.contracts, self._values, get_flags().TARGET or "duckdb")
        return json.dumps(made)

    @cached_property
    def _last_build(self) -> dict[str, Any]:
        return last_build(published_path(self.build_file), self._this_build, self.ledger.files())

    def _about_build(self) -> str:
        sources = {table.source for table in self.ledger.contracts.values()}
        return json.dumps(build_facts(world_of_raw_data(sources), self._values))

    def _publish(self, schemas: str, tolerated: str, unchanged: str) -> str:
        # Great Expectations takes seconds to import, and only a build that is about to be published needs it
        from dealer_limits.quality.run import remember

        # a function of SQL answers while the connection is busy with it; what is copied is judged meanwhile
        with self._build.cursor() as build, self._build.cursor() as read, ThreadPoolExecutor(1) as beside:
            judged = beside.submit(self._judge, read, float(tolerated), unchanged.split(","))
            return publish(build, schemas.split(","), lambda incoming: remember(incoming, judged.result()))

    def _judge(self, build: duckdb.DuckDBPyConnection, tolerated: float, unchanged: Sequence[str]) -> list[SuiteResult]:
        from dealer_limits.quality.run import refuse_violated

        changed = {}
        for table in current.load.tables:
            contract = self.ledger.contracts[table]
            # as the macro `changed_rows` names it
            changed[f"staging.stg_{contract.source}__{contract.entity}"] = f"loads.changed_{table.replace('.', '__')}"
        return refuse_violated(build, tolerated, changed, unchanged)

    def _as_text(self, function: Callable[..., str | None]) -> Callable[..., str]:
        def call(*arguments: str) -> str:
            with self._lock:
                try:
                    return function(*arguments) or ""
                except (DealerLimitsError, OSError) as error:
                    return f"refused: {in_one_line(error)}"

        # DuckDB counts the parameters of a function
        count = function.__code__.co_argcount - hasattr(function, "__self__")
        return (lambda: call(), lambda a: call(a), lambda a, b: call(a, b), lambda a, b, c: call(a, b, c))[count]


def _execute(self: DuckDBCursorWrapper, sql: str, bindings: Any = None) -> Any:
    """As dbt-duckdb's own, but errors lose what may be a value before they are printed or logged."""
    try:
        return self._cursor.execute(sql) if bindings is None else self._cursor.execute(sql, bindings)
    except duckdb.Error as error:
        raise type(error)(without_values(error)) from None


def _refuse(line: str) -> None:
    """End the run: after bad input nothing is worth building.

    Where dbt is the program, its own last words are several lines: the one that counts comes after them.
    """
    flags = get_flags()
    object.__setattr__(flags, "FAIL_FAST", True)
    if _refused():
        return
    object.__setattr__(flags, _REFUSED, line)
    if Path(sys.argv[0]).stem == "dbt":
        # standard error is looked up at the end: while a function of SQL runs it is another
        atexit.register(lambda: print(line, file=sys.stderr))


def _refused() -> str:
    """What this run refused first; empty where it refused nothing."""
    return getattr(get_flags(), _REFUSED, "")


def _truth_file(name: str) -> str:
    """The path of a file of the pseudo world's truth; empty where it is not there."""
    path = truth_folder() / f"{name}.parquet"
    return str(path) if path.is_file() else ""


def _folders_of_dbt() -> list[Path]:
    flags = get_flags()
    named = {"TARGET_PATH": "target", "LOG_PATH": "logs"}
    return [Path(getattr(flags, name, None) or default) for name, default in named.items()]


def _keep_to_owner(folder: Path) -> None:
    """What dbt wrote before it opened a connection has the modes that the shell gave it."""
    if not folder.is_dir():
        return
    for path in [folder, *folder.rglob("*")]:
        try:
            path.chmod(0o700 if path.is_dir() else 0o600)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOENT, errno.EROFS):
                raise
