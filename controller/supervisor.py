"""One process that starts the others, restarts what dies, and ends them all.

    supervisor ─┬─ redis       private redis-server with its append-only file on
                ├─ asterisk    owns every call
                ├─ controller  decides; watched: silent for 10 s means hung, and hung is killed
                ├─ hearing     hears what callers say in the menu
                └─ transcriber turns finished recordings into text

The controller tells that it is alive with systemd's own protocol (sd_notify(3): `READY=1` and
`WATCHDOG=1` datagrams to NOTIFY_SOCKET), so that the same code runs as a systemd service with
Type=notify. A dead controller is harmless, since Asterisk owns the calls; a hung one would keep
callers in silence, so it is made a dead one.

`run/children.json` maps each running child's name to its process id.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.credentials import write_private
from controller.processes import MARKER, Mark, end_group, group_of
from controller.settings import Settings

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 30.0
STABLE_S = 60.0
"""A child that ran so long gets the first back-off again."""
WATCHDOG_S = 10.0
FIRST_SIGN_S = 60.0
"""How long a watched child may take until its first datagram."""
LOG_LIMIT_BYTES = 10 * 1024 * 1024
LOGS_KEPT = 3
_LOG_CHECK_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """How to run one of the processes."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables beside those of the supervisor."""
    watched: bool = False
    """Whether it must send WATCHDOG=1 at least every WATCHDOG_S seconds."""
    socket: Path | tuple[str, int] | None = None
    """Where it listens once it serves; the next child is started after that, or after 10 s."""
    stop_grace_s: float = 5.0
    """Seconds between SIGTERM and SIGKILL."""


class AlreadyRunningError(Exception):
    """Another supervisor holds this state folder."""


def lock_path(settings: Settings) -> Path:
    """The file whose lock a running supervisor holds."""
    return settings.run_dir / "supervisor.lock"


def mark_path(settings: Settings, name: str) -> Path:
    """The file with process id and start time of a child, or of the `supervisor` itself."""
    return settings.run_dir / f"{name}.pid"


def children_path(settings: Settings) -> Path:
    """The file that maps names of running children to process ids."""
    return settings.run_dir / "children.json"


