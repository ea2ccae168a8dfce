"""What the rendered configuration says, read with pyst2's reader, without an Asterisk."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from asterisk.config import Config

from controller.asterisk_node import (
    TEMPLATES,
    AgentLine,
    AsteriskProgram,
    QueueLine,
    _event_filters,
    render_configuration,
)
from controller.credentials import ensure_credentials
from controller.settings import Settings
from telephony.translate import WANTED

TEMPLATE_SUFFIX = re.compile(r"(?m)^(\[[^\]]+\])\([^)]*\)")  # [name](!) is beyond pyst2
FORBIDDEN_MODULES = {
    "app_system", "app_externalivr", "app_originate", "app_voicemail", "func_shell", "func_env",
    "func_curl", "func_db", "func_odbc", "func_config", "res_curl", "res_pjsip_refer",
    "res_pjsip_messaging", "res_pjsip_endpoint_identifier_anonymous", "res_ari", "pbx_spool",
    "pbx_dundi", "res_clioriginate",
}  # fmt: skip

Lines = list[tuple[str, str]]


@pytest.fixture(scope="module")
def etc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("state")
    settings = Settings(state=state)
    agents = ("8001", "8002")
    credentials = ensure_credentials(settings.secrets_file, agents)[0]
    program = AsteriskProgram(
        argv=("/usr/sbin/asterisk",), modules_dir=Path("/m"), data_dir=Path("/d"), version="22.0.0"
    )
    return render_configuration(
        settings, credentials, program,
        agents=[AgentLine(agent, "李娜") for agent in agents],
        queues=[QueueLine("general"), QueueLine("vip")],
    ).parent  # fmt: skip


class Reader(Config):  # type: ignore[misc]
    """pyst2's reader, without its open file and its stumbling over templates."""

    def load(self) -> None:
        text = Path(self.filename).read_text("utf-8")
        self.raw_lines = TEMPLATE_SUFFIX.sub(r"\1", text).splitlines()


def read(etc: Path, name: str) -> list[tuple[str, Lines]]:
    """Sections in order, each with its lines (name, value)."""
    return [
        (category.name, [(item.name, item.value.strip()) for item in category.items])
        for category in Reader(str(etc / name)).categories
    ]


@pytest.fixture(scope="module")
def dialplan(etc: Path) -> dict[str, Lines]:
    return dict(read(etc, "extensions.conf"))


def steps(lines: Lines) -> Iterator[tuple[str, str, str, str]]:
    """(extension, priority, label, application) of each line of a context."""
    extension = ""
    for name, value in lines:
        if name == "exten":
            extension, value = value.split(",", 1)
        priority, application = value.split(",", 1)
        label = re.search(r"\((\w+)\)", priority)
        yield extension, priority, label[1] if label else "", application


def test_every_file_is_read(etc: Path) -> None:
    names = sorted(file.name for file in etc.glob("*.conf"))
    assert names == sorted(file.name for file in TEMPLATES.glob("*.conf"))
    for name in names:
        read(etc, name)
        assert (etc / name).stat().st_mode & 0o777 == 0o600


def test_every_jump_of_the_dialplan_lands(dialplan: dict[str, Lines]) -> None:
    known = {
        (context, extension, mark)
        for context, lines in dialplan.items()
        if context not in {"general", "globals"}
        for extension, priority, label, _ in steps(lines)
        for mark in {priority.split("(")[0], label}
    }
    jumps = 0
    for context, lines in dialplan.items():
        if context in {"general", "globals"}:
            continue
        for extension, _, _, application in steps(lines):
            for target in _targets(application):
                parts = target.split(",")
                where, to, mark = [context, extension, ""][: 3 - len(parts)] + parts
                assert any(
                    (where, mark) == (place, name) and re.fullmatch(_regex(pattern), to)
                    for place, pattern, name in known
                ), f"[{context}] {extension}: {application}"
                jumps += 1
    assert jumps > 40


def _regex(extension: str) -> str:
    """An extension as a regular expression; those that begin with _ are patterns."""
    if not extension.startswith("_"):
        return re.escape(extension)
    return "".join({"X": "[0-9]", ".": ".+"}.get(key, re.escape(key)) for key in extension[1:])


def _targets(application: str) -> list[str]:
    if found := re.fullmatch(r"(?:Goto|Gosub)\(([^()]*)(?:\(.*\))?\)", application):
        return [found[1]]
    if application.startswith("GotoIf("):
        return [application.rsplit("?", 1)[1].removesuffix(")")]
    return [f"{name},s,1" for name in re.findall(r"[bU]\((huawu-[a-z]+)", application)]


def test_every_agi_is_bounded_and_has_a_way_on(dialplan: dict[str, Lines]) -> None:
    asked = 0
    for context, lines in dialplan.items():
        if context in {"general", "globals"}:
            continue
        found = list(steps(lines))
        for index, (extension, _, _, application) in enumerate(found):
            if application.startswith("AGI("):
                before = [step[3] for step in found[max(0, index - 4) : index]]
                assert any(re.search(r"Set\(.*TIMEOUT\(absolute\)=[^0]", step) for step in before)
                assert any(re.search(r"Set\(HUAWU_(NEXT|TAKEN)=[,)]", step) for step in before)
                assert any(step[0] == "T" for step in found), context
                rest = [step[3] for step in found[index:]]
                assert any(re.search(r"Set\(TIMEOUT\(absolute\)=0[,)]", step) for step in rest), (
                    context,
                    extension,
                )
                asked += 1
    assert asked == 9


