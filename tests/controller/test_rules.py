"""Versions of the rules: checked with the menu, kept, and put back by a command."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from acd.company import load_company
from controller import change
from controller.cli import app
from controller.rules import FILES, check_rules, load_rules, rule_versions
from controller.settings import ROOT
from store.source import BadFile
from store.versions import NoSuchVersion, Versions


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """The example company in a folder of its own."""
    copy = tmp_path / "company"
    shutil.copytree(ROOT / "company", copy, ignore=shutil.ignore_patterns("*.wav", "speech"))
    return copy


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return rule_versions(tmp_path / "state" / "rules")


def edit(company: Path, file: str, old: str, new: str) -> int:
    """Change one place of a file; returns its line."""
    text = (company / file).read_text(encoding="utf-8")
    assert old in text
    (company / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def files(company: Path) -> dict[str, bytes]:
    return {name: (company / name).read_bytes() for name in FILES if (company / name).exists()}


def test_the_example_is_good(company: Path) -> None:
    assert check_rules(company) == []


def test_a_prompt_that_an_exit_announces_must_exist(company: Path) -> None:
    line = edit(company, "queues.yaml", "wait: {max: 900, exit: {voicemail: true}}",
                "wait: {max: 900, exit: {announce: nobody_says_this}}")  # fmt: skip
    (problem,) = check_rules(company)
    assert (problem.file.name, problem.line) == ("queues.yaml", line)
    assert "there is no prompt nobody_says_this" in problem.text
    assert "catalogue" in problem.mend


def test_a_menu_that_leads_to_a_queue_that_has_gone_is_a_problem(company: Path) -> None:
    text = (company / "queues.yaml").read_text(encoding="utf-8")
    start, end = text.index("  - id: order"), text.index("  - id: logistics")
    (company / "queues.yaml").write_text(text[:start] + text[end:], encoding="utf-8")
    (company / "agents.yaml").write_text(
        (company / "agents.yaml").read_text("utf-8").replace("order: ", "general: ", 1), "utf-8"
    )
    problems = check_rules(company)
    assert any(p.file.name == "main.yaml" and "'order'" in p.text for p in problems), problems


def test_the_rules_of_follow_up_calls_are_looked_at_as_well(company: Path) -> None:
    line = edit(company, "follow_ups.yaml", "queue: returns", "queue: lost")
    (problem,) = check_rules(company)
    assert (problem.file.name, problem.line) == ("follow_ups.yaml", line)
    assert "there is no queue lost" in problem.text


def test_going_back_puts_the_files_back(company: Path, versions: Versions) -> None:
    before = files(company)
    versions.keep(company, author="mei")
    edit(company, "queues.yaml", "threshold: 20", "threshold: 25")
    versions.keep(company, author="mei")
    version = versions.roll_back(company, None, author="lei", check=check_rules)
    assert files(company) == before
    assert (version.number, version.author, version.note) == (3, "lei", "rollback to 1")
    assert load_company(version.folder) == load_rules(company)


def test_going_back_also_takes_a_file_away(company: Path, versions: Versions) -> None:
    text = (company / "queues.yaml").read_text(encoding="utf-8")
    whole = (company / "routing.yaml").read_bytes()
    (company / "routing.yaml").unlink()
    for name, number in (("normal", "0"), ("urgent", "5"), ("vip", "10")):
        text = text.replace(f"priority: {name}", f"priority: {number}")
    (company / "queues.yaml").write_text(text, encoding="utf-8")
    for file in (company / "menus").glob("*.yaml"):  # the menus set attributes and ask for them
        if file.name != "main.yaml":
            file.unlink()
            continue
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        text = "".join(line for line in lines if "    set: {" not in line)
        file.write_text(text.replace("kind: flow\n    flow: shop", "kind: goto\n    next: person"))
    assert check_rules(company) == []
    versions.keep(company, author="mei")
    (company / "routing.yaml").write_bytes(whole)
    versions.keep(company, author="mei")
    versions.roll_back(company, 1, author="mei", check=check_rules)
    assert not (company / "routing.yaml").exists()


def test_going_back_to_what_does_not_fit_today_changes_nothing(
    company: Path, versions: Versions
) -> None:
    versions.keep(company, author="mei")
    edit(company, "queues.yaml", "threshold: 20", "threshold: 25")
    versions.keep(company, author="mei")
    edit(company, "hours.yaml", "  presale:\n", "  mornings:\n")
    before = files(company)
    with pytest.raises(BadFile, match="no hours presale"):
        versions.roll_back(company, 1, author="mei", check=check_rules)
    assert files(company) == before
    assert len(versions.all()) == 2


# -- the commands ----------------------------------------------------------------------------


@pytest.fixture
def huawu(company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("HUAWU_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("HUAWU_COMPANY", str(company))
    monkeypatch.setattr(change.getpass, "getuser", lambda: "mei")
    return CliRunner()


def test_reload_with_a_mistake_prints_it_and_keeps_the_rules(
    huawu: CliRunner, company: Path, versions: Versions
) -> None:
    assert huawu.invoke(app, ["rules", "reload"]).exit_code == 0
    line = edit(company, "queues.yaml", "{logistics: 1}", "{logistik: 1}")
    for command in ("check", "reload"):
        result = huawu.invoke(app, ["rules", command])
        assert result.exit_code == 1
        assert f"queues.yaml:{line}: no agent has the skill logistik" in result.output
        assert "mend: correct the name" in result.output
    assert len(versions.all()) == 1


def test_reload_versions_and_rollback(huawu: CliRunner, company: Path) -> None:
    assert "version 1 by mei" in huawu.invoke(app, ["rules", "reload"]).output
    edit(company, "queues.yaml", "threshold: 20", "threshold: 25")
    assert "version 2 by lei" in huawu.invoke(app, ["rules", "reload", "--author", "lei"]).output
    assert "in use already" in huawu.invoke(app, ["rules", "reload"]).output
    assert "version 3 by mei" in huawu.invoke(app, ["rules", "rollback"]).output
    listed = huawu.invoke(app, ["rules", "versions"]).output.splitlines()
    assert [line.split()[0] for line in listed] == ["3", "2", "1"]
    assert "threshold: 25" not in (company / "queues.yaml").read_text(encoding="utf-8")
    refused = huawu.invoke(app, ["rules", "rollback", "9"])
    assert isinstance(refused.exception, NoSuchVersion)
