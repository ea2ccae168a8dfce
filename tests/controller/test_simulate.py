"""`huawu simulate` and `huawu replay` at the command line."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from acd.simulation.replay import read_events
from controller.cli import app
from controller.settings import load_settings
from store.database import migrate, open_database
from store.event_log import EventLog
from tests.acd.simulation.golden import DAY, FOLDER

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def golden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUAWU_COMPANY", str(FOLDER))
    monkeypatch.setenv("HUAWU_STATE", str(tmp_path / "state"))


def run(*words: str, code: int = 0) -> str:
    result = RUNNER.invoke(app, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def test_simulated_days_as_a_table_with_pictures(tmp_path: Path) -> None:
    out = tmp_path / "out"
    table = run("simulate", "--days", "2", "--seed", "3", "--out", str(out))
    for word in ("service level", "returns", "occupancy", "Student's t", "hours per second"):
        assert word in table
    assert {file.name for file in out.iterdir()} == {
        "queues.svg",
        "waits.svg",
        "day.svg",
        "simulation.json",
    }
    assert all(file.stat().st_size > 1000 for file in out.iterdir())


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = (
        json.loads(run("simulate", "--days", "1", "--seed", "5", "--json")) for _ in range(2)
    )
    for found in (first, second):
        del found["speed"]
    assert first == second
    assert first["queues"]["all"]["offered"]["mean"] > 100


def test_a_recorded_day_can_be_the_traffic() -> None:
    found = json.loads(run("simulate", str(DAY), "--days", "1", "--json"))
    assert found["queues"]["all"]["offered"]["mean"] == pytest.approx(187, abs=15)


def test_the_recorded_day_comes_out_the_same() -> None:
    assert "all came out the same" in run("replay", str(DAY))


def test_other_rules_make_exit_code_1_and_a_diff(tmp_path: Path, golden: None) -> None:
    del golden
    other = changed_company(tmp_path)
    result = RUNNER.invoke(app, ["replay", str(DAY)], env={"HUAWU_COMPANY": str(other)})
    assert result.exit_code == 1
    assert "came out differently" in result.stdout
    assert "\n- {" in result.stdout


def changed_company(folder: Path) -> Path:
    other = folder / "other"
    other.mkdir()
    for file in FOLDER.glob("*.yaml"):
        text = file.read_text(encoding="utf-8").replace("strategy: random", "strategy: linear")
        (other / file.name).write_text(text, encoding="utf-8")
    return other


def test_changed_rules_are_compared_in_a_table(tmp_path: Path) -> None:
    table = run("replay", str(DAY), "--company", str(changed_company(tmp_path)))
    for word in ("recorded", "same rules", "changed rules", "abandoned", "calls answered by"):
        assert word in table


def test_a_day_of_the_event_log() -> None:
    async def fill() -> None:
        address = load_settings().effective_database_url
        await migrate(address)
        database = open_database(address)
        log = EventLog(database)
        await log.append(
            [(f"{int(event.at * 1000)}-{i}", event) for i, event in enumerate(read_events(DAY))]
        )
        await database.close()

    asyncio.run(fill())
    assert "all came out the same" in run("replay", "2026-01-05")


def test_a_day_of_which_nothing_is_known_is_told() -> None:
    result = RUNNER.invoke(app, ["replay", str(FOLDER / "nothing.jsonl")])
    assert "nothing.jsonl" in str(result.exception)
