"""Starting and telling: what is said when it works, and when it does not."""

import json
import sys
from pathlib import Path

import pytest

from controller import lifecycle
from controller.credentials import ensure_credentials
from controller.lifecycle import start, status, status_json, stop, welcome
from controller.problems import ProblemError
from controller.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path, web_port=1)


def test_the_welcome_shows_new_passwords_and_nothing_else(settings: Settings) -> None:
    credentials, _ = ensure_credentials(settings.secrets_file, ["8001", "8002"])
    text = welcome(settings, credentials, ["8002"])
    assert settings.web_url in text
    assert "127.0.0.1:5060" in text
    assert "8000" in text
    assert credentials.web["8002"] in text
    assert credentials.sip["agent8002"] in text
    assert credentials.sip["customer"] in text
    for hidden in (credentials.web["8001"], credentials.sip["agent8001"], credentials.ami_password):
        assert hidden not in text


def test_later_it_says_where_the_passwords_are(settings: Settings) -> None:
    credentials, _ = ensure_credentials(settings.secrets_file, ["8001"])
    text = welcome(settings, credentials, [])
    assert str(settings.secrets_file) in text
    for secret in (*credentials.web.values(), *credentials.sip.values()):
        assert secret not in text


def test_a_start_that_fails_shows_the_log_and_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [sys.executable, "-c", "print('the disk is on fire', flush=True); raise SystemExit(3)"]
    monkeypatch.setattr(lifecycle, "own_command", lambda *_: words)
    with pytest.raises(ProblemError, match="The supervisor ended") as caught:
        start(settings)
    assert "the disk is on fire" in str(caught.value)
    assert lifecycle.marked_processes(settings) == []


def test_a_start_that_takes_too_long_is_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import os, time\nfrom pathlib import Path\n"
        "from controller.processes import Mark\n"
        f"Mark.of(os.getpid()).write(Path({str(settings.run_dir / 'supervisor.pid')!r}))\n"
        "time.sleep(60)"
    )
    monkeypatch.setattr(lifecycle, "own_command", lambda *_: [sys.executable, "-c", code])
    with pytest.raises(ProblemError, match="Not ready after 1 s"):
        start(settings, ready_within_s=1)
    assert lifecycle.marked_processes(settings) == []


def test_nothing_runs(settings: Settings) -> None:
    states = status(settings)
    names = [state.name for state in states]
    assert names == ["supervisor", "redis", "asterisk", "controller", "hearing", "transcriber"]
    assert not any(state.runs for state in states)
    told = json.loads(status_json(settings, states, "why"))
    assert told["ready"] is False
    assert told["processes"]["redis"]["pid"] is None
    assert stop(settings)


def test_a_redis_of_others_is_not_ours_to_show(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, redis_url="redis://127.0.0.1:6379/0")
    assert "redis" not in [state.name for state in status(settings)]
