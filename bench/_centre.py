"""A whole call centre of its own for benchmarks: Asterisk, Redis and the real controller.

A company with two groups of agents: ``FEW`` phones hang up by themselves after a talk, ``MANY``
are left by their callers. The same Asterisk has an app_queue for each group with the same phones
in it, behind extensions of its own, so that both ways of distributing can be measured in one run.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import redis
import sqlalchemy

from acd.agent import Agent
from acd.company import load_company
from bench._sip_load import Phones, end_process
from controller.asterisk_node import ask_asterisk, find_asterisk, unpacked_root
from controller.children import children_of, own_command
from controller.credentials import Credentials, ensure_credentials
from controller.lifecycle import why_not_ready
from controller.settings import Settings, load_settings
from controller.setup.steps import configure_asterisk
from store.database import migrate
from store.live import AGENTS, CONTACTS
from telephony.events import AgentState

KEEP = bool(os.environ.get("HUAWU_KEEP"))
TICKS = os.sysconf("SC_CLK_TCK")
FEW = "few"
MANY = "many"
#: Whoever dials ``OURS`` is distributed by Huawu; group -> the number that says which queue.
OURS = "8000"
NUMBERS = {FEW: "13900000001", MANY: "13900000002"}
#: Group -> extension that leads to ``Queue()`` of app_queue.
THEIRS = {FEW: "8101", MANY: "8102"}

QUEUE = """
  - id: {id}
    name: {{zh-CN: {id}, en: {id}}}
    skills: {{{id}: 1}}
    wrap_up: 0
    record: false
"""
MENU = """
name: main
start: who
languages: [zh-CN, en]
person: many
nodes:
  who: {kind: customer, cases: {few: few}, otherwise: many}
  few: {kind: queue, queue: few}
  many: {kind: queue, queue: many}
"""

APP_QUEUE = """
[bench-{id}]
strategy=leastrecent
musicclass=default
timeout=15
retry=1
wrapuptime=0
ringinuse=no
autopause=no
announce-frequency=0
announce-holdtime=no
announce-position=no
{members}
"""

# The same tidying of the number and goodbye as in our own dialplan; the phone is shown a name, too:
# the moment when the caller was given to the queue.
DIALPLAN = """
[from-customer](+)
exten => 8101,1,Goto(bench-app-queue,few,1)
exten => 8102,1,Goto(bench-app-queue,many,1)

