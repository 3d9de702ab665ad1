"""The one kind of error that a user is meant to read."""

from __future__ import annotations


class DealerLimitsError(Exception):
    """Something a user can put right, said in one line; the command line prints it and exits with 2."""

    exit_code = 2
