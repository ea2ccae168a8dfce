"""A handful of the example company's scenarios over real calls, by the command itself."""

import re
import subprocess
import sys

import pytest

from controller.settings import ROOT
from tests.live.stack import Stack

pytestmark = pytest.mark.live


def run(stack: Stack, words: str) -> subprocess.CompletedProcess[str]:
    with stack.environment():
        return subprocess.run(
            [sys.executable, "-P", "-m", "controller", "ivr", "test", "--sip", "-k", words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )


def test_scenarios_come_out_over_real_calls_as_in_memory(stack: Stack) -> None:
    """Going back: keys, digits, the shop, two languages and a hang-up."""
    done = run(stack, "返回")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"(\d+) of (\d+) scenarios are good, over SIP", done.stdout)
    assert found, done.stdout
    assert int(found[1]) == int(found[2]) >= 3
