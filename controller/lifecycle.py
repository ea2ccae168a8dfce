"""`up`, `down` and `status`: start everything and wait until it serves, end it, tell what runs."""

import ipaddress
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.children import child_names, own_command
from controller.credentials import (
    CUSTOMER,
    Credentials,
    sip_endpoint,
    take_unshown,
    write_private,
)
from controller.problems import ProblemError
from controller.processes import MARKER, Mark, end_group, group_of
from controller.settings import ROOT, Settings
from controller.setup.progress import Progress
from controller.supervisor import bound_log, children_path, is_running, mark_path

SERVICE_NUMBER = "8000"
"""What a caller dials."""
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
_LOG_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One of our processes, as `status` shows it."""

    name: str
    pid: int | None
    seconds: float | None
    """How long it has been running."""

    @property
    def runs(self) -> bool:
        """Whether it is there now."""
        return self.pid is not None


def up(settings: Settings, progress: Progress) -> None:
    """Set up what is missing, start everything, wait until it serves, say how to use it.

    Raises ProblemError when a step fails or the system is not ready in time; then nothing of it
    is left running.
    """
    # The steps load every room, which takes a second; `down` and `status` shall not wait for it.
    from controller.setup.steps import check_ports, prepare

    if is_running(settings):
        progress.say(f"It runs already: {settings.web_url}  (`./huawu status` tells more)")
        return
    progress.say("Setting up")
    credentials = prepare(settings, progress)
    with progress.step("leftovers of an earlier run"):
        end_leftovers(settings)
    with progress.step("ports"):
        check_ports(settings)
    with progress.step("start") as step:
        start(settings)
        step.note = settings.web_url
    unshown = take_unshown(settings.secrets_file, credentials)
    progress.say(welcome(settings, credentials, unshown))


def start(settings: Settings, *, ready_within_s: float = READY_WITHIN_S) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own and wait for `/readyz`.

    Returns the supervisor, which goes on when this process ends. Raises ProblemError with the
    ends of the logs when it is not ready in time.
    """
    for folder in (settings.log_dir, settings.run_dir, settings.redis_dir):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for log in settings.log_dir.glob("*.log"):
        bound_log(log)
    write_private(_controllers_path(settings), f"{settings.controllers}\n")
    with (settings.log_dir / "supervisor.log").open("ab") as output:
        process = subprocess.Popen(
            own_command("supervise"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(ROOT), MARKER: str(settings.state)},
            start_new_session=True,
            cwd="/",
        )
    deadline = time.monotonic() + ready_within_s
    while True:
        reason = why_not_ready(settings)
        waiting = [role.reason for role in roles(settings) if role.reason] if not reason else []
        if not reason and not waiting:
            return process
        reason = reason or "; ".join(waiting)
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            stop(settings)
            process.poll()
            what = "The supervisor ended" if ended else f"Not ready after {ready_within_s:.0f} s"
            raise ProblemError(f"{what}: {reason}\n{_log_tails(settings)}")
        time.sleep(0.1)


def why_not_ready(settings: Settings) -> str:
    """Empty when a controller serves calls, else what each of them or the network says."""
    found = roles(settings)
    if any(role.leads and not role.reason for role in found):
        return ""
    reasons = [role.reason or f"{role.url} stands by" for role in found]
    return "; ".join(reasons)


@dataclass(frozen=True, slots=True)
class Role:
    """What one controller says of itself."""

    name: str
    url: str
    role: str
    """``leader`` or ``standby``; empty when it does not say."""
    reason: str
    """Why it is not ready; empty when it is."""

    @property
    def leads(self) -> bool:
        """Whether it decides."""
        return self.role == "leader"


def roles(settings: Settings) -> list[Role]:
    """Ask every controller whether it is ready, and who holds the lease."""
    return [_role(own) for own in as_running(settings).each_controller()]


def _role(settings: Settings) -> Role:
    name, url = settings.controller_name, settings.web_url
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310
            said = json.loads(answer.read(20_000))
        return Role(name, url, str(said.get("role", "")), "")
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode(errors="replace").strip()
        return Role(name, url, "", text or str(error))
    except (OSError, ValueError, AttributeError) as error:
        return Role(name, url, "", f"{url}/readyz does not answer ({error})")


