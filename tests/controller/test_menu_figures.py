"""`huawu ivr graph` and `huawu report` at the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli import app
from controller.settings import load_settings
from store.database import migrate, open_database
from store.event_log import EventLog
from telephony.events import MenuLeft, MenuStepTaken

RUNNER = CliRunner()
NOON = 1_795_665_600.0
"""2026-11-26 12:00:00 in Shanghai."""
DAY = "2026-11-26"


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUAWU_STATE", str(tmp_path / "state"))


def run(*words: str, code: int = 0) -> str:
    result = RUNNER.invoke(app, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


@pytest.fixture
def one_call() -> None:
    async def keep() -> None:
        url = load_settings().effective_database_url
        await migrate(url)
        database = open_database(url)
        step = MenuStepTaken(at=NOON, contact="a", node="greeting", key="", arrived=True)
        left = MenuLeft(
            at=NOON + 1, contact="a", node="greeting", ending="caller_gone", solved=False
        )
        await EventLog(database).append([("1-0", step), ("2-0", left)])
        await database.close()

    asyncio.run(keep())


def test_the_menu_is_drawn_into_a_file(tmp_path: Path) -> None:
    out = tmp_path / "menu.svg"
    assert str(out) in run("ivr", "graph", "--out", str(out), "--language", "en")
    assert out.read_text("utf-8").startswith("<svg ")


def test_a_flow_that_there_is_not() -> None:
    result = RUNNER.invoke(app, ["ivr", "graph", "--flow", "none"])
    assert "there is no flow 'none'" in str(result.exception)


@pytest.mark.usefixtures("one_call")
def test_a_day_is_drawn_and_reported() -> None:
    assert "✕ 1 · 100%" in run("ivr", "graph", "--day", DAY)
    table = [line.split() for line in run("report", "--day", DAY).splitlines()]
    assert ["main", "1", "0", "0", "1", "0.0%"] in table
    assert ["greeting", "1", "1", "100.0%"] in table
    found = json.loads(run("report", "--day", DAY, "--json"))
    assert found["nodes"][0]["drop_out"] == 1.0


def test_no_log_of_events_is_told() -> None:
    result = RUNNER.invoke(app, ["report"])
    assert "cannot be read" in str(result.exception)
    result = RUNNER.invoke(app, ["report", "--day", "tomorrow"])
    assert "'tomorrow' is no day" in str(result.exception)
