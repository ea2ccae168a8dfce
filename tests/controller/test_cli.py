"""The command line: every command explains itself, and exit codes can be trusted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from controller.cli import app
from controller.settings import ROOT

COMMANDS = sorted(
    name
    for name, command in get_command(app).commands.items()  # type: ignore[attr-defined]
    if not command.hidden
)


def huawu(*words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: v for name, v in os.environ.items() if not name.startswith("HUAWU_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "controller", *words],
        env={**environment, "PYTHONPATH": str(ROOT), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def in_process(*words: str) -> str:
    """What a command prints; its exit code must be 0."""
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def test_help_lists_every_command() -> None:
    text = in_process("--help")
    assert all(name in text for name in COMMANDS)
    assert "supervise" not in text


@pytest.mark.parametrize("name", ["up", "down", "status", "doctor", "check", "test"])
def test_each_command_has_an_example(name: str) -> None:
    assert f"./huawu {name}" in in_process(name, "--help")


def test_status_of_nothing_is_1(tmp_path: Path) -> None:
    answer = huawu("status", HUAWU_STATE=str(tmp_path), HUAWU_WEB_PORT="1")
    assert answer.returncode == 1
    assert "DOWN" in answer.stdout


def test_down_of_nothing_is_0(tmp_path: Path) -> None:
    answer = huawu("down", HUAWU_STATE=str(tmp_path))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_wrong_setting_is_one_clear_line(tmp_path: Path) -> None:
    answer = huawu("status", HUAWU_STATE=str(tmp_path), HUAWU_SIP_PORT="seven")
    assert answer.returncode == 1
    assert "HUAWU_SIP_PORT in the environment" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_unknown_command_is_2() -> None:
    assert CliRunner().invoke(app, ["fly"]).exit_code == 2
