"""The emergency switch at the command line: it works also while nothing runs."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller import emergencies
from controller.cli import app
from controller.settings import ROOT
from ivr.emergency import CannotSwitch
from telephony.events import EmergencySwitched


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[EmergencySwitched]:
    """A company and a state folder of its own; what goes into the event log."""
    company = tmp_path / "company"
    shutil.copytree(ROOT / "company", company, ignore=shutil.ignore_patterns("*.wav", "speech"))
    monkeypatch.setenv("HUAWU_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("HUAWU_COMPANY", str(company))
    events: list[EmergencySwitched] = []

    async def append(_: object, event: EmergencySwitched) -> None:
        events.append(event)

    monkeypatch.setattr(emergencies, "append_event", append)
    return events


def huawu(*words: str) -> Result:
    return CliRunner().invoke(app, ["ivr", "emergency", *words])


def test_on_status_off(told: list[EmergencySwitched], tmp_path: Path) -> None:
    result = huawu("on", "delays", "--queue", "logistics", "--author", "mei", "--note", "snow")
    assert result.exit_code == 0, result.output
    assert "in front of logistics" in result.output
    assert huawu("on", "--say", "main-greeting", "--then", "voicemail").exit_code == 0
    listed = huawu("status").output
    assert "logistics    say emergency_delays, then go_on  mei  snow" in listed
    assert "everything   say main-greeting, then voicemail" in listed
    assert "preset system_trouble, from the phones 8007, 8008" in listed
    assert huawu("off", "--author", "lei").exit_code == 0
    assert huawu("off", "--queue", "logistics").exit_code == 0
    assert "on:\n  nothing\n" in huawu("status").output
    assert [(event.scope, event.on, event.author) for event in told][:3] == [
        ("logistics", True, "mei"), ("everything", True, told[1].author),
        ("everything", False, "lei"),
    ]  # fmt: skip
    lines = (tmp_path / "state" / "emergency.jsonl").read_text(encoding="utf-8").split()
    assert [json.loads(line)["scope"] for line in lines] == [
        "logistics", "everything", "everything", "logistics",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words, said",
    [
        (("on", "nothing"), "there is no preset nothing"),
        (("on", "delays", "--queue", "nowhere"), "there is no queue nowhere"),
        (("on", "delays", "--then", "shout"), "then is one of go_on, hang_up, voicemail"),
        (("on", "--say", "nothing"), "mend: write the text into emergency.yaml"),
        (("on",), "name a preset"),
        (("off",), "nothing is switched on in front of everything"),
    ],
)
def test_what_cannot_be_switched_is_told_with_its_mend(
    told: list[EmergencySwitched], words: tuple[str, ...], said: str
) -> None:
    result = huawu(*words)
    assert result.exit_code == 1
    assert isinstance(result.exception, CannotSwitch)
    assert said in str(result.exception)
    assert told == []