def is_running(settings: Settings) -> bool:
    """Whether a supervisor holds this state folder at this moment."""
    try:
        with lock_path(settings).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Supervisor:
    """Runs the children until SIGTERM or SIGINT."""

    def __init__(
        self, settings: Settings, children: Sequence[Child], *, restart: bool = True
    ) -> None:
        self._settings = settings
        self._children = children
        self._restart = restart
        self._running: dict[str, Mark] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start everything in order, keep it running, and end it in the opposite order.

        Raises AlreadyRunningError when the state folder has a supervisor already.
        """
        os.umask(0o077)
        self._settings.run_dir.mkdir(parents=True, exist_ok=True)
        self._settings.log_dir.mkdir(parents=True, exist_ok=True)
        with lock_path(self._settings).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(str(lock_path(self._settings))) from None
            own = mark_path(self._settings, "supervisor")
            Mark.of(os.getpid()).write(own)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stopping.set)
            keepers = await self._start_all()
            logs = asyncio.create_task(self._bound_logs())
            await self._stopping.wait()
            logs.cancel()
            await self._stop_all(keepers)
            own.unlink(missing_ok=True)
            say("all ended")

    async def _start_all(self) -> dict[str, asyncio.Task[None]]:
        keepers: dict[str, asyncio.Task[None]] = {}
        for child in self._children:
            if self._stopping.is_set():
                break
            keepers[child.name] = asyncio.create_task(self._keep(child), name=child.name)
            if child.socket is not None:
                await self._listens(child.socket, within_s=10.0)
        return keepers

    async def _listens(self, where: Path | tuple[str, int], *, within_s: float) -> None:
        """Return when something accepts connections there, or the time is over."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not self._stopping.is_set():
            try:
                if isinstance(where, Path):
                    _, writer = await asyncio.open_unix_connection(where)
                else:
                    _, writer = await asyncio.open_connection(*where)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return

    async def _keep(self, child: Child) -> None:
        """Run the child again and again until we stop."""
        backoff = FIRST_BACKOFF_S
        while not self._stopping.is_set():
            begun = time.monotonic()
            code = await self._run_once(child)
            if self._stopping.is_set():
                return
            if not self._restart:
                say(f"{child.name} {code}; not started again")
                return
            backoff = FIRST_BACKOFF_S if time.monotonic() - begun > STABLE_S else backoff
            say(f"{child.name} {code}; again in {backoff:.0f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_S)

    async def _run_once(self, child: Child) -> str:
        """Run the child to its end; returns how it ended, in words."""
        log = self._settings.log_dir / f"{child.name}.log"
        env = {**os.environ, **child.env, MARKER: str(self._settings.state)}
        with notify_socket(self._settings.run_dir, child) as notify:
            env |= watch_environment(notify)
            with log.open("ab") as output:
                try:
                    process = await asyncio.create_subprocess_exec(
                        *child.argv,
                        env=env,
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        start_new_session=True,
                    )
                except OSError as error:
                    return f"cannot be started: {error}"
            say(f"{child.name} is process {process.pid}")
            self._note(child.name, process.pid)
            watching = asyncio.create_task(watch(child, process, notify)) if notify else None
            code = await process.wait()
            if watching is not None:
                watching.cancel()
        self._forget(child.name)
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def _note(self, name: str, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            mark = Mark.of(pid)
            mark.write(mark_path(self._settings, name))
            self._running[name] = mark
            self._write_children()

    def _forget(self, name: str) -> None:
        mark = self._running.pop(name, None)
        if mark is not None:
            # What it started itself must not outlive it: the next one starts its own.
            for pid in group_of(mark, self._settings.state):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        mark_path(self._settings, name).unlink(missing_ok=True)
        self._write_children()

    def _write_children(self) -> None:
        pids = {name: mark.pid for name, mark in self._running.items()}
        write_private(children_path(self._settings), json.dumps(pids, indent=2) + "\n")

    async def _stop_all(self, keepers: dict[str, asyncio.Task[None]]) -> None:
        """End the children one after the other: those who decide first, the stores last."""
        for child in reversed(self._children):
            mark = self._running.get(child.name)
            if mark is not None:
                gone = await asyncio.to_thread(
                    end_group, mark, self._settings.state, grace_s=child.stop_grace_s
                )
                say(f"{child.name} {'ended' if gone else 'does not end'}")
            if child.name in keepers:
                await asyncio.wait([keepers[child.name]], timeout=2.0)

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_S)
            for log in self._settings.log_dir.glob("*.log"):
                bound_log(log)


@contextlib.contextmanager
def notify_socket(run_dir: Path, child: Child) -> Iterator[socket.socket | None]:
    """The datagram socket a watched child reports to; None for the others."""
    if not child.watched:
        yield None
        return
    path = run_dir / f"notify-{child.name}.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.setblocking(False)
        try:
            yield notify
        finally:
            path.unlink(missing_ok=True)


def watch_environment(notify: socket.socket | None) -> dict[str, str]:
    """The variables that tell a watched child where to give its sign, as sd_notify(3) says."""
    if notify is None:
        return {}
    return {
        "NOTIFY_SOCKET": str(notify.getsockname()),
        "WATCHDOG_USEC": str(int(WATCHDOG_S * 1_000_000)),
    }


async def watch(child: Child, process: asyncio.subprocess.Process, notify: socket.socket) -> None:
    """Kill the child when it is silent for too long."""
    loop = asyncio.get_running_loop()
    patience = FIRST_SIGN_S
    while True:
        try:
            message = await asyncio.wait_for(loop.sock_recv(notify, 4096), patience)
        except TimeoutError:
            say(f"{child.name} gave no sign for {patience:.0f} s: killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return
        if b"WATCHDOG=1" in message.split(b"\n") or b"READY=1" in message.split(b"\n"):
            patience = WATCHDOG_S


def bound_log(log: Path, *, limit: int = LOG_LIMIT_BYTES) -> None:
    """Move the content of a log that grew too large to `.1`, older ones to `.2` and `.3`.

    The file itself is emptied in place: its writer appends and has it open.
    """
    if not log.exists() or log.stat().st_size <= limit:
        return
    for number in range(LOGS_KEPT, 1, -1):
        older = log.with_name(f"{log.name}.{number - 1}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number}"))
    log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)


def say(text: str) -> None:
    """A line in the supervisor's own log."""
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}", flush=True)
