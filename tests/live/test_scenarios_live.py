"""A handful of the example company's scenarios over real calls, by the command itself."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from controller.settings import ROOT
from tests.example_company import COMPANY
from tests.live.stack import Stack

pytestmark = pytest.mark.live

CHOSEN = ("返回", "说要转人工", "没有活动")
"""Parts of names: keys, digits, two languages and a hang-up; words; a scripted shop."""


def run(stack: Stack, file: Path) -> subprocess.CompletedProcess[str]:
    words = ["ivr", "test", "--sip", "--company", str(COMPANY), str(file)]
    with stack.environment():
        return subprocess.run(
            [sys.executable, "-P", "-m", "controller", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


def test_scenarios_come_out_over_real_calls_as_in_memory(stack: Stack, tmp_path: Path) -> None:
    every = [
        scenario
        for file in sorted((COMPANY / "scenarios").glob("*.yaml"))
        for scenario in yaml.safe_load(file.read_text(encoding="utf-8"))["scenarios"]
    ]
    some = [scenario for scenario in every if any(part in scenario["name"] for part in CHOSEN)]
    assert len(some) >= 5
    chosen = tmp_path / "chosen.yaml"
    chosen.write_text(yaml.safe_dump({"scenarios": some}, allow_unicode=True), encoding="utf-8")
    done = run(stack, chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(some)} of {len(some)} scenarios are good, over SIP" in done.stdout