def as_running(settings: Settings) -> Settings:
    """The settings with as many controllers as were started."""
    try:
        number = int(_controllers_path(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings
    return settings.model_copy(update={"controllers": number})


def _controllers_path(settings: Settings) -> Path:
    return settings.run_dir / "controllers"


def stop(settings: Settings) -> bool:
    """End the supervisor, and with it everything else; returns whether all of it is gone."""
    supervisor = Mark.read(mark_path(settings, "supervisor"))
    if supervisor is not None and supervisor.is_alive():
        end_group(supervisor, settings.state, grace_s=STOP_WITHIN_S)
    return end_leftovers(settings)


def end_leftovers(settings: Settings) -> bool:
    """End children whose supervisor died without ending them; True when none is left."""
    gone = True
    for file in sorted(settings.run_dir.glob("*.pid")):
        mark = Mark.read(file)
        if mark is not None and group_of(mark, settings.state):
            gone = end_group(mark, settings.state, grace_s=5.0) and gone
        file.unlink(missing_ok=True)
    children_path(settings).unlink(missing_ok=True)
    return gone and not marked_processes(settings)


def marked_processes(settings: Settings) -> list[int]:
    """Every process on this machine that was started for this state folder."""
    marker = f"{MARKER}={settings.state}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if marker in environment.split(b"\0"):
            found.append(int(folder.name))
    return found


def status(settings: Settings) -> list[ProcessState]:
    """Every process that belongs to the system, running or not."""
    names = ["supervisor", *child_names(settings)]
    return [_state_of(settings, name) for name in names]


def _state_of(settings: Settings, name: str) -> ProcessState:
    file = mark_path(settings, name)
    mark = Mark.read(file)
    if mark is None or not mark.is_alive():
        return ProcessState(name, None, None)
    return ProcessState(name, mark.pid, time.time() - file.stat().st_mtime)


def status_json(
    settings: Settings,
    states: list[ProcessState],
    not_ready: str,
    found: Sequence[Role] = (),
) -> str:
    """What `status --json` prints."""
    return json.dumps(
        {
            "ready": not not_ready,
            "not_ready": not_ready,
            "url": settings.web_url,
            "controllers": {role.name: asdict(role) for role in found},
            "processes": {
                state.name: {"pid": state.pid, "seconds": round(state.seconds or 0.0, 1)}
                for state in states
            },
        },
        ensure_ascii=False,
        indent=2,
    )


def running_controllers(settings: Settings) -> list[Mark]:
    """The controllers of this machine that run now."""
    names = [own.controller_name for own in as_running(settings).each_controller()]
    marks = [Mark.read(mark_path(settings, name)) for name in names]
    return [mark for mark in marks if mark is not None and mark.is_alive()]


def tell_controllers(settings: Settings) -> int:
    """Have the running controllers go by the newest versions; returns how many there are."""
    marks = running_controllers(settings)
    for mark in marks:
        os.kill(mark.pid, signal.SIGHUP)
    return len(marks)


def welcome(settings: Settings, credentials: Credentials, unshown: list[str]) -> str:
    """How to use what now runs. Passwords are shown for these accounts only."""
    agents = sorted(name for name in credentials.sip if name.startswith("agent"))
    first = agents[0] if agents else sip_endpoint("8001")
    everywhere = ipaddress.ip_address(settings.bind).is_unspecified
    server = "<this machine's address>" if everywhere else settings.bind
    lines = [
        "",
        f"  Pages             {settings.web_url}",
        f"  Settings          {settings.state / 'huawu.toml'} (optional)",
        "",
        "  Call it with a softphone (SIP over UDP or TCP, codec PCMA or PCMU):",
        f"    server          {server}:{settings.sip_port}",
        f"    a customer      user {CUSTOMER}",
        f"    an agent        user {first} … {agents[-1] if agents else first}",
        f"    number to dial  {SERVICE_NUMBER}",
        "",
    ]
    if not unshown:
        lines.append(f"  Passwords of accounts and phones: {settings.secrets_file}")
        return "\n".join(lines)
    lines += [f"  Accounts (shown once; kept in {settings.secrets_file}):", ""]
    lines.append(f"    {'web account':<14}{'password':<16}{'SIP user':<14}SIP password")
    for name in unshown:
        endpoint = sip_endpoint(name)
        user = endpoint if endpoint in credentials.sip else ""
        password = credentials.sip.get(endpoint, "")
        lines.append(f"    {name:<14}{credentials.web[name]:<16}{user:<14}{password}".rstrip())
    lines.append(f"    {'':<30}{CUSTOMER:<14}{credentials.sip[CUSTOMER]}")
    return "\n".join(lines)


def _log_tails(settings: Settings) -> str:
    """The last lines of each process' log."""
    parts = []
    for log in sorted(settings.log_dir.glob("*.log")):
        if log.stem in ("frontend", "apt"):
            continue
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        if lines:
            parts.append("\n".join([f"--- {log}", *lines]))
    return "\n".join(parts)
