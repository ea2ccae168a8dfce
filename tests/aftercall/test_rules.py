"""follow_ups.yaml: what is refused, with line and mend."""

from pathlib import Path

import pytest

from aftercall.rules import FollowUps, load_follow_ups
from store.source import BadFile
from tests.example_company import COMPANY

GOOD = """\
low_score: {at_most: 2, queue: complaints}
never: ["13900000009"]
rules:
  - name: after_return
    when: {queues: [returns], outcomes: [answered], score_at_least: 3}
    delay: 1440
    hours: presale
    queue: returns
    share: 0.5
    days: 30
"""


def load(folder: Path, text: str) -> FollowUps:
    (folder / "follow_ups.yaml").write_text(text, encoding="utf-8")
    return load_follow_ups(folder, queues={"returns", "complaints"}, hours={"presale"})


def test_the_examples_file_is_good() -> None:
    queues = {"presale", "order", "logistics", "returns", "complaints", "general", "vip"}
    rules = load_follow_ups(COMPANY, queues=queues, hours={"presale", "always"})
    assert rules.rules
    assert rules.low_score.queue == "complaints"


def test_no_file_calls_nobody(tmp_path: Path) -> None:
    assert load_follow_ups(tmp_path, queues=(), hours=()) == FollowUps()


def test_a_good_file(tmp_path: Path) -> None:
    rules = load(tmp_path, GOOD)
    assert rules.rule("after_return") is rules.rules[0]
    assert rules.rule("other") is None
    assert rules.excludes("+8613900000009")
    assert not rules.excludes("13900000001")


@pytest.mark.parametrize(
    "old, new, line, words",
    [
        ("queue: returns", "queue: lost", 8, "there is no queue lost"),
        ("hours: presale", "hours: night", 7, "there is no hours night"),
        ("[answered]", "[happy]", 5, "there is no outcome happy"),
        ("[returns]", "[other]", 5, "there is no queue other"),
        ("queue: complaints", "queue: gone", 1, "there is no queue gone"),
        ("share: 0.5", "share: 2", 9, "less than or equal to 1"),
        ("delay: 1440", "delay: soon", 6, "valid integer"),
        ("days: 30", "day: 30", 10, "rules.0.day"),
        ("{queues: [returns], outcomes: [answered], score_at_least: 3}", "{}", 5, "condition"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(BadFile) as refused:
        load(tmp_path, GOOD.replace(old, new, 1))
    (problem,) = refused.value.problems
    assert problem.line == line
    assert words in problem.text


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="two rules after_return"):
        load(tmp_path, GOOD + GOOD.partition("rules:\n")[2])
