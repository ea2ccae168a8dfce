"""The supervisor with small stand-in programs: restart, watchdog, order, and a clean end."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controller import supervisor
from controller.lifecycle import end_leftovers, marked_processes
from controller.processes import Mark
from controller.settings import Settings
from controller.supervisor import (
    AlreadyRunningError,
    Child,
    Supervisor,
    bound_log,
    children_path,
    is_running,
    mark_path,
)

SLEEP = "import time; time.sleep(60)"
ALIVE = """
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
s.send(b"READY=1\\nSTATUS=x")
for _ in range(int(os.environ["BEATS"])):
    s.send(b"WATCHDOG=1"); time.sleep(0.05)
time.sleep(60)
"""


def child(name: str, code: str = SLEEP, **fields: object) -> Child:
    return Child(name=name, argv=[sys.executable, "-c", code], **fields)  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state=tmp_path)


@asynccontextmanager
async def running(
    settings: Settings, *children: Child, restart: bool = True
) -> AsyncIterator[None]:
    task = asyncio.create_task(Supervisor(settings, children, restart=restart).run())
    await until(lambda: set(pids(settings)) == {child.name for child in children})
    try:
        yield
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 20)
    assert marked_processes(settings) == []


def pids(settings: Settings) -> dict[str, int]:
    file = children_path(settings)
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_BACKOFF_S", 0.05)
    monkeypatch.setattr(supervisor, "WATCHDOG_S", 0.3)


async def test_a_child_that_dies_is_started_again(settings: Settings) -> None:
    async with running(settings, child("a"), child("b")):
        before = pids(settings)
        os.kill(before["a"], signal.SIGKILL)
        await until(lambda: pids(settings).get("a", before["a"]) != before["a"])
        assert pids(settings)["b"] == before["b"]
    assert pids(settings) == {}


async def test_no_restart_when_asked_so(settings: Settings) -> None:
    async with running(settings, child("a"), child("b"), restart=False):
        os.kill(pids(settings)["a"], signal.SIGKILL)
        await until(lambda: set(pids(settings)) == {"b"})


async def test_what_a_dead_child_had_started_ends_too(settings: Settings, tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    code = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        f"open({str(note)!r}, 'w').write(str(p.pid))\n"
        "time.sleep(60)\n"
    )
    async with running(settings, child("a", code), restart=False):
        await until(lambda: note.exists() and note.read_text() != "")
        grandchild = Mark.of(int(note.read_text()))
        os.kill(pids(settings)["a"], signal.SIGKILL)
        await until(lambda: not grandchild.is_alive())


async def test_a_watched_child_lives_while_it_reports_and_is_killed_when_silent(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    beats = child("a", ALIVE, watched=True, env={"BEATS": "16"})
    async with running(settings, beats, restart=False):
        begun = time.monotonic()
        await until(lambda: not pids(settings))
        lived = time.monotonic() - begun
    assert lived > 0.7, "killed while it still reported"
    assert "gave no sign" in capfd.readouterr().out


async def test_one_that_ignores_sigterm_is_ended_all_the_same(settings: Settings) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    async with running(settings, child("a", stubborn, stop_grace_s=0.2)):
        pass


async def test_they_end_in_the_opposite_order_of_their_start(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    async with running(settings, child("store"), child("decider")):
        pass
    ended = [line.split()[1] for line in capfd.readouterr().out.splitlines() if "ended" in line]
    assert ended == ["decider", "store", "all"]


async def test_a_program_that_is_not_there_does_not_stop_the_others(settings: Settings) -> None:
    missing = Child(name="missing", argv=["/nonexistent"])
    task = asyncio.create_task(Supervisor(settings, [missing, child("b")]).run())
    await until(lambda: set(pids(settings)) == {"b"})
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 20)


async def test_only_one_for_a_state_folder(settings: Settings) -> None:
    assert not is_running(settings)
    async with running(settings, child("a")):
        assert is_running(settings)
        with pytest.raises(AlreadyRunningError):
            await Supervisor(settings, []).run()
    assert not is_running(settings)


async def test_children_whose_supervisor_was_killed_are_found_and_ended(
    settings: Settings, tmp_path: Path
) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from controller.settings import Settings\n"
        "from controller.supervisor import Child, Supervisor\n"
        f"child = Child(name='a', argv=[sys.executable, '-c', {SLEEP!r}])\n"
        f"asyncio.run(Supervisor(Settings(state=Path({str(tmp_path)!r})), [child]).run())\n"
    )
    root = Path(supervisor.__file__).parent.parent
    own = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=root, stdout=asyncio.subprocess.DEVNULL
    )
    await until(lambda: "a" in pids(settings))
    own.kill()
    await own.wait()
    orphan = Mark.read(mark_path(settings, "a"))
    assert orphan is not None
    assert orphan.is_alive()
    assert await asyncio.to_thread(end_leftovers, settings)
    assert not orphan.is_alive()
    assert marked_processes(settings) == []


async def test_a_stranger_with_the_same_number_is_never_touched(settings: Settings) -> None:
    stranger = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SLEEP, start_new_session=True
    )
    settings.run_dir.mkdir()
    Mark(stranger.pid, "12345").write(mark_path(settings, "a"))
    assert await asyncio.to_thread(end_leftovers, settings)
    assert Mark.of(stranger.pid).is_alive()
    stranger.kill()
    await stranger.wait()


def test_a_log_that_grew_too_large_is_moved_aside(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    for number in range(6):
        log.write_text(f"{number}" * 20, encoding="utf-8")
        bound_log(log, limit=10)
        assert log.read_text() == ""
    kept = sorted(file.name for file in tmp_path.iterdir())
    assert kept == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    assert (tmp_path / "a.log.1").read_text().startswith("5")
