"""Versions of files: kept with time and author, put back, and never half written."""

from pathlib import Path

import pytest

from store.source import BadFile, Problem
from store.versions import NoSuchVersion, Versions


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A folder with two files of a version and one that belongs to none."""
    folder = tmp_path / "company"
    (folder / "menus").mkdir(parents=True)
    (folder / "menus" / "main.yaml").write_text("one")
    (folder / "hours.yaml").write_text("always")
    (folder / "queues.yaml").write_text("another's business")
    return folder


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path / "state" / "menus", ("menus/*.yaml", "hours.yaml", "absent.yaml"))


def everything(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


def good(_: Path) -> list[Problem]:
    return []


def test_each_version_is_kept_with_its_author(company: Path, versions: Versions) -> None:
    assert (versions.newest, versions.all()) == (None, [])
    first = versions.keep(company, author="mei")
    (company / "menus" / "main.yaml").write_text("two")
    second = versions.keep(company, author="lei", note="slower")
    assert versions.all() == [first, second]
    assert [(v.number, v.author, v.note) for v in versions.all()] == [
        (1, "mei", ""), (2, "lei", "slower"),
    ]  # fmt: skip
    assert 0 <= second.at - first.at < 60
    assert (first.folder / "menus" / "main.yaml").read_text() == "one"
    assert (second.folder / "menus" / "main.yaml").read_text() == "two"
    assert not (second.folder / "queues.yaml").exists()


def test_the_same_files_are_no_new_version(company: Path, versions: Versions) -> None:
    assert versions.keep(company, author="mei").number == 1
    (company / "queues.yaml").write_text("changed")
    assert versions.keep(company, author="lei").number == 1
    assert len(versions.all()) == 1


def test_numbers_stay_in_order_after_the_ninth_thousandth(
    company: Path, versions: Versions
) -> None:
    kept = versions.keep(company, author="mei")
    kept.folder.rename(kept.folder.with_name("9999"))
    (company / "hours.yaml").write_text("never")
    assert versions.keep(company, author="mei").number == 10000
    assert [version.number for version in versions.all()] == [9999, 10000]


def test_two_who_keep_at_once_get_two_numbers(
    company: Path, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions.keep(company, author="mei")
    stale = versions.all()
    (company / "hours.yaml").write_text("never")
    other = Versions(stale[0].folder.parent, ("hours.yaml",))
    looked = iter([stale])
    really = Versions.all
    monkeypatch.setattr(Versions, "all", lambda self: next(looked, None) or really(self))
    versions.keep(company, author="mei")  # has seen the old list, and comes second
    monkeypatch.undo()
    assert other.all()[-1].number == 2
    looked = iter([stale])
    (company / "hours.yaml").write_text("at noon")
    monkeypatch.setattr(Versions, "all", lambda self: next(looked, None) or really(self))
    assert versions.keep(company, author="lei").number == 3
    assert not list(stale[0].folder.parent.glob(".new-*"))


def test_going_back_puts_files_back_and_takes_others_away(
    company: Path, versions: Versions
) -> None:
    versions.keep(company, author="mei")
    before = everything(company)
    (company / "menus" / "main.yaml").write_text("two")
    (company / "menus" / "night.yaml").write_text("new")
    (company / "hours.yaml").unlink()
    versions.keep(company, author="mei")
    version = versions.roll_back(company, None, author="lei", check=good)
    assert everything(company) == before
    assert (version.number, version.author, version.note) == (3, "lei", "rollback to 1")
    assert versions.roll_back(company, 2, author="lei", check=good).number == 4
    assert sorted(everything(company)) == ["menus/main.yaml", "menus/night.yaml", "queues.yaml"]


def test_edits_that_were_never_in_use_are_set_aside(company: Path, versions: Versions) -> None:
    kept = versions.keep(company, author="mei")
    (company / "menus" / "main.yaml").write_text("two")
    versions.keep(company, author="mei")
    (company / "menus" / "main.yaml").write_text("three")
    versions.roll_back(company, 1, author="mei", check=good)
    (aside,) = kept.folder.parent.glob("unused-*")
    assert (aside / "menus" / "main.yaml").read_text() == "three"


def test_going_back_to_what_does_not_fit_today_changes_nothing(
    company: Path, versions: Versions
) -> None:
    versions.keep(company, author="mei")
    (company / "menus" / "main.yaml").write_text("two")
    (company / "menus" / "night.yaml").write_text("new")
    versions.keep(company, author="mei")
    before = everything(company)

    def check(folder: Path) -> list[Problem]:
        assert (folder / "menus" / "main.yaml").read_text() == "one"
        return [Problem(file=folder / "menus" / "main.yaml", line=3, text="no such queue")]

    with pytest.raises(BadFile, match="no such queue"):
        versions.roll_back(company, 1, author="mei", check=check)
    assert everything(company) == before
    assert len(versions.all()) == 2


def test_there_must_be_a_version_to_go_back_to(company: Path, versions: Versions) -> None:
    for number in (None, 1):
        with pytest.raises(NoSuchVersion, match="kept: none"):
            versions.roll_back(company, number, author="mei", check=good)
    versions.keep(company, author="mei")
    for number, said in ((None, "no earlier version"), (7, "no version 7")):
        with pytest.raises(NoSuchVersion, match=f"{said}; the last that are kept: 1"):
            versions.roll_back(company, number, author="mei", check=good)


def test_a_folder_that_is_not_ours_is_no_version(company: Path, versions: Versions) -> None:
    kept = versions.keep(company, author="mei")
    (kept.folder.parent / "0002").mkdir()
    (kept.folder.parent / "0003").mkdir()
    (kept.folder.parent / "0003" / "version.json").write_text("{")
    assert versions.all() == [kept]
