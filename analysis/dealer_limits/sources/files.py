"""Which files of a source's folder hold which raw table: below it, all are read or named."""

from __future__ import annotations

import gzip
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from dealer_limits.errors import DealerLimitsError
from dealer_limits.sources.contracts import Table


@dataclass(frozen=True)
class RawFile:
    """A raw file, or a member of a packed one.

    name: `<source>/<path below the source's folder>`, and the member's name behind a zip's. path: the file
    itself. member: None for a plain file, "" for what a .gz file holds. tables: the raw tables that it holds;
    none where no contract knows its name.
    """

    name: str
    path: Path
    member: str | None
    tables: tuple[str, ...]

    @property
    def is_packed(self) -> bool:
        return self.member is not None

    def unpack(self, target: Path) -> None:
        """Write what a packed file holds to `target`; DealerLimitsError where it cannot be unpacked."""
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as packed:
                    _copy(packed, target)
            else:
                with gzip.open(self.path) as packed:
                    _copy(packed, target)
        # a compression that zipfile does not know, or a password, is a RuntimeError
        except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, RuntimeError, ValueError) as error:
            raise refusal(self.name, "the file cannot be unpacked", "expected a whole archive") from error


def refusal(name: str, problem: str, expected: str) -> DealerLimitsError:
    """Bad input in one line: file, what is wrong with it, what was expected. Never a value."""
    return DealerLimitsError(f"bad input: {name}: {problem}; {expected}")


def source_folder(source: str, environment: Mapping[str, str] = os.environ) -> Path:
    """`RAW_DATA` holds a folder per source; `RAW_DATA_SOMA` and the like move a single one."""
    root = environment.get("RAW_DATA") or "data/raw"
    return Path(environment.get(f"RAW_DATA_{source.upper()}") or f"{root}/{source}")


def truth_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """What a pseudo world planted: `TRUTH_DATA`, else `truth` beside `RAW_DATA`. Real data have none."""
    raw = Path(environment.get("RAW_DATA") or "data/raw")
    return Path(environment.get("TRUTH_DATA") or raw.resolve().parent / "truth")


def find_files(source: str, folder: Path, tables: Iterable[Table]) -> list[RawFile]:
    """Every file below a source's folder, members of packed ones included, in order of their names.

    Raises DealerLimitsError for an archive that cannot be opened.
    """
    patterns = [(pattern.lower(), table.full_name) for table in tables for pattern in table.files]

    def known(base: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(table for pattern, table in patterns if fnmatchcase(base.lower(), pattern)))

    found = []
    for path in _walk(folder):
        name = f"{source}/{path.relative_to(folder).as_posix()}"
        if not name.isprintable():
            shown = name.encode("unicode_escape").decode()
            raise refusal(shown, "its name cannot be written", "expected a name in printable characters")
        suffix = path.suffix.lower()
        if suffix == ".zip":
            found += [
                RawFile(f"{name}/{member}", path, member, known(member.rpartition("/")[2]))
                for member in _members(path, name)
            ]
        elif suffix == ".gz":
            found.append(RawFile(name, path, "", known(path.stem)))
        else:
            found.append(RawFile(name, path, None, known(path.name)))
    return sorted(found, key=lambda file: file.name)


def _walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, behind links to folders too, each folder once."""
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (Path(parent, file) for file in sorted(files))


def _members(path: Path, name: str) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, ValueError) as error:
        raise refusal(name, "the file cannot be unpacked", "expected a whole archive") from error
    if len(set(members)) < len(members):
        raise refusal(name, "the archive holds two files of one name", "expected one of each")
    return members


def _copy(packed: object, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
