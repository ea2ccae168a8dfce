"""Generated passwords: kept, private, never repeated, never shown by accident."""

import stat
from pathlib import Path

import pytest

from controller.credentials import (
    CredentialsError,
    ensure_credentials,
    load_credentials,
    take_unshown,
)


def test_first_start_makes_everything(tmp_path: Path) -> None:
    file = tmp_path / "state" / "secrets.json"
    credentials, new = ensure_credentials(file, ["8001", "8002"])
    assert new == ["admin", "supervisor", "8001", "8002"]
    assert set(credentials.sip) == {"customer", "trunk", "agent8001", "agent8002"}
    assert all(len(password) == 24 for password in credentials.sip.values())
    secrets = [credentials.ami_password, *credentials.sip.values(), *credentials.web.values()]
    assert len(set(secrets)) == len(secrets)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_second_start_keeps_them_and_adds_new_agents(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first, _ = ensure_credentials(file, ["8001"])
    second, new = ensure_credentials(file, ["8001", "8002"])
    assert new == ["8002"]
    assert second.ami_password == first.ami_password
    assert second.sip["agent8001"] == first.sip["agent8001"]
    assert load_credentials(file) == second
    assert ensure_credentials(file, ["8001", "8002"])[1] == []


def test_no_secret_in_the_repr(tmp_path: Path) -> None:
    credentials, _ = ensure_credentials(tmp_path / "secrets.json", ["8001"])
    shown = repr(credentials)
    assert not any(
        secret in shown for secret in (credentials.ami_password, *credentials.sip.values())
    )


@pytest.mark.parametrize("text", ["", "{", '{"ami": 1}', "[]"])
def test_a_damaged_file_is_named_and_kept(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CredentialsError, match=r"secrets\.json is damaged"):
        ensure_credentials(file, [])
    assert file.read_text(encoding="utf-8") == text


def test_each_password_is_printed_once(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    credentials, _ = ensure_credentials(file, ["8001"])
    assert take_unshown(file, credentials) == ["admin", "supervisor", "8001"]
    credentials, _ = ensure_credentials(file, ["8001", "8002"])
    assert take_unshown(file, credentials) == ["8002"]
    assert take_unshown(file, credentials) == []
