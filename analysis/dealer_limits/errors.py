"""The one kind of error that a user is meant to read, and how others are said in one line without a value."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from dealer_limits.project import is_project, no_project

# whose messages speak of names and SQL; those of others may quote what stands in a row
_WITHOUT_VALUES = ("ParserException", "CatalogException", "BinderException", "PermissionException")


class DealerLimitsError(Exception):
    """Something a user can put right, said in one line; the command line prints it and exits with 2."""

    exit_code = 2


class MissingError(DealerLimitsError):
    """A warehouse or a file of results is not there: in a folder without a project, that is why."""


def in_one_line(error: Exception) -> str | None:
    """What a user can mend, in one line without a value; None of an error that is a fault of the program.

    What DuckDB refuses is a warehouse that lacks a table or is none; what Arrow refuses, a file of results.
    """
    if isinstance(error, MissingError) and not is_project(Path()):
        return f"{error}; {no_project(Path())}"
    if isinstance(error, DealerLimitsError):
        return str(error)
    package = type(error).__module__.partition(".")[0]
    if package in ("duckdb", "_duckdb"):
        line = without_values(error).splitlines()[0]
        return f"the warehouse cannot be read ({line}): run `dealer-limits build` first"
    if package == "pyarrow":
        return "a file of results cannot be read: run the command that writes it again"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{os.strerror(error.errno) if error.errno else 'cannot be read or written'}"
    return None


def without_values(error: Exception) -> str:
    """The message of an error of DuckDB, or what kind of error it is where the message may quote a value."""
    message = str(error)
    if os.strerror(errno.ENOSPC).lower() in message.lower() or "could not write" in message.lower():
        return "IO Error: the disk is full"
    name = type(error).__name__
    if name in _WITHOUT_VALUES:
        return message
    if name == "ConstraintException":
        return "Constraint Error: a key is repeated or a value is missing"
    return f"{name}: its message may quote a value and is not shown"
