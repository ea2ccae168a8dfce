"""The doctor: every problem with its mend, and a healthy part is no problem."""

import json
from pathlib import Path

import pytest

from controller.credentials import ensure_credentials
from controller.doctor import Finding, examine, report
from controller.settings import Settings
from store.database import migrate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path / "state", asterisk_root=tmp_path / "nothing")


def by_subject(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


async def test_a_machine_where_nothing_was_set_up(settings: Settings) -> None:
    found = by_subject(await examine(settings))
    for subject in ("asterisk", "database", "processes"):
        assert found[subject].is_problem, subject
    assert found["processes"].mend == "./huawu up"
    assert not found["python"].is_problem
    assert not found["file modes"].is_problem


async def test_files_that_others_can_read(settings: Settings) -> None:
    ensure_credentials(settings.secrets_file, [])
    settings.secrets_file.chmod(0o644)
    finding = by_subject(await examine(settings))["file modes"]
    assert str(settings.secrets_file) in finding.text
    assert finding.mend == f"chmod go= {settings.secrets_file}"


async def test_a_migrated_database_is_well(settings: Settings) -> None:
    await migrate(settings.effective_database_url)
    finding = by_subject(await examine(settings))["database"]
    assert (finding.is_problem, finding.text) == (False, "sqlite, schema is the newest")


def test_the_report_counts_and_shows_mends() -> None:
    findings = [Finding("disk", "ok"), Finding("redis", "is off", "turn it on")]
    text = report(findings, as_json=False)
    assert "mend: turn it on" in text
    assert text.endswith("1 problem")
    assert json.loads(report(findings, as_json=True))[1]["mend"] == "turn it on"
