"""Great Expectations in a process of its own: to import it takes seconds, in which a build does other work.

The process reads frames and suites from its standard input and writes what became of them to its standard output, both
pickled by this project; it ends with the process that started it.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from dealer_limits.quality.suites import Suite
    from dealer_limits.quality.validate import SuiteResult


def import_ahead() -> None:
    """Have the package imported beside what this process does, unless it has it already."""
    if "great_expectations" not in sys.modules:
        _process()


def validate_beside(read: Sequence[tuple[Suite, pd.DataFrame]]) -> list[SuiteResult]:
    """`validate.validate_all`, in the process that has the package imported; in this one where there is none.

    Raises what it raises.
    """
    from dealer_limits.quality.validate import validate_all

    if not _process.cache_info().currsize or _process().poll() is not None:
        return validate_all(read)
    process = _process()
    pickle.dump(read, process.stdin)
    process.stdin.flush()
    answer = pickle.load(process.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer


@cache
def _process() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dealer_limits.quality.ahead"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    # where nothing is judged it is not waited for
    atexit.register(process.kill)
    return process


def _serve() -> None:
    # what a package prints is no answer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from dealer_limits.quality.validate import batches, validate_all

    batches()
    while True:
        try:
            read = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: object = validate_all(read)
        except Exception as error:
            answer = error
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    _serve()
