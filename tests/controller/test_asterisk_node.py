"""Asterisk's configuration: templates filled, private, complete; the program found."""

import stat
from pathlib import Path

import pytest

from controller.asterisk_node import (
    TEMPLATES,
    AgentLine,
    AsteriskNodeError,
    AsteriskProgram,
    QueueLine,
    asterisk_command,
    find_asterisk,
    render_configuration,
)
from controller.credentials import Credentials, ensure_credentials
from controller.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path / "state")


@pytest.fixture
def credentials(settings: Settings) -> Credentials:
    return ensure_credentials(settings.secrets_file, ["8001", "8002"])[0]


@pytest.fixture
def program(tmp_path: Path) -> AsteriskProgram:
    return AsteriskProgram(
        argv=("/usr/sbin/asterisk",),
        modules_dir=tmp_path / "modules",
        data_dir=tmp_path / "data",
        version="22.10.1",
    )


def template(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def test_blocks_are_repeated_for_agents_and_queues(
    tmp_path: Path, settings: Settings, credentials: Credentials, program: AsteriskProgram
) -> None:
    folder = tmp_path / "templates"
    template(folder, "asterisk.conf", "run=@@RUN_DIR@@\n")
    template(folder, "pjsip.conf", "port=@@SIP_PORT@@\n@@AGENTS@@\n")
    template(folder, "pjsip_agent.conf.in", "[@@AGENT_ENDPOINT@@] @@AGENT_NAME@@ @@SIP_PORT@@\n")
    template(folder, "queues.conf", "@@QUEUES@@")
    template(folder, "queues_queue.conf.in", "[@@QUEUE_ID@@]\n")
    conf = render_configuration(
        settings,
        credentials,
        program,
        agents=[AgentLine("8001", 'Li "Na"\n;x'), AgentLine("8002", "王伟")],
        queues=[QueueLine("presale"), QueueLine("vip")],
        templates=folder,
    )
    etc = settings.asterisk_dir / "etc"
    assert conf == etc / "asterisk.conf"
    assert (etc / "pjsip.conf").read_text(encoding="utf-8") == (
        "port=5060\n[agent8001] Li Nax 5060\n\n[agent8002] 王伟 5060\n\n"
    )
    assert (etc / "queues.conf").read_text(encoding="utf-8") == "[presale]\n\n[vip]\n"
    assert stat.S_IMODE((etc / "pjsip.conf").stat().st_mode) == 0o600
    assert stat.S_IMODE(etc.stat().st_mode) == 0o700


def test_an_unknown_placeholder_is_named_with_its_line(
    tmp_path: Path, settings: Settings, credentials: Credentials, program: AsteriskProgram
) -> None:
    folder = tmp_path / "templates"
    template(folder, "rtp.conf", "; one\nrtpstart=@@RTP_BEGIN@@\n")
    with pytest.raises(AsteriskNodeError, match=r"rtp\.conf:2: nothing is called @@RTP_BEGIN@@"):
        render_configuration(settings, credentials, program, agents=[], queues=[], templates=folder)


def test_a_template_that_is_gone_leaves_nothing_behind(
    tmp_path: Path, settings: Settings, credentials: Credentials, program: AsteriskProgram
) -> None:
    folder = tmp_path / "templates"
    template(folder, "old.conf", "x\n")
    render_configuration(settings, credentials, program, agents=[], queues=[], templates=folder)
    (folder / "old.conf").unlink()
    render_configuration(settings, credentials, program, agents=[], queues=[], templates=folder)
    assert not (settings.asterisk_dir / "etc" / "old.conf").exists()


def test_our_own_templates_leave_no_placeholder(
    settings: Settings, credentials: Credentials, program: AsteriskProgram
) -> None:
    render_configuration(
        settings,
        credentials,
        program,
        agents=[AgentLine("8001", "Li Na")],
        queues=[QueueLine("presale")],
    )
    rendered = list((settings.asterisk_dir / "etc").glob("*.conf"))
    assert {file.name for file in rendered} == {file.name for file in TEMPLATES.glob("*.conf")}
    assert not [file for file in rendered if "@@" in file.read_text(encoding="utf-8")]


def test_a_state_folder_too_deep_for_a_socket_is_refused(
    tmp_path: Path, credentials: Credentials, program: AsteriskProgram
) -> None:
    deep = Settings(state=tmp_path / ("x" * 100))
    with pytest.raises(AsteriskNodeError, match="too long for a socket"):
        render_configuration(deep, credentials, program, agents=[], queues=[])


def test_a_named_root_without_asterisk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AsteriskNodeError, match="There is no Asterisk under"):
        find_asterisk(Settings(asterisk_root=tmp_path))


def test_it_runs_in_the_foreground_with_our_configuration(
    settings: Settings, program: AsteriskProgram
) -> None:
    assert asterisk_command(program, settings) == [
        "/usr/sbin/asterisk",
        "-f",
        "-C",
        str(settings.state / "asterisk/etc/asterisk.conf"),
    ]
