"""`check` and `test`: is the code good, and does the whole line work with real calls?"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from controller.asterisk_node import find_asterisk, unpacked_root
from controller.settings import ROOT, Settings
from controller.setup import apt
from controller.setup.progress import Progress
from controller.setup.steps import prepare_programs

TEST_PACKAGES = ("chromium", "iproute2", "postgresql", "redis-server")
"""Debian packages of the live tests: browser, list of listening sockets, databases."""

_BIN = Path(sys.executable).parent
_STATIC = {
    "formatting": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("mypy", "--no-error-summary"),
    "import contracts": ("lint-imports", "--no-cache"),
}
_BESIDE = {**_STATIC, "simulated days": ("pytest", "-q", "-m", "simulated")}


@dataclass(frozen=True, slots=True)
class _Outcome:
    title: str
    seconds: float
    output: str
    good: bool


def check() -> int:
    """Everything that needs no calls. Returns 0 when all of it is good, else 1.

    The tests wait more than they work, so the static checks run beside them.
    """
    _offer_missing_redis()
    with ThreadPoolExecutor(max_workers=1) as pool:
        static = [pool.submit(_run_beside, title, words) for title, words in _STATIC.items()]
        tests = _pytest(["-n", "4", "--dist", "worksteal", "-m", "not live and not simulated"])
        good = _report([outcome.result() for outcome in static])
    return 0 if tests == 0 and good else 1


def test(settings: Settings, words: Sequence[str]) -> int:
    """Install what the tests need, then run all of them; `words` are handed on to pytest.

    With words, only pytest runs. Returns 0 when all is good, else 1.
    """
    progress = Progress()
    with progress.step("system packages of the tests") as step:
        missing = apt.missing_packages(TEST_PACKAGES)
        if missing:
            apt.install_packages(missing, log=settings.log_dir / "apt.log")
        step.note = ", ".join(missing) or "installed before"
    prepare_programs(settings, progress)
    if find_asterisk(settings).argv[-1].startswith(str(unpacked_root(settings))):
        # Each live test has a state folder of its own, and all share this Asterisk.
        os.environ["HUAWU_ASTERISK_ROOT"] = str(unpacked_root(settings))
    if words:
        return _pytest(words)
    with ThreadPoolExecutor(max_workers=1) as pool:
        # What computes goes on beside the calls; they wait more than they work, and so three
        # workers with an Asterisk each keep two processors busy.
        beside = [pool.submit(_run_beside, title, words) for title, words in _BESIDE.items()]
        tests = _pytest(["-n", "3", "--dist", "worksteal", "-m", "not simulated"])
        good = _report([outcome.result() for outcome in beside])
    return 0 if tests == 0 and good else 1


def _offer_missing_redis() -> None:
    if shutil.which("redis-server") is None:
        print("redis-server is missing; `./huawu test` installs it. Its tests will fail.")


def _report(outcomes: Sequence[_Outcome]) -> bool:
    """Print what the static checks found; whether all of it is good."""
    for outcome in outcomes:
        result = "ok" if outcome.good else "FAILED"
        print(f"  {outcome.title:<34} {result:<7} {outcome.seconds:6.1f} s")
    for outcome in outcomes:
        if not outcome.good:
            print(f"\n--- {outcome.title}\n{outcome.output.strip()}")
    sys.stdout.flush()
    return all(outcome.good for outcome in outcomes)


def _run_beside(title: str, words: Sequence[str]) -> _Outcome:
    """Run a program of our environment, which gives way to the tests; its output is kept."""
    begun = time.monotonic()
    done = subprocess.run(
        ["nice", "-n", "10", str(_BIN / words[0]), *words[1:]],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return _Outcome(
        title, time.monotonic() - begun, done.stdout + done.stderr, done.returncode == 0
    )


def _pytest(words: Sequence[str]) -> int:
    """Run pytest with its output going straight through; 0 or 1."""
    command = [sys.executable, "-P", "-m", "pytest", *words]
    # As many threads of linear algebra as processors in each worker would only wait for each other.
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, env=env, check=False)
    return 0 if done.returncode == 0 else 1
