"""Real redis-server and PostgreSQL processes of the tests' own, on unix sockets in /tmp."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_DEADLINE = 20.0


def wait_until(condition: Callable[[], bool], what: str, deadline: float = _DEADLINE) -> None:
    """Poll until the condition holds; AssertionError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what}")
        time.sleep(0.01)


def _accepts(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
            return True
    except OSError:
        return False


class RedisServer:
    """A redis-server with its append-only file on; it can be killed and started again."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="huawu-redis-"))
        self.socket = self.folder / "r.sock"
        self.url = f"unix://{self.socket}"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisServer":
        self._process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir",
             str(self.folder), "--appendonly", "yes", "--save", "", "--loglevel", "warning",
             *self._options],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: _accepts(self.socket), "redis-server answers")
        return self

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it with -9; what it acknowledged must be there after `start`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def lose_everything(self) -> None:
        """Start again with no data."""
        self.kill()
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.start()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres_programs() -> Path | None:
    """Folder of the newest installed PostgreSQL server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    return found[-1].parent if found else None


class PostgresServer:
    """A PostgreSQL cluster; started as the user `postgres` when we are root, who may not run it."""

    def __init__(self) -> None:
        programs = postgres_programs()
        assert programs is not None, "PostgreSQL is not installed"
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="huawu-pg-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}",
                             "--clear-groups"]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", "data", "-U", "huawu", "-A", "trust", "-E", "UTF8", "--no-sync",
                  "--locale=C.UTF-8")  # fmt: skip

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [*self._as_user, str(self._programs / program), *arguments]

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            self._command(program, *arguments), cwd=self.folder, check=True, capture_output=True
        )

    def start(self) -> "PostgresServer":
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", "data", "-k", str(self.folder),
                              "-c", "listen_addresses=", "-c", "fsync=off"),
                cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self._answers, "PostgreSQL answers")
        return self

    def _answers(self) -> bool:
        probe = self._command("pg_isready", "-q", "-h", str(self.folder), "-U", "huawu")
        return subprocess.run(probe, check=False).returncode == 0

    def sql(self, statement: str) -> None:
        self._run("psql", "-q", "-h", str(self.folder), "-U", "huawu", "-d", "postgres",
                  "-v", "ON_ERROR_STOP=1", "-c", statement)  # fmt: skip

    def url(self, database: str) -> str:
        return f"postgresql://huawu@/{database}?host={self.folder}"

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast" shutdown: clients are cut off
            self._process.wait(timeout=_DEADLINE)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
