"""One thread for the sums that packages leave to BLAS: their last digits depend on how many there are."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager:
    """BLAS has one thread within, and as many as before after it."""
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    """Finding the libraries takes a while; those of numpy and scipy are loaded by then."""
    return ThreadpoolController()
