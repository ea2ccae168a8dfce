"""FastAGI sessions a second: ours with every limit on, beside panoramisk 1.4, in one run.

    ./huawu bench fastagi_server [--rounds 5] [--sessions 2000] [--at-once 50]

A session is an environment, five commands with their answers, and the close. Each server runs in
a process of its own on one core, the client that plays Asterisk on another; the servers take
turns. Only the ratio of one run holds, machines and minutes differ. CPU is the server's own.
"""

import argparse
import asyncio
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

COMMANDS = 5
ENVIRONMENT = (
    b"agi_network: yes\nagi_network_script: menu\nagi_request: agi://127.0.0.1/menu\n"
    b"agi_channel: PJSIP/trunk-00000001\nagi_language: zh\nagi_type: PJSIP\n"
    b"agi_uniqueid: huawu-1763760000.1\nagi_version: 22.10.1\nagi_callerid: 13800138000\n"
    b"agi_calleridname: unknown\nagi_callingpres: 0\nagi_callingani2: 0\nagi_callington: 0\n"
    b"agi_callingtns: 0\nagi_dnid: 8000\nagi_rdnis: unknown\nagi_context: huawu\n"
    b"agi_extension: 8000\nagi_priority: 4\nagi_enhanced: 0.0\nagi_accountcode: \n"
    b"agi_threadid: 140000000000000\n\n"
)


def run_ours(port: int, ready: Any, *, on_uvloop: bool) -> None:
    """Serve with `telephony/agi.py`."""
    from telephony.agi import AgiSession, FastAgiServer

    async def menu(session: AgiSession) -> None:
        await session.get_variable("HUAWU_CONTACT")
        await session.set_variable("HUAWU_LANGUAGE", "zh-CN")
        await session.stream_file("welcome", "0123456789*#")
        await session.wait_for_digit(5)
        await session.set_variable("HUAWU_NEXT", "wait")

    async def serve() -> None:
        await FastAgiServer({"menu": menu}, host="127.0.0.1", port=port).start()
        ready.set()
        await asyncio.Event().wait()

    if on_uvloop:
        uvloop.run(serve())
    else:
        asyncio.run(serve())


def run_panoramisk(port: int, ready: Any, *, on_uvloop: bool) -> None:
    """Serve with panoramisk's FastAGI application."""
    from panoramisk import fast_agi

    async def menu(request: Any) -> None:
        await request.send_command('GET VARIABLE "HUAWU_CONTACT"')
        await request.send_command('SET VARIABLE "HUAWU_LANGUAGE" "zh-CN"')
        await request.send_command('STREAM FILE "welcome" "0123456789*#"')
        await request.send_command('WAIT FOR DIGIT "5000"')
        await request.send_command('SET VARIABLE "HUAWU_NEXT" "wait"')

    async def serve() -> None:
        application = fast_agi.Application(loop=asyncio.get_running_loop())
        application.add_route("menu", menu)
        await asyncio.start_server(application.handler, "127.0.0.1", port)
        ready.set()
        await asyncio.Event().wait()

    if on_uvloop:
        uvloop.run(serve())
    else:
        asyncio.run(serve())


class Caller(asyncio.Protocol):
    """Plays Asterisk: one environment, then an answer to each line."""

    def __init__(self, done: Callable[[int], None]) -> None:
        self.done, self.answered = done, 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(ENVIRONMENT)

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\n")):
            self.answered += 1
            self.transport.write(b"200 result=1 endpos=800\n")

    def connection_lost(self, error: Exception | None) -> None:
        self.done(self.answered)


async def call(port: int, sessions: int, at_once: int) -> float:
    """Seconds for all sessions."""
    loop = asyncio.get_running_loop()
    left, finished, wrong = sessions, loop.create_future(), 0
    running, tasks = 0, set[asyncio.Task[Any]]()

    def ended(answered: int) -> None:
        nonlocal running, wrong
        running -= 1
        wrong += answered != COMMANDS
        begin()

    def begin() -> None:
        nonlocal left, running
        if left:
            left -= 1
            running += 1
            dialling = loop.create_task(
                loop.create_connection(lambda: Caller(ended), "127.0.0.1", port)
            )
            tasks.add(dialling)
            dialling.add_done_callback(tasks.discard)
        elif not running and not finished.done():
            finished.set_result(None)

    start = time.perf_counter()
    for _ in range(at_once):
        begin()
    await finished
    if wrong:
        raise SystemExit(f"{wrong} sessions went wrong")
    return time.perf_counter() - start


def free_port() -> int:
    """A TCP port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=50)
    options = parser.parse_args()
    servers: dict[str, tuple[Callable[..., None], bool]] = {
        "panoramisk": (run_panoramisk, False),
        "ours": (run_ours, False),
        "panoramisk, uvloop": (run_panoramisk, True),
        "ours, uvloop (as shipped)": (run_ours, True),
    }
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    running: dict[str, tuple[int, multiprocessing.Process]] = {}
    for name, (target, on_uvloop) in servers.items():
        ready, port = multiprocessing.Event(), free_port()
        process = multiprocessing.Process(
            target=target, args=(port, ready), kwargs={"on_uvloop": on_uvloop}, daemon=True
        )
        process.start()
        os.sched_setaffinity(process.pid or 0, {cores[0]})
        if not ready.wait(10):
            raise SystemExit(f"{name} did not start")
        running[name] = (port, process)
    rates: dict[str, list[float]] = {name: [] for name in servers}
    cpu: dict[str, list[float]] = {name: [] for name in servers}
    for turn in range(options.rounds + 1):
        for name, (port, process) in running.items():
            before = cpu_of(process.pid or 0)
            seconds = uvloop.run(call(port, options.sessions, options.at_once))
            if turn:  # the first warms up
                rates[name].append(options.sessions / seconds)
                cpu[name].append((cpu_of(process.pid or 0) - before) / options.sessions * 1e6)
    print(f"{options.sessions} sessions of {COMMANDS} commands, {options.at_once} at once")
    for name, rate in rates.items():
        ratio = statistics.median(r / p for r, p in zip(rate, rates["panoramisk"], strict=True))
        cost = statistics.median(c / p for c, p in zip(cpu[name], cpu["panoramisk"], strict=True))
        print(
            f"{name:28} {statistics.median(rate):7,.0f} sessions/s  ratio {ratio:.2f}   "
            f"CPU {statistics.median(cpu[name]):5.0f} us a session  ratio {cost:.2f}"
        )
    for _, process in running.values():
        process.terminate()
        process.join()


if __name__ == "__main__":
    main()
