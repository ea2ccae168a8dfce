"""`huawu import`: what it prints, its exit codes, and a folder that the whole house can use."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import app
from controller.problems import ProblemError
from controller.rules import check_rules
from ivr.versions import load_version
from tests.acd.importer.test_import import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def huawu_import(files: Files) -> tuple[int, str, BaseException | None]:
    names = [str(files.folder / name) for name in ("queues.conf", "agents.csv", "queue_log")]
    result = CliRunner().invoke(app, ["import", *names, "--into", str(files.into)])
    return result.exit_code, result.output, result.exception


def test_the_folder_is_good_for_rules_and_menu(files: Files) -> None:
    code, said, _ = huawu_import(files)
    assert code == 0, said
    assert "2 queues, 3 agents" in said
    assert "what has no equal" in said
    assert check_rules(files.into) == []
    assert load_version(files.into).flow.data.start == "person"
    assert huawu_import(files)[1].strip().endswith("nothing to do")


def test_a_mistake_is_printed_and_nothing_written(files: Files) -> None:
    line = files.edit("queues.conf", "weight = 3", "weight = heavy")
    code, said, _ = huawu_import(files)
    assert code == 1
    assert f"queues.conf:{line}: weight: 'heavy' is no whole number" in said
    assert "nothing was written" in said
    assert not files.into.exists()


def test_another_folder_is_a_clear_error(files: Files) -> None:
    files.into.mkdir()
    (files.into / "mine.txt").write_text("do not touch", "utf-8")
    code, _, error = huawu_import(files)
    assert code == 1
    assert isinstance(error, ProblemError)
    assert "holds something else" in str(error)
