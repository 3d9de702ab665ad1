"""Worker processes of one thread each, and runs that go on where they were stopped.

Small matrices gain nothing from threads, and two pools fight. What a worker has finished is one file, written
under another name and then renamed: what is there is complete, and is never computed twice.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.pool import Pool
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

PACKAGE = Path(__file__).resolve().parents[1]
THREAD_SETTINGS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def worker_pool(processes: int | None = None) -> Iterator[Pool]:
    """A pool of fresh processes, by default one per processor; ends its own workers only."""
    before = {name: os.environ.get(name) for name in THREAD_SETTINGS}
    os.environ.update(dict.fromkeys(THREAD_SETTINGS, "1"))
    try:
        # spawned, not forked: the setting is read when numpy is first imported
        with multiprocessing.get_context("spawn").Pool(processes or os.cpu_count()) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def finish(
    work: Callable[[tuple], object],
    tasks: Mapping[Path, tuple],
    name: str,
    console: Console,
    processes: int | None = None,
) -> list:
    """What the file of each task holds; `work` is given (*task, path) of those that are not there yet."""
    missing = [(*task, path) for path, task in tasks.items() if not path.exists()]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(name, total=len(tasks), completed=len(tasks) - len(missing))
        if missing:
            with worker_pool(min(processes or os.cpu_count() or 1, len(missing))) as pool:
                for _ in pool.imap_unordered(work, missing):
                    progress.advance(bar)
    return [pickle.loads(path.read_bytes()) for path in tasks]


def keep(content: object, path: Path) -> None:
    """Write what is finished, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(pickle.dumps(content))
    partial.replace(path)


def digest(files: Iterable[Path], settings: str = "") -> str:
    """Twelve digits that change with the settings and any file: results of two versions are never mixed."""
    found = hashlib.sha256(settings.encode())
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def code_of(*folders: str) -> list[Path]:
    """The modules in folders of this package."""
    return [path for folder in folders for path in sorted((PACKAGE / folder).glob("*.py"))]
