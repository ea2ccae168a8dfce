"""The message script against a scripted Asterisk on its standard input and output."""

import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.asterisk_node import TEMPLATES

SCRIPT = TEMPLATES / "agi-bin" / "leave_message.py"
CONTACT = "huawu-1763760000.12"
VARIABLES = {
    "HUAWU_CONTACT": CONTACT,
    "CALLERID(num)": "13800138000",
    "HUAWU_QUEUE": "order",
    "HUAWU_LANGUAGE": "zh-CN",
    "HUAWU_ENQUEUED": "1763760001.500",
}


def converse(folder: Path, answer: Callable[[str], str | None], **variables: str) -> list[str]:
    """Run the script; ``answer`` gives a command's answer, None hangs up. Returns the commands."""
    known = {**VARIABLES, **variables}
    commands: list[str] = []
    with subprocess.Popen(
        [sys.executable, SCRIPT, folder, "/prompt", "/goodbye"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as script:  # fmt: skip
        assert script.stdin
        assert script.stdout
        script.stdin.write("agi_request: leave_message.py\nagi_callerid: 13800138000\n\n")
        script.stdin.flush()
        for line in script.stdout:
            commands.append(line.strip())
            verb, _, rest = line.strip().partition(" ")
            if verb == "GET":
                name = rest.partition(" ")[2].strip('"')
                reply: str | None = f"200 result=1 ({known[name]})"
            else:
                reply = answer(line.strip())
            if reply is None:
                script.stdin.close()
                break
            script.stdin.write(reply + "\n")
            script.stdin.flush()
        script.wait(5)
        assert script.stderr
        assert "13800138000" not in script.stderr.read()
    return commands


def record(folder: Path, seconds: int) -> None:
    with wave.open(str(folder / f"{CONTACT}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000 * seconds))


def kept(folder: Path) -> dict[str, object]:
    file = folder / f"{CONTACT}.json"
    assert file.stat().st_mode & 0o777 == 0o600
    found: dict[str, object] = json.loads(file.read_text())
    return found


def test_it_can_be_started_by_asterisk() -> None:
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_text().startswith("#!/usr/bin/env python3\n")


def test_a_message_is_kept_with_what_is_known_of_the_caller(tmp_path: Path) -> None:
    folder = tmp_path / "messages"

    def answer(command: str) -> str:
        if command.startswith("RECORD FILE"):
            record(folder, 3)
        return "200 result=0 endpos=8000"

    commands = converse(folder, answer)
    assert [command.split()[0] for command in commands[5:]] == [
        "STREAM", "EXEC", "RECORD", "STREAM", "SET"
    ]  # fmt: skip
    assert commands[-1] == 'SET VARIABLE "HUAWU_TAKEN" "1"'
    message = kept(folder)
    assert message.pop("at")
    assert message == {
        "contact": CONTACT,
        "caller": "13800138000",
        "queue": "order",
        "language": "zh-CN",
        "enqueued": "1763760001.500",
        "audio": f"{CONTACT}.wav",
        "seconds": 3.0,
    }


@pytest.mark.parametrize("way", ["closes", "fails"])
def test_a_caller_who_hangs_up_in_the_prompt_is_still_called_back(tmp_path: Path, way: str) -> None:
    converse(tmp_path, lambda _: None if way == "closes" else "200 result=-1")
    assert kept(tmp_path)["audio"] == ""


def test_a_caller_who_hangs_up_after_the_message(tmp_path: Path) -> None:
    def answer(command: str) -> str:
        if command.startswith("RECORD FILE"):
            record(tmp_path, 2)
            return "200 result=-1 (hangup) endpos=16000"
        return "200 result=0 endpos=8000"

    commands = converse(tmp_path, answer)
    assert not any("HUAWU_TAKEN" in command for command in commands)
    assert kept(tmp_path)["seconds"] == 2.0


def test_a_contact_id_that_is_a_path_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    converse(folder, lambda _: "200 result=0", HUAWU_CONTACT="../x")
    assert not list(tmp_path.rglob("*"))
