"""One Asterisk: where its program is, what its configuration says, how to start and ask it.

The configuration is rendered from the templates in `asterisk-conf/`. A placeholder is a name
between double at-signs, `@@SIP_PORT@@`; the list of names stands in `placeholders()`. A file
`<name>_agent.conf.in` is a block that is repeated for each agent and goes where `<name>.conf`
says `@@AGENTS@@`; `<name>_queue.conf.in` likewise for each queue at `@@QUEUES@@`.
"""

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.credentials import CUSTOMER, TRUNK, Credentials, sip_endpoint, write_private
from controller.problems import ProblemError
from controller.settings import ROOT, Settings
from ivr.human import RECORDINGS, HumanRecordings
from ivr.prompts import load_catalogue
from telephony.translate import WANTED

SYSTEM_NAME = "huawu"
OLDEST_MAJOR = 20
TEMPLATES = ROOT / "asterisk-conf"

_PLACEHOLDER = re.compile(r"@@([A-Z][A-Z0-9_]*)@@")
_UNIX_PATH_LIMIT = 107  # sun_path holds 108 bytes with its closing zero (unix(7))


class AsteriskNodeError(ProblemError):
    """Asterisk is missing or cannot be configured; the text says what to do."""


@dataclass(frozen=True, slots=True)
class AsteriskProgram:
    """An Asterisk on this disk and how to run it."""

    argv: tuple[str, ...]
    """Words that start it: the program alone, or its own loader and library path before it."""
    modules_dir: Path
    data_dir: Path
    """Sounds, music, documentation."""
    version: str
    """As `asterisk -V` says it, for example `22.10.1`."""

    @property
    def major(self) -> int:
        """The release line: 20, 22 …"""
        return int(self.version.split(".", maxsplit=1)[0])


