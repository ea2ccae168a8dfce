"""The file of follow-up rules while calls go on: read anew when it changes, kept when broken."""

import os
from pathlib import Path

import pytest

from controller.after_calls import FollowUpFile

RULE = "rules: [{name: a, when: {queues: [order]}, delay: 1, queue: order}]\n"


@pytest.fixture
def rules(tmp_path: Path) -> FollowUpFile:
    return FollowUpFile(tmp_path, lambda: ["order"], lambda: ["always"])


def write(folder: Path, text: str, moment: float) -> None:
    file = folder / "follow_ups.yaml"
    file.write_text(text, encoding="utf-8")
    os.utime(file, (moment, moment))


def test_it_is_read_anew_when_it_changes(rules: FollowUpFile, tmp_path: Path) -> None:
    assert not rules().rules
    write(tmp_path, RULE, 1.0)
    assert [rule.name for rule in rules().rules] == ["a"]
    write(tmp_path, RULE.replace("name: a", "name: b"), 2.0)
    assert [rule.name for rule in rules().rules] == ["b"]
    (tmp_path / "follow_ups.yaml").unlink()
    assert not rules().rules


def test_a_broken_one_changes_nothing_and_is_told_of_once(
    rules: FollowUpFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, RULE, 1.0)
    rules()
    write(tmp_path, RULE.replace("queue: order", "queue: gone"), 2.0)
    for _ in range(3):
        assert [rule.name for rule in rules().rules] == ["a"]
    assert capsys.readouterr().out.count("there is no queue gone") == 1