[bench-app-queue]
exten => _[fm].,1,Set(CALLERID(num)=${FILTER(0-9+*#,${CALLERID(num)}):0:32})
 same => n,Set(CALLERID(name)=)
 same => n,Answer()
 same => n,Set(CALLERID(name)=${STRFTIME(,,%s.%6q)})
 same => n,Queue(bench-${EXTEN},cI)
 same => n,Playback(${PROMPT_GOODBYE_ZH})
 same => n,Hangup()
"""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free for TCP and UDP, below the ephemeral range."""
    found: list[int] = []
    start = 20000 + time.monotonic_ns() // 1000 % 6000
    for port in range(start, 32000, 10):
        with contextlib.suppress(OSError), socket.socket() as tcp:
            with socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise SystemExit("no free ports")


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


class Centre:
    """The processes, their folder, and the two racks of phones.

    Args:
        few, many: number of agents in each group.
        talk: shortest and longest talk of the ``few``, in ms.
        menu: the main flow, as YAML.
        dialplan: what stands beside our own.
    """

    def __init__(
        self, *, few: int, many: int, talk: tuple[int, int], menu: str = MENU,
        dialplan: str = DIALPLAN,
    ) -> None:  # fmt: skip
        self.folder = Path(tempfile.mkdtemp(prefix="huawu-bench-", dir="/tmp"))
        self.agents = {
            FEW: [str(2001 + number) for number in range(few)],
            MANY: [str(3001 + number) for number in range(many)],
        }
        ports = free_ports(8)
        self.caller_port = ports[7]
        self.settings = self._settings(ports[:5], menu)
        self.program = find_asterisk(self.settings)
        self._environment = self._own_environment()
        self.credentials: Credentials = self._prepare(dialplan)
        self.phones = {
            group: Phones(
                self.folder, group, port=port, server=self.settings.sip_port,
                secrets={agent: self.secret(f"agent{agent}") for agent in self.agents[group]},
                talk=talk if group == FEW else None,
            )
            for group, port in ((FEW, ports[5]), (MANY, ports[6]))
        }  # fmt: skip
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    # -- making it --------------------------------------------------------------------------

    def _settings(self, ports: Sequence[int], menu: str) -> Settings:
        default = load_settings()
        root = unpacked_root(default)
        program = Path(find_asterisk(default).argv[-1])
        company = self.folder / "company"
        self._write_company(company, menu)
        web, sip, ami, agi, http = ports
        state = self.folder / "var"
        state.mkdir()
        values = {
            "company": str(company), "web_port": web, "sip_port": sip, "ami_port": ami,
            "agi_port": agi, "asterisk_http_port": http, "rtp_start": 10000, "rtp_end": 19999,
        }  # fmt: skip
        if program.is_relative_to(root):
            values["asterisk_root"] = str(root)
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        (state / "huawu.toml").write_text(text, encoding="utf-8")
        for name in [name for name in os.environ if name.startswith("HUAWU_")]:
            del os.environ[name]
        os.environ["HUAWU_STATE"] = str(state)
        return load_settings()

    def _own_environment(self) -> dict[str, str]:
        root = str(Path(__file__).parents[1])
        return {**os.environ, "PYTHONPATH": f"{root}:{os.environ.get('PYTHONPATH', '')}"}

    def _write_company(self, folder: Path, menu: str) -> None:
        example = Path(__file__).parents[1] / "company"
        shutil.copytree(example, folder, ignore=shutil.ignore_patterns("speech", "*.yaml"))
        (folder / "menus").mkdir(exist_ok=True)
        agents = "".join(
            f'  - {{id: "{agent}", name: {{zh-CN: "{agent}"}}, skills: {{{group}: 5, zh: 5}}}}\n'
            for group, names in self.agents.items()
            for agent in names
        )
        files = {
            "queues.yaml": "queues:" + QUEUE.format(id=FEW) + QUEUE.format(id=MANY),
            "agents.yaml": f"language_skills: {{zh-CN: zh}}\nagents:\n{agents}",
            "hours.yaml": 'timezone: Asia/Shanghai\nhours: {always: {daily: ["00:00-24:00"]}}\n',
            "customers.yaml": f'customers: [{{number: "{NUMBERS[FEW]}", name: few, level: few}}]\n',
            "menus/main.yaml": menu,
        }
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")

    def _prepare(self, dialplan: str) -> Credentials:
        # What `./huawu up` prepares, without the web accounts: hashing 400 passwords takes long.
        company = load_company(self.settings.company)
        credentials, _ = ensure_credentials(self.settings.secrets_file, company.agents)
        while any(secret.startswith("0x") for secret in credentials.sip.values()):
            self.settings.secrets_file.unlink()  # SIPp would read these as hexadecimal numbers
            credentials, _ = ensure_credentials(self.settings.secrets_file, company.agents)
        asyncio.run(migrate(self.settings.effective_database_url))
        configure_asterisk(self.settings, company, credentials)
        etc = self.settings.asterisk_dir / "etc"
        # SIPp leaves a moment between registering and answering: no phone is to be missed in it.
        pjsip = etc / "pjsip.conf"
        text = pjsip.read_text(encoding="utf-8")
        pjsip.write_text(text.replace("qualify_frequency=30", "qualify_frequency=0"), "utf-8")
        with (etc / "extensions.conf").open("a", encoding="utf-8") as file:
            file.write(dialplan)
        with (etc / "queues.conf").open("a", encoding="utf-8") as file:
            for group, agents in self.agents.items():
                members = "\n".join(f"member => PJSIP/agent{agent}" for agent in agents)
                file.write(APP_QUEUE.format(id=group, members=members))
        return credentials

    def secret(self, endpoint: str) -> str:
        """The SIP password of an endpoint."""
        return self.credentials.sip[endpoint]

    # -- running it -------------------------------------------------------------------------

    def __enter__(self) -> "Centre":
        try:
            self._start_all()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_all(self) -> None:
        for name in ("redis", "asterisk"):
            self._start(name)
        self.until(self._asterisk_is_up, 30, "Asterisk is up")
        for rack in self.phones.values():
            rack.start()
        wanted = sum(map(len, self.agents.values()))
        self.until(lambda: self._reachable() == wanted, 15, f"{wanted} phones are reachable")

    def _start(self, name: str) -> None:
        self.settings.run_dir.mkdir(parents=True, exist_ok=True)
        child = next(child for child in children_of(self.settings) if child.name == name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                list(child.argv), env={**self._environment, **child.env},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def _asterisk_is_up(self) -> bool:
        with contextlib.suppress(OSError):
            address = ("127.0.0.1", self.settings.ami_port)
            with socket.create_connection(address, 1) as probe:
                return bool(probe.recv(20))
        return False

    def _reachable(self) -> int:
        return self.ask("pjsip show contacts").count(" NonQual ")

    def start_controller(self) -> None:
        """Every agent ready, no contact left over, then the controller until it serves."""
        agents = [agent for group in self.agents.values() for agent in group]
        now = time.time()
        client = redis.Redis(unix_socket_path=str(self.settings.redis_socket))
        client.delete(CONTACTS)
        for agent in agents:
            ready = Agent(agent, state=AgentState.READY, since=now, idle_since=now, signed_in=now)
            client.hset(AGENTS, agent, json.dumps(ready.plain()))
        client.close()
        with (self.folder / "controller.log").open("ab") as log:
            self._running["controller"] = subprocess.Popen(
                own_command("serve"), env=self._environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.until(lambda: not why_not_ready(self.settings), 30, "the controller serves")
        self.until(self._is_quiet, 30, "app_queue knows every agent")

    def _is_quiet(self) -> bool:
        pid = self._running["controller"].pid
        before = cpu_seconds(pid)
        time.sleep(1)
        return cpu_seconds(pid) - before < 0.1

    def stop_controller(self) -> None:
        """End it; what it journalled is in the database then, or will be at its next start."""
        process = self._running.pop("controller", None)
        if process is not None:
            end_process(process, 10)

    def close(self) -> None:
        """End every process and remove the folder."""
        for rack in self.phones.values():
            rack.stop()
        self.stop_controller()
        for name in ("asterisk", "redis"):
            if name in self._running:
                self._running.pop(name).send_signal(signal.SIGKILL)
        if not KEEP:
            shutil.rmtree(self.folder, ignore_errors=True)

    def until(self, check: "object", limit: float, what: str) -> None:
        """Wait until a check is true. Raises SystemExit when it does not become so."""
        assert callable(check)
        deadline = time.monotonic() + limit
        while not check():
            for name, process in self._running.items():
                if process.poll() is not None:
                    log = (self.folder / f"{name}.log").read_text(errors="replace")[-1500:]
                    raise SystemExit(f"{name} ended with {process.returncode}: {log}")
            if time.monotonic() > deadline:
                logs = "".join(
                    f"\n{name}: {(self.folder / f'{name}.log').read_text(errors='replace')[-800:]}"
                    for name in self._running
                )
                raise SystemExit(f"not within {limit} s: {what}{logs}")
            time.sleep(0.2)

    # -- looking at it ----------------------------------------------------------------------

    def ask(self, command: str) -> str:
        """What Asterisk's console prints."""
        return ask_asterisk(self.program, self.settings, command)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far of asterisk, redis and, while it runs, the controller."""
        return {name: cpu_seconds(process.pid) for name, process in self._running.items()}

    def clear(self) -> None:
        """Hang up every call and wait until none is left."""
        self.ask("channel request hangup all")
        self.until(lambda: "0 active channels" in self.ask("core show channels count"), 15, "quiet")

    def waiting(self, group: str) -> int:
        """Callers who wait: in app_queue and in ours."""
        there = self.ask(f"queue show bench-{group}").count("(wait: ")
        client = redis.Redis(unix_socket_path=str(self.settings.redis_socket))
        ours = [json.loads(text)["stage"] for text in client.hvals(CONTACTS)]  # type: ignore[union-attr]
        client.close()
        return there + ours.count("waiting")

    def offers(self, since: float) -> dict[str, list[tuple[float, float]]]:
        """Agent -> (when an offer was made, when its contact was queued), by the event log in SQL,
        after a time, in order.
        """
        engine = sqlalchemy.create_engine(f"sqlite:///{self.settings.state / 'huawu.db'}")
        query = (
            "SELECT made.agent, made.at, came.at FROM events made JOIN events came"
            " ON came.contact = made.contact AND came.kind = 'ContactQueued'"
            " WHERE made.kind = 'OfferMade' AND made.at >= :since ORDER BY made.at"
        )
        offers: dict[str, list[tuple[float, float]]] = {}
        with engine.connect() as connection:
            for agent, made, queued in connection.execute(sqlalchemy.text(query), {"since": since}):
                offers.setdefault(agent, []).append((made, queued))
        engine.dispose()
        return offers
