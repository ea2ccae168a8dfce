"""A changed menu is for new callers; a broken one changes nothing."""

import shutil
from pathlib import Path

import pytest

from ivr.versions import FlowVersions, MenuFiles
from store.source import BadFile
from tests.example_company import COMPANY


@pytest.fixture
def company(tmp_path):
    shutil.copytree(COMPANY, tmp_path / "company", ignore=shutil.ignore_patterns("*.wav"))
    return tmp_path / "company"


def change(company: Path, old: str, new: str) -> None:
    file = company / "menus" / "main.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def files_of(company: Path, rules: Path | None = None) -> MenuFiles:
    return MenuFiles(company, company.parent / "state" / "menus", lambda: rules or company)


def test_a_good_change_is_a_new_version_and_the_old_one_lives_on(company):
    files = files_of(company)
    versions = FlowVersions(files)
    before = versions.current
    assert before.number == 1
    change(company, "tries: 3", "tries: 2")
    assert not versions.take_up(), "a saved file is not yet in use"
    assert files.keep("mei").author == "mei"
    assert versions.take_up()
    assert versions.current.number == 2
    assert versions.current.flow.nodes["main_menu"].tries == 2
    assert before.flow.nodes["main_menu"].tries == 3
    assert not versions.take_up()


def test_every_controller_goes_by_the_newest_version(company):
    mine, other = FlowVersions(files_of(company)), FlowVersions(files_of(company))
    change(company, "tries: 3", "tries: 2")
    files_of(company).keep("mei")
    assert mine.take_up()
    assert other.take_up()
    assert mine.current.number == other.current.number == 2


@pytest.mark.parametrize(
    "old, new", [("next: who", "next: whom"), ("queue: order", "queue: 订单"), ("kind:", "kind")]
)
def test_a_broken_file_changes_nothing(company, old, new):
    files = files_of(company)
    versions = FlowVersions(files)
    before = versions.current
    change(company, old, new)
    with pytest.raises(BadFile) as bad:
        files.keep("mei")
    assert all(problem.file == company / "menus" / "main.yaml" for problem in bad.value.problems)
    assert not versions.take_up()
    assert versions.current is before
    change(company, new, old)
    assert files.check(company) == []


def test_a_broken_folder_at_the_start_changes_nothing(company):
    FlowVersions(files_of(company))
    change(company, "next: who", "next: whom")
    versions = FlowVersions(files_of(company))
    assert versions.current.number == 1
    assert len(versions.current.flow.nodes) > 5


def test_what_was_changed_while_nothing_ran_is_taken_up_at_the_start(company):
    FlowVersions(files_of(company))
    change(company, "tries: 3", "tries: 2")
    versions = FlowVersions(files_of(company))
    assert versions.current.number == 2
    assert files_of(company).kept.newest.author == "start"


def test_a_version_that_the_rules_made_useless_gives_way_to_an_older_one(company, tmp_path):
    files = files_of(company)
    FlowVersions(files)
    change(company, "queue: order\n", "queue: returns\n")
    files.keep("mei")
    rules = tmp_path / "rules"
    rules.mkdir()
    for name in ("queues.yaml", "agents.yaml", "routing.yaml"):
        shutil.copy(company / name, rules)
    text = (rules / "queues.yaml").read_text("utf-8").replace("- id: order", "- id: orders")
    (rules / "queues.yaml").write_text(text, "utf-8")
    versions = FlowVersions(files_of(company, rules))
    assert versions.current.number == 2  # leads to no order
    change(company, "queue: returns\n", "queue: order\n")
    shutil.rmtree(files.kept.newest.folder)
    with pytest.raises(BadFile, match="no queue 'order'"):
        FlowVersions(files_of(company, rules))


def test_going_back_is_a_new_version_of_old_files(company):
    files = files_of(company)
    versions = FlowVersions(files)
    change(company, "tries: 3", "tries: 2")
    files.keep("mei")
    versions.take_up()
    assert files.roll_back(None, "lei").note == "rollback to 1"
    assert versions.take_up()
    assert versions.current.number == 3
    assert versions.current.flow.nodes["main_menu"].tries == 3
    assert "tries: 3" in (company / "menus" / "main.yaml").read_text(encoding="utf-8")


def test_a_text_that_nobody_has_spoken_changes_nothing(company):
    files = files_of(company)
    FlowVersions(files)
    change(company, "正在为您转接订单查询，请稍候。", "正在转接订单查询。")
    with pytest.raises(BadFile) as bad:
        files.keep("mei")
    (problem,) = bad.value.problems
    assert "“正在转接订单查询。”" in problem.text
    assert problem.mend == "run ./huawu ivr say"


@pytest.mark.parametrize("name", ["hours", "customers", "queues"])
def test_a_lost_file_changes_nothing(company, name):
    files = files_of(company)
    FlowVersions(files)
    (company / f"{name}.yaml").unlink()
    with pytest.raises(BadFile, match="cannot be read"):
        files.keep("mei")


def test_there_must_be_one_to_begin_with(tmp_path):
    with pytest.raises(BadFile):
        FlowVersions(files_of(tmp_path / "nothing"))


def test_queues_and_attributes_are_those_of_the_rules_in_use(company, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("queues.yaml", "agents.yaml", "routing.yaml"):
        shutil.move(company / name, kept / name)
    files = files_of(company, kept)
    FlowVersions(files)
    assert files.check(company) == []
    shutil.move(kept / "queues.yaml", company / "queues.yaml")
    assert files.check(company) != []
