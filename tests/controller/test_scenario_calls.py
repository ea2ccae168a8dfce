"""`huawu ivr test`: what it prints, and how texts that were not played are noticed."""

from pathlib import Path

import pytest

from controller.private import free_ports
from controller.scenario_calls import Calls, Log, shortest, spoken_seconds
from controller.scenario_test import main, way
from controller.settings import load_settings
from ivr.scenarios import Seen
from ivr.versions import FlowVersion
from telephony.events import MenuLeft, MenuStepTaken, RecordedEvent
from tests.example_company import COMPANY, example_menu
from tests.tones import tone


@pytest.fixture(scope="module")
def version() -> FlowVersion:
    return example_menu()


def run(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main(load_settings(), [str(file), "--company", str(COMPANY)])
    return code, capsys.readouterr().out.splitlines()


def test_what_went_wrong_is_told_with_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.yaml"
    text = "scenarios:\n  - {name: orders, does: ['1', '9', '2'], expect: {queue: order}}\n"
    file.write_text(text, encoding="utf-8")
    code, said = run(file, capsys)
    assert (code, said[0].split()) == (0, ["ok", "one.yaml:2", "orders"])
    file.write_text(text.replace("queue: order", "queue: vip"), encoding="utf-8")
    code, said = run(file, capsys)
    assert code == 1
    assert said[1:3] == [
        "          queue: expected vip, was order",
        "          the way: greeting → language 1 → who → main_menu 9 2 → order → queue order",
    ]
    assert said[3].startswith("0 of 1 scenarios are good, in memory")


def test_a_way_shows_silences() -> None:
    steps = [("a", ""), ("a", ""), ("a", "3"), ("b", "")]
    assert way(Seen(steps=steps)) == "a (silence) 3 → b → no end"


def greeting(seconds: float) -> list[RecordedEvent]:
    """A caller who hears the greeting for so long."""
    return [
        MenuStepTaken(at=10, contact="c", node="greeting", key=""),
        MenuStepTaken(at=10 + seconds, contact="c", node="language", key=""),
        MenuLeft(at=20, contact="c", node="language", ending="caller_gone", solved=False),
    ]


def test_a_text_that_was_cut_or_not_heard_is_a_fault(tmp_path: Path, version: FlowVersion) -> None:
    class NoLog(Log):
        def __init__(self) -> None:
            pass

    calls = Calls(NoLog(), None, version, tmp_path)  # type: ignore[arg-type] - nobody calls
    whole = shortest(version.flow, "greeting")
    assert whole > 5
    heard = tone(tmp_path / "heard.wav", 600, whole)
    assert calls._unheard(greeting(whole), heard) == []
    assert "greeting lasted 1.0 s" in calls._unheard(greeting(1.0), heard)[0]
    assert "0.0 s of speech" in calls._unheard(greeting(whole), tmp_path / "none.wav")[0]


def test_speech_is_told_from_silence(tmp_path: Path) -> None:
    assert spoken_seconds(tone(tmp_path / "a.wav", 600, 1.0)) == pytest.approx(1.0, abs=0.05)


def test_private_ports_differ() -> None:
    assert len(set(free_ports(5))) == 5
