"""The rules' files: checked together, kept version by version, taken into use, put back.

Every version that was ever in use is kept below the state folder, with its time and author:
``rules/0007/`` holds the files and ``version.json``. The controllers go by the newest of these, so
a file that somebody is just editing, or has broken, changes nothing.
"""

import contextlib
import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from acd.company import Company, load_company
from controller.problems import ProblemError
from ivr.prompts import load_catalogue
from ivr.versions import load_version
from store.source import BadFile, Problem

#: The files that are kept; routing.yaml may be absent.
FILES = ("queues.yaml", "agents.yaml", "routing.yaml")
_DESCRIPTION = "version.json"


def load_rules(company: Path) -> Company:
    """The company's rules, with the prompts that exits may announce checked as well.

    Raises BadFile with every problem found.
    """
    return load_company(company, frozenset(prompt.name for prompt in load_catalogue()))


def check_rules(company: Path) -> list[Problem]:
    """Everything wrong with the rules, and with the menu where the rules have changed under it."""
    problems: list[Problem] = []
    for check in (load_rules, _check_menu):
        try:
            check(company)
        except BadFile as error:
            problems += [problem for problem in error.problems if problem not in problems]
    return problems


def _check_menu(company: Path) -> None:
    load_version(company, recorded=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """One version of the rules that was in use."""

    number: int
    at: float
    """When it was accepted, Unix seconds."""
    author: str
    note: str
    folder: Path

    def load(self) -> Company:
        """The rules of this version. Raises BadFile when another program version wrote them."""
        return load_company(self.folder)


class RuleVersions:
    """The versions kept in one folder, numbered from 1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[RuleVersion]:
        """Every version, the oldest first."""
        found = [_described(folder) for folder in sorted(self._folder.glob("[0-9]*"))]
        return sorted(filter(None, found), key=lambda version: version.number)

    @property
    def newest(self) -> RuleVersion | None:
        """The version that is to be in use; ``None`` before the first."""
        versions = self.all()
        return versions[-1] if versions else None

    def keep(self, company: Path, *, author: str, note: str = "") -> RuleVersion:
        """Keep the checked files of a company folder as the newest version.

        The newest one is returned as it is when the files say the same already.
        """
        files = _files_of(company)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            newest = self.newest
            if newest and files == _files_of(newest.folder):
                return newest
            version = RuleVersion(
                number=newest.number + 1 if newest else 1,
                at=time.time(),
                author=author,
                note=note,
                folder=self._folder / f"{newest.number + 1 if newest else 1:04}",
            )
            if _write(version, files):
                return version  # else somebody else was faster: look again

    def put_back(self, version: RuleVersion, company: Path) -> None:
        """Write a version's files into the company folder, one after the other as a whole."""
        _write_files(_files_of(version.folder), company)

    def set_aside(self, company: Path) -> Path:
        """Copy files that were never in use out of harm's way; returns where they are."""
        folder = self._folder / f"unused-{time.strftime('%Y%m%d-%H%M%S')}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, data in _files_of(company).items():
            (folder / name).write_bytes(data)
        return folder


def _described(folder: Path) -> RuleVersion | None:
    try:
        said = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        return RuleVersion(
            number=int(folder.name),
            at=float(said["at"]),
            author=str(said["author"]),
            note=str(said["note"]),
            folder=folder,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not one of ours, or half gone


def _files_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def _write(version: RuleVersion, files: dict[str, bytes]) -> bool:
    """Make the version's folder in one step; False when there is one of that number."""
    making = Path(tempfile.mkdtemp(prefix=".new-", dir=version.folder.parent))
    for name, data in files.items():
        (making / name).write_bytes(data)
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


def _write_files(files: dict[str, bytes], company: Path) -> None:
    for name in FILES:
        if name in files:
            _replace(company / name, files[name])
        else:
            (company / name).unlink(missing_ok=True)


def _replace(file: Path, data: bytes) -> None:
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as new:
        new.write(data)
    try:
        Path(new.name).chmod(mode)
        Path(new.name).replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            Path(new.name).unlink()
        raise


def roll_back(
    versions: RuleVersions, company: Path, number: int | None, author: str
) -> RuleVersion:
    """Put an earlier version's files back into the company folder and keep them as the newest.

    Args:
        versions: what is kept.
        company: the folder whose files are replaced; they are kept first if they are not yet.
        number: of the version; the one before the newest when ``None``.
        author: who wants it. Files that were edited since and never in use are set aside.

    Raises:
        ProblemError: there is no such version.
        BadFile: that version does not fit the menu or the hours of today; the files are as before.
    """
    kept = versions.all()
    wanted = next((version for version in kept if version.number == number), None)
    if number is None and len(kept) > 1:
        wanted = kept[-2]
    if wanted is None:
        which = f"no version {number}" if number else "no earlier version"
        raise ProblemError(f"There is {which}; `./huawu rules versions` lists them.")
    before = _files_of(company)
    if before != _files_of(kept[-1].folder):
        versions.set_aside(company)
    versions.put_back(wanted, company)
    if problems := check_rules(company):
        _write_files(before, company)
        raise BadFile(problems)
    return versions.keep(company, author=author, note=f"rollback to {wanted.number}")
