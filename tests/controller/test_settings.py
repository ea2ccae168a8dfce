"""Settings: precedence, defaults, and errors that name field and source."""

from pathlib import Path

import pytest

from controller.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("HUAWU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HUAWU_STATE", str(tmp_path / "state"))


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "huawu.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_need_no_file(tmp_path: Path) -> None:
    settings = load_settings(root=tmp_path)
    assert settings.web_port == 8080
    assert settings.effective_redis_url == f"unix://{tmp_path}/state/run/redis.sock"
    assert settings.effective_database_url == f"sqlite:///{tmp_path}/state/huawu.db"
    assert settings.private_redis
    assert settings.web_url == "http://127.0.0.1:8080"


def test_environment_beats_state_file_beats_root_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "web_port = 8001\nsip_port = 5001\nagi_port = 4001\n")
    write(tmp_path / "state", "web_port = 8002\nsip_port = 5002\n")
    monkeypatch.setenv("HUAWU_WEB_PORT", "8003")
    settings = load_settings(root=tmp_path)
    assert (settings.web_port, settings.sip_port, settings.agi_port) == (8003, 5002, 4001)


def test_relative_folders_are_relative_to_their_file(tmp_path: Path) -> None:
    write(tmp_path / "state", 'company = "shop"\n')
    assert load_settings(root=tmp_path).company == tmp_path / "state" / "shop"


def test_an_empty_variable_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUAWU_ASTERISK_ROOT", "")
    assert load_settings(root=tmp_path).asterisk_root is None


@pytest.mark.parametrize(
    "text, says",
    [
        ('bind = "127.0.0.1"\nweb_port = "many"\n', "huawu.toml:2: web_port: "),
        ("webport = 1\n", "huawu.toml:1: no setting is called 'webport'"),
        ("web_port = \n", "huawu.toml: not readable as TOML"),
        ('bind = "everywhere"\n', "huawu.toml:1: bind: 'everywhere' does not appear to be"),
        ("web_port = 5060\n", "sip_port and web_port are both 5060"),
        ("rtp_start = 10000\nrtp_end = 10010\n", "at least 20 ports"),
    ],
)
def test_errors_name_field_and_place(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path / "state", text)
    with pytest.raises(SettingsError) as caught:
        load_settings(root=tmp_path)
    assert says in str(caught.value)


def test_error_from_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUAWU_RTP_END", "99999")
    with pytest.raises(SettingsError, match=r"HUAWU_RTP_END in the environment: .*'99999'"):
        load_settings(root=tmp_path)


@pytest.mark.parametrize(
    "bind, address",
    [
        ("::1", "[::1]"),
        ("::", "[::1]"),
        ("0.0.0.0", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_the_address_of_the_pages_can_be_typed_here(bind: str, address: str) -> None:
    assert Settings(bind=bind).web_url == f"http://{address}:8080"


def test_each_controller_has_ports_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUAWU_CONTROLLERS", "2")
    first, second = load_settings(root=tmp_path).each_controller()
    assert (first.controller_name, first.web_url) == ("controller", "http://127.0.0.1:8080")
    assert (second.controller_name, second.web_url) == ("controller-2", "http://127.0.0.1:8081")
    assert (first.own_agi_port, second.own_agi_port) == (4573, 4574)
    monkeypatch.setenv("HUAWU_CONTROLLER", "2")  # as the supervisor starts it
    assert load_settings(root=tmp_path).own_web_port == 8081


@pytest.mark.parametrize(
    "text, said",
    [
        ("controllers = 5", "controllers"),
        ("controllers = 0", "controllers"),
        ("controllers = 2\nweb_port = 5059", "sip_port and web_port are both 5060"),
        ("controllers = 2\nagi_port = 65535", "agi_port leaves no port for 2 controllers"),
    ],
)
def test_ports_of_several_controllers_must_fit(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsError, match=said):
        load_settings(root=tmp_path)


@pytest.mark.parametrize(
    "text, says",
    [
        (
            '[shop]\nurl = "http://shop.example.com"\n',
            "huawu.toml:1: shop: http to another machine",
        ),
        ('bind = "127.0.0.1"\n[shop]\nurl = "shop"\n', "huawu.toml:2: shop: 'shop' is no address"),
        ('[shop]\nurl = "https://me@shop.example.com"\n', "no user"),
        ('[shop]\nurll = "x"\n', "no setting is called 'shop.urll'; there are: attempts, "),
        ("[shop]\nseconds = 90\n", "shop.seconds: .* less than or equal to 10"),
        ('[mail]\nhost = "mail.example.com"\nstarttls = false\n', "on this machine alone"),
        ('[mail]\nsender = "a@b\\r\\nBcc: x@y"\n', "mail.sender"),
    ],
)
def test_what_lies_outside_is_reached_safely(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path / "state", text)
    with pytest.raises(SettingsError, match=says):
        load_settings(root=tmp_path)


def test_no_complaint_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "state", '[shop]\nurl = "x"\ntoken = "swordfish"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(root=tmp_path)
    assert "swordfish" not in str(caught.value)
    write(tmp_path / "state", "[shop]\ntoken = 815\n")
    with pytest.raises(SettingsError, match=r"shop.token: [^8]*$"):
        load_settings(root=tmp_path)


def test_the_environment_sets_parts_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "state", '[shop]\nurl = "https://shop.example.com/menu"\nseconds = 2\n')
    monkeypatch.setenv("HUAWU_SHOP__TOKEN", "swordfish")
    shop = load_settings(root=tmp_path).shop
    assert (shop.url, shop.seconds) == ("https://shop.example.com/menu", 2.0)
    assert shop.token.get_secret_value() == "swordfish"
    assert "swordfish" not in repr(load_settings(root=tmp_path))
    monkeypatch.setenv("HUAWU_SHOP__SECONDS", "many")
    with pytest.raises(SettingsError, match="HUAWU_SHOP__SECONDS in the environment"):
        load_settings(root=tmp_path)
