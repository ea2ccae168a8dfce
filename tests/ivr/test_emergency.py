"""The emergency switch: what is on, what was, and which plans are refused."""

import shutil

import pytest

from ivr.emergency import BUILT_IN, EVERYTHING, Action, Switch, SwitchBook, Then
from ivr.versions import load_version
from store.source import BadFile
from tests.example_company import COMPANY

BUSY = Action(say="emergency_busy")


def switch(scope: str, action: Action | None, at: float = 1.0, author: str = "mei") -> Switch:
    return Switch(at=at, author=author, scope=scope, action=action)


def test_the_last_switch_of_a_scope_is_its_state_for_everybody_and_after_a_restart(tmp_path):
    file = tmp_path / "state" / "emergency.jsonl"
    mine, other = SwitchBook(file), SwitchBook(file)
    assert (other.state(), other.history()) == ({}, ())
    first = switch(EVERYTHING, BUSY)
    mine.write(first)
    assert other.on(EVERYTHING) == first
    mine.write(switch("order", Action(flow="night"), 2.0))
    other.write(switch(EVERYTHING, None, 3.0, "lei"))
    assert mine.on(EVERYTHING) is None
    assert list(mine.state()) == ["order"]
    again = SwitchBook(file)
    assert again.state() == mine.state()
    assert [(s.at, s.author, s.scope) for s in again.history()] == [
        (1.0, "mei", "everything"), (2.0, "mei", "order"), (3.0, "lei", "everything"),
    ]  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path):
    file = tmp_path / "emergency.jsonl"
    SwitchBook(file).write(switch("order", BUSY))
    with file.open("a") as torn:
        torn.write('\n{"at": 2.0, "auth')
    book = SwitchBook(file)
    assert list(book.state()) == ["order"]
    book.write(switch("order", None))
    assert book.state() == {}


@pytest.mark.parametrize("action", [{}, {"say": "x", "flow": "y"}, {"say": "x", "then": "shout"}])
def test_an_action_says_one_thing(action):
    with pytest.raises(ValueError):
        Action.model_validate(action)


# ---- the plan ----


@pytest.fixture
def company(tmp_path):
    shutil.copytree(COMPANY, tmp_path / "company", ignore=shutil.ignore_patterns("*.wav"))
    return tmp_path / "company"


def test_the_example_and_a_company_without_a_plan_have_the_built_in_presets(company):
    plan = load_version(company).emergency
    assert plan.actions.keys() > BUILT_IN.keys()
    assert plan.feature_code.preset == "system_trouble"
    (company / "emergency.yaml").unlink()
    plan = load_version(company).emergency
    assert plan.actions == BUILT_IN
    assert plan.feature_code is None


def test_a_text_of_the_plan_is_recorded_like_one_of_the_menu(company):
    text = "presets:\n  fire: {text: {zh-CN: 仓库着火, en: Fire}, then: hang_up}\n"
    (company / "emergency.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_version(company)
    assert [(p.file.name, p.line, p.mend) for p in bad.value.problems] == [
        ("emergency.yaml", 2, "run ./huawu ivr say")
    ] * 2
    version = load_version(company, recorded=False)
    assert version.emergency.actions["fire"] == Action(say="emergency-fire", then=Then.HANG_UP)
    assert version.flow.shelf.find("emergency-fire", "en").text == "Fire"


def test_a_preset_may_say_a_prompt_of_the_menu_or_lead_into_a_flow(company):
    (company / "emergency.yaml").write_text(
        "presets:\n  hello: {say: main-greeting}\n  again: {flow: main}\n", encoding="utf-8"
    )
    version = load_version(company)
    assert version.emergency.actions["again"] == Action(flow="main")
    assert version.entry("main") == version.flow.data.start
    assert version.entry("lost") == ""


@pytest.mark.parametrize(
    "text, line, said, mend",
    [
        ("presets:\n  x: {say: nothing}", 2, "there is no announcement nothing", "ivr say"),
        ("presets:\n  x: {flow: night}", 2, "there is no flow night", "flows are main"),
        ("presets:\n  x: {text: {zh-CN: 好}}", 2, "x is in zh-CN", "must be in zh-CN, en"),
        ("presets:\n  x: {text: {zh-CN: 好, en: a, fr: b}}", 2, "x is in zh-CN, en, fr", "zh-CN"),
        ("presets:\n  x: {say: a, flow: b}", 2, "needs one of text, say", ""),
        ("presets:\n  x: {say: a, then: shout}", 2, "presets.x.then", ""),
        ("feature_code: {preset: x, agents: ['8007']}", 1, "no preset x", "presets are"),
        ("feature_code: {preset: busy, agents: ['8999']}", 1, "no agent 8999", "agents.yaml"),
        ("feature_code: {preset: busy, agents: []}", 1, "feature_code.agents", ""),
    ],
)  # fmt: skip
def test_mistakes_of_a_plan(company, text, line, said, mend):
    (company / "emergency.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_version(company)
    problem = bad.value.problems[0]
    assert (problem.file.name, problem.line) == ("emergency.yaml", line)
    assert said in problem.text
    assert mend in problem.mend
