"""Versions of files that people write: kept with time and author, listed, put back.

Every version that was ever in use is kept in a folder of its own: ``0007/`` holds the files and
``version.json``. The controllers go by the newest of these, so a file that somebody is just
editing, or has broken, changes nothing.
"""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from store.source import BadFile, Problem

_DESCRIPTION = "version.json"

Files: TypeAlias = dict[str, bytes]
"""Path below the company folder -> content."""


class NoSuchVersion(Exception):
    """There is no version of that number, or none before the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the files that was in use."""

    number: int
    at: float
    """When it was accepted, Unix seconds."""
    author: str
    note: str
    folder: Path


class Versions:
    """The versions kept in one folder, numbered from 1.

    Args:
        folder: where they are kept.
        patterns: the files that belong together, as globs below a company folder.
    """

    def __init__(self, folder: Path, patterns: Sequence[str]) -> None:
        self._folder = folder
        self._patterns = patterns

    def all(self) -> list[Version]:
        """Every version, the oldest first."""
        found = [_described(folder) for folder in self._folder.glob("[0-9]*")]
        return sorted(filter(None, found), key=lambda version: version.number)

    @property
    def newest(self) -> Version | None:
        """The version that is to be in use; ``None`` before the first."""
        versions = self.all()
        return versions[-1] if versions else None

    def keep(self, company: Path, *, author: str, note: str = "") -> Version:
        """Keep the checked files of a company folder as the newest version.

        The newest one is returned as it is when the files say the same already.
        """
        files = self.files(company)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            newest = self.newest
            if newest and files == self.files(newest.folder):
                return newest
            number = newest.number + 1 if newest else 1
            version = Version(
                number=number,
                at=time.time(),
                author=author,
                note=note,
                folder=self._folder / f"{number:04}",
            )
            if _write_version(version, files):
                return version  # else somebody else was faster: look again

    def holds(self, company: Path) -> bool:
        """Whether the newest version is what the company folder has now."""
        newest = self.newest
        return newest is not None and self.files(newest.folder) == self.files(company)

    def put_back(self, version: Version, company: Path) -> None:
        """Write a version's files into the company folder, one after the other as a whole."""
        self._write(self.files(version.folder), company)

    def set_aside(self, company: Path) -> Path:
        """Copy files that were never in use out of harm's way; returns where they are."""
        folder = self._folder / f"unused-{time.strftime('%Y%m%d-%H%M%S')}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy(self.files(company), folder)
        return folder

    def roll_back(
        self,
        company: Path,
        number: int | None,
        *,
        author: str,
        check: Callable[[Path], list[Problem]],
    ) -> Version:
        """Put an earlier version's files back into the company folder and keep them as the newest.

        Args:
            company: the folder whose files are replaced. Those that were edited since and never
                in use are set aside.
            number: of the version; the one before the newest when ``None``.
            author: who wants it.
            check: everything wrong with a company folder as it stands today.

        Raises:
            NoSuchVersion: there is no such version.
            BadFile: that version does not fit what else holds today; the files are as before.
        """
        kept = self.all()
        wanted = _wanted(kept, number)
        before = self.files(company)
        if not self.holds(company):
            self.set_aside(company)
        self.put_back(wanted, company)
        if problems := check(company):
            self._write(before, company)
            raise BadFile(problems)
        return self.keep(company, author=author, note=f"rollback to {wanted.number}")

    def files(self, folder: Path) -> Files:
        """The files of a company folder that belong to a version; which one is there may vary."""
        found = (path for pattern in self._patterns for path in sorted(folder.glob(pattern)))
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}

    def _write(self, files: Files, company: Path) -> None:
        for name in self.files(company).keys() - files.keys():
            (company / name).unlink()
        for name, data in files.items():
            _replace(company / name, data)


def _wanted(kept: Sequence[Version], number: int | None) -> Version:
    if number is None and len(kept) > 1:
        return kept[-2]
    for version in kept:
        if version.number == number:
            return version
    which = "no earlier version" if number is None else f"no version {number}"
    numbers = ", ".join(str(version.number) for version in kept[-10:]) or "none"
    raise NoSuchVersion(f"There is {which}; the last that are kept: {numbers}.")


def _described(folder: Path) -> Version | None:
    try:
        said = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        return Version(
            number=int(folder.name),
            at=float(said["at"]),
            author=str(said["author"]),
            note=str(said["note"]),
            folder=folder,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not one of ours, or half gone


def _write_version(version: Version, files: Files) -> bool:
    """Make the version's folder in one step; False when there is one of that number."""
    making = Path(tempfile.mkdtemp(prefix=".new-", dir=version.folder.parent))
    _copy(files, making)
    said = {name: value for name, value in asdict(version).items() if name != "folder"}
    (making / _DESCRIPTION).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    try:
        making.rename(version.folder)
    except OSError:
        shutil.rmtree(making)
        if not version.folder.exists():
            raise
        return False
    return True


def _copy(files: Files, folder: Path) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def _replace(file: Path, data: bytes) -> None:
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as new:
        new.write(data)
    try:
        Path(new.name).chmod(mode)
        Path(new.name).replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            Path(new.name).unlink()
        raise