@dataclass(frozen=True, slots=True)
class AgentLine:
    """What Asterisk must know of an agent."""

    id: str
    """Digits of the extension, for example `8001`."""
    name: str
    auto_answer: bool = False
    """Whether the phone is asked to answer by itself."""
    call_headers: bool = False
    """Whether the phone is told contact and queue in headers of its own."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """What Asterisk must know of a queue: its id, for the mirrored fallback queue."""

    id: str


def find_asterisk(settings: Settings) -> AsteriskProgram:
    """The Asterisk to run: the one named in the settings, the system's, or the unpacked one.

    Raises AsteriskNodeError when there is none of at least version 20.
    """
    if settings.asterisk_root is not None:
        return unpacked_asterisk(settings.asterisk_root)
    system = shutil.which("asterisk", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if system is not None:
        modules = [*Path("/usr/lib").glob("*/asterisk/modules"), Path("/usr/lib/asterisk/modules")]
        found = [folder for folder in modules if (folder / "res_pjsip.so").exists()]
        version = _version_of((system,))
        if found and version:
            program = AsteriskProgram(
                argv=(system,),
                modules_dir=found[0],
                data_dir=Path("/usr/share/asterisk"),
                version=version,
            )
            if program.major >= OLDEST_MAJOR:
                return program
    return unpacked_asterisk(unpacked_root(settings))


def unpacked_root(settings: Settings) -> Path:
    """The folder that packages are unpacked into."""
    return settings.asterisk_root or settings.state / "asterisk-root"


def root_command(root: Path, program: Path) -> list[str] | None:
    """The words that run a program unpacked under `root` through its own loader and libraries.

    None when it is not there. `program` is relative to `root`.
    """
    binary = root / program
    loaders = [*root.glob("usr/lib64/ld-linux*.so.*"), *root.glob("usr/lib/*/ld-linux*.so.*")]
    if not (binary.exists() and loaders):
        return None
    libraries = [str(folder.parent) for folder in root.glob("usr/lib/*/libc.so.6")]
    libraries += [str(root / "lib" / Path(folder).name) for folder in libraries]
    return [str(loaders[0]), "--library-path", ":".join(libraries), str(binary)]


def unpacked_asterisk(root: Path) -> AsteriskProgram:
    """Debian's or Ubuntu's packages unpacked under `root`, run through their own loader.

    Raises AsteriskNodeError when they are not there, or do not run on this machine.
    """
    argv = root_command(root, Path("usr/sbin/asterisk"))
    modules = list(root.glob("usr/lib/*/asterisk/modules"))
    if argv is None or not modules:
        raise AsteriskNodeError(f"There is no Asterisk under {root}. `./huawu up` fetches one.")
    version = _version_of(argv)
    if not version:
        raise AsteriskNodeError(f"The Asterisk under {root} does not run: {' '.join(argv)} -V")
    program = AsteriskProgram(
        argv=tuple(argv),
        modules_dir=modules[0],
        data_dir=root / "usr/share/asterisk",
        version=version,
    )
    if program.major < OLDEST_MAJOR:
        raise AsteriskNodeError(
            f"The Asterisk under {root} is {version}; at least {OLDEST_MAJOR} is needed."
        )
    return program


def _version_of(argv: Sequence[str]) -> str:
    """`22.10.1` from `Asterisk 22.10.1~dfsg+~cs6`, empty when it does not answer."""
    try:
        answer = subprocess.run(
            [*argv, "-V"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"Asterisk (\d+(?:\.\d+)*)", answer.stdout)
    return match.group(1) if match else ""


def placeholders(
    settings: Settings, credentials: Credentials, program: AsteriskProgram
) -> dict[str, str]:
    """Every name a template may use, with its value. Folders have no slash at their end."""
    own = settings.asterisk_dir
    shelf = load_catalogue(people=HumanRecordings(settings.company / RECORDINGS).find)
    return {
        "SYSTEM_NAME": SYSTEM_NAME,
        "BIND": settings.bind,
        "MEDIA_BIND": _media_bind(settings.bind),
        "EVENT_FILTERS": _event_filters(program.version),
        "SIP_PORT": str(settings.sip_port),
        "AMI_PORT": str(settings.ami_port),
        "AGI_PORT": str(settings.agi_port),
        "HTTP_PORT": str(settings.asterisk_http_port),
        "RTP_START": str(settings.rtp_start),
        "RTP_END": str(settings.rtp_end),
        "AMI_PASSWORD": credentials.ami_password,
        "CUSTOMER_PASSWORD": credentials.sip[CUSTOMER],
        "TRUNK_PASSWORD": credentials.sip[TRUNK],
        "ETC_DIR": str(own / "etc"),
        "RUN_DIR": str(own / "run"),
        "LOG_DIR": str(own / "log"),
        "SPOOL_DIR": str(own / "spool"),
        "DB_DIR": str(own / "db"),
        "VARLIB_DIR": str(own / "lib"),
        "CACHE_DIR": str(own / "cache"),
        "MODULES_DIR": str(program.modules_dir),
        "DATA_DIR": str(program.data_dir),
        "SBIN_DIR": str(Path(program.argv[-1]).parent),
        "MOH_DIR": str(program.data_dir / "moh"),
        "AGI_BIN_DIR": str(TEMPLATES / "agi-bin"),
        "PROMPTS_DIR": str(ROOT / "ivr" / "prompts"),
        "LIVE_RECORDINGS_DIR": str(settings.recordings_dir / "live"),
        # What the dialplan itself says when no controller answers, in both languages.
        **{
            f"PROMPT_{prompt.name.upper()}_{prompt.language[:2].upper()}": shelf.path(
                prompt.name, prompt.language
            )
            for prompt in shelf
        },
    }


#: An event whose lines are all "Name: value", with no control characters but their ends.
_WHOLE_EVENT = "^([A-Za-z0-9_-]+: [^[:cntrl:]]*[[:cntrl:]][[:cntrl:]])+([[:cntrl:]][[:cntrl:]])?$"
#: Older releases do not know, and pass over, a filter that names an event.
_FILTERS_BY_NAME = (22, 1)


#: An option that Dial is given anyway: the console sets no variable to nothing.
NO_PREDIAL = "g"


def predial(*, auto_answer: bool, call_headers: bool) -> str:
    """Option of Dial for an agent: whether the leg goes through our dialplan before it rings."""
    return "b(huawu-leg^s^1)" if auto_answer or call_headers else NO_PREDIAL


def _event_filters(version: str) -> str:
    """Lines of manager.conf: which events the controller is sent."""
    release = tuple(int(part) for part in re.findall(r"[0-9]+", version)[:2])
    if release < _FILTERS_BY_NAME:
        return f"eventfilter={_WHOLE_EVENT}"
    return "\n".join(
        f"eventfilter(action(include),name({name}),method(regex))={_WHOLE_EVENT}"
        for name in sorted({"FullyBooted", *WANTED})
    )


def _media_bind(bind: str) -> str:
    """Lines of a SIP endpoint that keep audio on the address SIP listens on.

    Asterisk opens its audio ports on every address of the machine otherwise. Where SIP listens on
    every address, so does audio: it then tells each phone the address that faces it.
    """
    if ipaddress.ip_address(bind).is_unspecified:
        return "; audio on every address, as SIP"
    return f"media_address={bind}\nbind_rtp_to_media_address=yes"


def render_configuration(
    settings: Settings,
    credentials: Credentials,
    program: AsteriskProgram,
    *,
    agents: Iterable[AgentLine],
    queues: Iterable[QueueLine],
    templates: Path = TEMPLATES,
) -> Path:
    """Fill the templates into `<state>/asterisk/etc` and make the folders Asterisk writes to.

    Files get mode 0600, folders 0700. Returns the path of the rendered `asterisk.conf`. Raises
    AsteriskNodeError naming template and placeholder when one is not known.
    """
    values = placeholders(settings, credentials, program)
    agent_values = [
        {
            "AGENT_ID": agent.id,
            # Quotes and control characters would end the callerid early.
            "AGENT_NAME": re.sub(r'["<>;\\\x00-\x1f\x7f]', "", agent.name),
            "AGENT_AUTO_ANSWER": "yes" if agent.auto_answer else "no",
            "AGENT_PREDIAL": predial(
                auto_answer=agent.auto_answer, call_headers=agent.call_headers
            ),
            "AGENT_ENDPOINT": sip_endpoint(agent.id),
            "AGENT_PASSWORD": credentials.sip[sip_endpoint(agent.id)],
        }
        for agent in agents
    ]
    queue_values = [{"QUEUE_ID": queue.id} for queue in queues]
    _make_folders(settings)
    etc = settings.asterisk_dir / "etc"
    written: set[str] = set()
    for template in sorted(templates.glob("*.conf")):
        blocks = {
            name: "\n".join(fill(block, {**values, **one}) for one in each)
            for name, block, each in (
                ("AGENTS", templates / f"{template.stem}_agent.conf.in", agent_values),
                ("QUEUES", templates / f"{template.stem}_queue.conf.in", queue_values),
            )
            if block.exists()
        }
        write_private(etc / template.name, fill(template, {**values, **blocks}))
        written.add(template.name)
    for stale in etc.glob("*.conf"):
        if stale.name not in written:
            stale.unlink()
    return etc / "asterisk.conf"


def fill(template: Path, values: Mapping[str, str]) -> str:
    """The template's text with every placeholder replaced; AsteriskNodeError on an unknown one."""
    text = template.read_text(encoding="utf-8")

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            line = text.count("\n", 0, match.start()) + 1
            raise AsteriskNodeError(
                f"{template}:{line}: nothing is called {match[0]}; known: {', '.join(values)}"
            )
        return values[match[1]]

    return _PLACEHOLDER.sub(value_of, text)