def test_phones_reach_exact_numbers_only(dialplan: dict[str, Lines]) -> None:
    reach = {
        context: sorted({extension for extension, *_ in steps(dialplan[context])})
        for context in ("nowhere", "from-customer", "from-agents", "huawu-entry")
    }
    assert reach == {
        "nowhere": [],
        "from-customer": ["8000"],
        "from-agents": ["*45", "*46", "*90", "*91", "8000"],
        "huawu-entry": ["8000"],
    }
    assert not any(name == "include" for lines in dialplan.values() for name, _ in lines)


def test_callers_text_is_filtered_first_and_decides_nothing(dialplan: dict[str, Lines]) -> None:
    first = dialplan["huawu-entry"][0][1]
    assert first == "8000,1,Set(CALLERID(num)=${FILTER(0-9+*#,${CALLERID(num)}):0:32})"
    text = "\n".join(value for lines in dialplan.values() for _, value in lines)
    assert text.count("${CALLERID") == 3  # there, copied into ANI, and told to the menu
    assert "AGI(${AGI}/menu,${CALLERID(num)}," in text
    assert not re.search(r"\b(System|TrySystem|SHELL|CURL|FILE|ENV|EVAL|Exec)\(", text)


def test_the_prompts_exist(dialplan: dict[str, Lines]) -> None:
    prompts = {name: value for name, value in dialplan["globals"] if name.startswith("PROMPT_")}
    assert len(prompts) == 10
    for value in prompts.values():
        assert Path(f"{value}.wav").is_file()
        assert not set(value) & set("&,")  # Playback would take them for separators


def test_modules_are_an_allow_list_in_the_right_order(etc: Path) -> None:
    ((_, lines),) = read(etc, "modules.conf")
    assert lines[0] == ("autoload", "no")
    loaded = [value.removesuffix(".so") for name, value in lines if name == "load"]
    assert len(loaded) == len(set(loaded)) == len(lines) - 1
    assert not FORBIDDEN_MODULES & set(loaded)
    assert loaded.index("res_speech") < loaded.index("res_agi")


def test_the_manager_listens_on_loopback_for_one_user(etc: Path) -> None:
    sections = {name: dict(lines) for name, lines in read(etc, "manager.conf")}
    assert set(sections) == {"general", "huawu"}
    assert sections["general"]["bindaddr"] == "127.0.0.1"
    assert sections["general"]["webenabled"] == "no"
    user = sections["huawu"]
    assert set(user["read"].split(",")) == {"system", "call", "user"}
    assert set(user["write"].split(",")) == {"call", "agent", "reporting", "originate"}
    assert len(user["secret"]) >= 24
    assert "permit" in user


def test_the_event_filter_passes_events_and_stops_two_in_one(etc: Path) -> None:
    value = next(
        value
        for name, lines in read(etc, "manager.conf")
        for key, value in lines
        if (name, key) == ("huawu", "eventfilter")
    )
    pattern = re.compile(value.replace("[:cntrl:]", r"\x00-\x1f\x7f"))
    good = "Event: Newchannel\r\nPrivilege: call,all\r\nCallerIDName: 订单\r\nAccountCode: \r\n\r\n"
    assert pattern.search(good)
    assert not pattern.search(good.replace("订单", "x\r\n\r\nEvent: UserEvent"))
    assert not pattern.search(good.replace("订单", "x\ny"))


def test_only_events_that_are_read_are_sent_where_asterisk_can_tell(etc: Path) -> None:
    older, newer = _event_filters("22.0.0"), _event_filters("22.10.1")
    assert [line.split("=")[0] for line in older.splitlines()] == ["eventfilter"]
    names = re.findall(
        r"(?m)^eventfilter\(action\(include\),name\((\w+)\),method\(regex\)\)=", newer
    )
    assert set(names) == {"FullyBooted", *WANTED}
    assert {line.split("=", 1)[1] for line in newer.splitlines()} == {older.split("=", 1)[1]}


def test_sip_needs_a_password_and_leads_nowhere_else(etc: Path) -> None:
    sections = read(etc, "pjsip.conf")
    auths = {name: dict(lines) for name, lines in sections if ("type", "auth") in lines}
    assert set(auths) == {"customer", "trunk", "agent8001", "agent8002"}
    assert all(len(auth["password"]) >= 24 for auth in auths.values())
    assert all(auth["username"] == name for name, auth in auths.items())
    for name, lines in sections:
        if "auth" in dict(lines):
            assert dict(lines)["auth"] == name
    contexts = {value for _, lines in sections for key, value in lines if key == "context"}
    assert contexts == {"from-customer", "from-agents"}
    binds = {value for _, lines in sections for key, value in lines if key == "bind"}
    assert binds == {"127.0.0.1:5060", "127.0.0.1"}
    shared = dict(sections)["phone"]
    assert {("rtp_timeout", "30"), ("rtp_timeout_hold", "300"), ("direct_media", "no")} <= set(
        shared
    )
    assert {("media_address", "127.0.0.1"), ("bind_rtp_to_media_address", "yes")} <= set(
        dict(sections)["phone"]
    )
    assert ("set_var", "HUAWU_AGENT_ID=8002") in [line for _, lines in sections for line in lines]


def test_each_queue_has_its_fallback(etc: Path) -> None:
    sections = dict(read(etc, "queues.conf"))
    assert {"huawu-general", "huawu-vip"} < set(sections)
    assert dict(sections["general"])["persistentmembers"] == "yes"
    assert dict(sections["huawu"])["ringinuse"] == "no"
