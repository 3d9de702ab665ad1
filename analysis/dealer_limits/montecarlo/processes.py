"""Worker processes of one thread each: small matrices gain nothing from threads, and two pools fight."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool

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