def _make_folders(settings: Settings) -> None:
    own = settings.asterisk_dir
    socket = own / "run" / "asterisk.ctl"
    if len(os.fsencode(socket)) > _UNIX_PATH_LIMIT:
        raise AsteriskNodeError(
            f"The path {socket} is too long for a socket; choose a shorter state folder "
            "(HUAWU_STATE)."
        )
    for name in ("etc", "run", "log", "spool", "db", "lib", "cache"):
        (own / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    (settings.recordings_dir / "live").mkdir(parents=True, exist_ok=True, mode=0o700)


def asterisk_command(program: AsteriskProgram, settings: Settings) -> list[str]:
    """The words that run Asterisk in the foreground with our configuration."""
    return [*program.argv, "-f", "-C", str(settings.asterisk_dir / "etc" / "asterisk.conf")]


def asterisk_environment() -> dict[str, str]:
    """The environment of Asterisk: `python3` in its AGI scripts is this very Python."""
    own = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{own}:{os.environ.get('PATH', '/usr/bin:/bin')}"}


def ask_asterisk(
    program: AsteriskProgram, settings: Settings, command: str, *, timeout_s: float = 10.0
) -> str:
    """Run one console command (`core show uptime`) and return what it prints.

    Raises AsteriskNodeError when Asterisk does not run or does not answer in time.
    """
    conf = settings.asterisk_dir / "etc" / "asterisk.conf"
    try:
        answer = subprocess.run(
            [*program.argv, "-C", str(conf), "-rx", command],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AsteriskNodeError(
            f"Asterisk gave no answer to `{command}` in {timeout_s} s"
        ) from None
    if answer.returncode != 0:
        reason = (answer.stderr or answer.stdout).strip()
        raise AsteriskNodeError(f"Asterisk does not answer `{command}`: {reason}")
    return answer.stdout
