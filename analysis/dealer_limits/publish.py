"""Publishing: a finished build is copied beside the published warehouse and renamed over it.

A dbt-duckdb plugin, so that `dbt build` alone publishes. A rename is atomic: an analyst who opens the
published file sees the last complete build or the new one, never a half; who has it open keeps the old one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin


def published_path(build_file: Path) -> Path:
    """`<folder>/build/<name>` is published as `<folder>/<name>`."""
    return build_file.parent.parent / build_file.name


def publish(build_file: Path) -> str:
    """Copy a checkpointed build over the published warehouse, atomically; returns the published path."""
    target = published_path(build_file)
    incoming = target.with_name(f".{target.name}.incoming")
    shutil.copyfile(build_file, incoming)
    with incoming.open("rb+") as handle:
        os.fsync(handle.fileno())
    incoming.replace(target)
    return str(target)


class Plugin(BasePlugin):
    """Makes the build folder, and gives SQL the function `publish_warehouse()`."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self.build_file = Path(self.creds.path)
        self.build_file.parent.mkdir(parents=True, exist_ok=True)

    def configure_connection(self, conn: Any) -> None:
        conn.create_function(
            "publish_warehouse", lambda: publish(self.build_file), [], "VARCHAR", side_effects=True
        )
