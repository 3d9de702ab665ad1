"""Work for `montecarlo.processes`: small, as each worker process imports this module; and a pool without processes."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def note_process(task: tuple[int, Path]) -> None:
    """Write the number of the task, the process that does it and how many threads libraries may have there."""
    number, path = task
    path.write_bytes(pickle.dumps((number, os.getpid(), [os.environ.get(name) for name in THREADS])))


@contextmanager
def one_process(processes: int | None = None) -> Iterator[SimpleNamespace]:
    """In place of `worker_pool`, whose processes import every package anew: the same work here, in turn.

    What is done and with what is sent through pickle, as to another process.
    """

    def work_on(work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
        return (pickle.loads(pickle.dumps(work))(task) for task in pickle.loads(pickle.dumps(list(tasks))))

    yield SimpleNamespace(imap_unordered=work_on)
