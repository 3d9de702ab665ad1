"""One thread for the sums that packages leave to BLAS: their last digits depend on how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS has one thread within, or in a function that this decorates, and as many as before after it."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    """Finding the libraries takes a while; those of numpy and scipy are loaded by then."""
    return ThreadpoolController()
