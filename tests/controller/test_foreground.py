"""One process alone, as a container runs it."""

import http.server
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import children, foreground, healthcheck, supervisor
from controller.problems import ProblemError
from controller.settings import Settings
from controller.supervisor import Child

SIGN = (
    "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
    "s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET']); "
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path)


@pytest.fixture
def only_child(monkeypatch: pytest.MonkeyPatch):
    def put(program: str) -> None:
        child = Child(name="controller", argv=[sys.executable, "-c", program], watched=True)
        monkeypatch.setattr(foreground, "children_of", lambda _: [child])

    umask = os.umask(0o077)
    yield put
    os.umask(umask)


def test_an_unknown_name_is_a_problem_that_names_the_known_ones(settings, only_child):
    only_child("pass")
    with pytest.raises(ProblemError, match=r"'web'.*controller"):
        foreground.run(settings, "web")


def test_the_exit_code_is_the_childs(settings, only_child):
    only_child(SIGN + "raise SystemExit(3)")
    assert foreground.run(settings, "controller") == 3


def test_a_child_that_was_killed_counts_as_shells_count(settings, only_child):
    only_child(SIGN + "os.kill(os.getpid(), 9)")
    assert foreground.run(settings, "controller") == 128 + 9


def test_a_hung_child_is_ended(settings, only_child, monkeypatch):
    monkeypatch.setattr(supervisor, "WATCHDOG_S", 0.2)
    only_child(SIGN + "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()")
    assert foreground.run(settings, "controller") == 128 + 9


def test_being_asked_to_end_is_handed_on(settings, only_child):
    only_child(
        SIGN + "import signal; signal.signal(15, lambda *_: exit(0)); "
        f"os.kill({os.getpid()}, {int(signal.SIGTERM)}); signal.pause()"
    )
    assert foreground.run(settings, "controller") == 0


def test_an_unwatched_process_takes_our_place(settings, monkeypatch):
    child = Child(name="redis", argv=["redis-server", "--port", "0"], env={"WORD": "1"})
    monkeypatch.setattr(foreground, "children_of", lambda _: [child])

    class Replaced(Exception):
        pass

    def replace(file: str, argv: list[str], env: dict[str, str]) -> None:
        assert (file, argv, env["WORD"]) == ("redis-server", ["redis-server", "--port", "0"], "1")
        raise Replaced

    monkeypatch.setattr(os, "execvpe", replace)
    umask = os.umask(0o077)
    with pytest.raises(Replaced):
        foreground.run(settings, "redis")
    os.umask(umask)


@pytest.fixture
def readyz(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """A web server that answers `/readyz` with the status in the dictionary."""
    answer = {"status": 200}

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer["status"] if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(b"Redis takes no writes")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HUAWU_BIND", "0.0.0.0")
        monkeypatch.setenv("HUAWU_WEB_PORT", str(server.server_address[1]))
        yield answer
        server.shutdown()
        thread.join()


def test_healthy_is_ready(readyz, capsys):
    assert healthcheck.main() == 0
    readyz["status"] = 503
    assert healthcheck.main() == 1
    assert "Redis takes no writes" in capsys.readouterr().out


def test_nobody_there_is_not_healthy(monkeypatch, capsys):
    monkeypatch.delenv("HUAWU_BIND", raising=False)
    monkeypatch.setenv("HUAWU_WEB_PORT", "1")
    assert healthcheck.main() == 1
    assert "http://127.0.0.1:1/readyz" in capsys.readouterr().out


def test_the_watched_one_is_the_controller(settings, monkeypatch):
    monkeypatch.setattr(children, "find_asterisk", lambda _: None)
    monkeypatch.setattr(children, "_asterisk", lambda *_: Child(name="asterisk", argv=["asterisk"]))
    monkeypatch.setattr(children, "find_redis", lambda _: ["redis-server"])
    assert [c.name for c in children.children_of(settings) if c.watched] == ["controller"]
