"""A changed menu is for new callers; a broken one changes nothing."""

import shutil
from pathlib import Path

import pytest

from ivr.versions import FlowVersions
from store.source import BadFile

COMPANY = Path(__file__).resolve().parents[2] / "company"


@pytest.fixture
def company(tmp_path):
    shutil.copytree(COMPANY, tmp_path / "company", ignore=shutil.ignore_patterns("*.wav"))
    return tmp_path / "company"


def change(company: Path, old: str, new: str) -> None:
    file = company / "menus" / "main.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_a_good_change_is_a_new_version_and_the_old_one_lives_on(company):
    versions = FlowVersions(company)
    before = versions.current
    change(company, "tries: 3", "tries: 2")
    assert versions.reload() == []
    assert versions.current.number == 2
    assert versions.current.flow.nodes["main_menu"].tries == 2
    assert before.flow.nodes["main_menu"].tries == 3


@pytest.mark.parametrize(
    "old, new", [("next: who", "next: whom"), ("queue: order", "queue: 订单"), ("kind:", "kind")]
)
def test_a_broken_file_changes_nothing(company, old, new):
    versions = FlowVersions(company)
    before = versions.current
    change(company, old, new)
    problems = versions.reload()
    assert problems
    assert all(problem.file.name == "main.yaml" for problem in problems)
    assert versions.current is before
    change(company, new, old)
    assert versions.reload() == []


def test_a_text_that_nobody_has_spoken_changes_nothing(company):
    versions = FlowVersions(company)
    change(company, "正在为您转接订单查询，请稍候。", "正在转接订单查询。")
    (problem,) = versions.reload()
    assert "“正在转接订单查询。”" in problem.text
    assert problem.mend == "run ./huawu ivr say"


@pytest.mark.parametrize("name", ["hours", "customers", "queues"])
def test_a_lost_file_changes_nothing(company, name):
    versions = FlowVersions(company)
    (company / f"{name}.yaml").unlink()
    assert "cannot be read" in versions.reload()[0].text


def test_there_must_be_one_to_begin_with(tmp_path):
    with pytest.raises(BadFile):
        FlowVersions(tmp_path)


def test_queues_and_attributes_may_be_those_of_rules_kept_elsewhere(tmp_path):
    company, kept = tmp_path / "company", tmp_path / "kept"
    shutil.copytree(COMPANY, company)
    kept.mkdir()
    for name in ("queues.yaml", "routing.yaml"):
        shutil.move(company / name, kept / name)
    versions = FlowVersions(company, lambda: kept)
    assert versions.reload() == []
    shutil.move(kept / "queues.yaml", company / "queues.yaml")
    assert versions.reload() != []
