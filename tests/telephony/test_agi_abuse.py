"""What strangers and broken Asterisks can do to a listening FastAGI server: nothing to others.

The server runs in a process of its own, so that its memory and its open files are its own too.
While peers misbehave, ordinary calls go through their five commands; each must get its own answers.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from telephony.agi import ENVIRONMENT_LIMIT
from tests.telephony.test_agi import ENVIRONMENT
from tests.telephony.until import until

ROOT = Path(__file__).parents[2]
SHORT = {"environment_seconds": 2.0, "answer_seconds": 2.0}
MEMORY = 24 * 1024  # kB that a server may need for any abuse of this file
FLOOD = 4_000_000  # bytes that a peer tries to send where a limit should stop it
ENVIRON = ENVIRONMENT.encode()
FIRST = b'GET VARIABLE "NUMBER"\n'

_numbers = itertools.count(13_800_000_001)


class Server:
    """The process, and what can be seen of it from outside."""

    def __init__(self, limits):
        command = [sys.executable, "-P", "-m", "tests.telephony.agi_server", json.dumps(limits)]
        self.process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.port = int(self.process.stdout.readline())
        self._folder = Path(f"/proc/{self.process.pid}")

    def counters(self):
        """Its counters now. Only a loop that still turns answers."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def memory(self, what):
        """kB: ``VmRSS`` now, ``VmHWM`` at the most since ``forget_peak``."""
        return int((self._folder / "status").read_text().partition(f"{what}:")[2].split()[0])

    def forget_peak(self):
        (self._folder / "clear_refs").write_text("5")

    def descriptors(self):
        return len(list((self._folder / "fd").iterdir()))

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module", autouse=True)
def many_files():
    """The peers are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def server():
    """With little patience, so that the tests need little."""
    made = Server(SHORT)
    yield made
    made.stop()


@pytest.fixture
def shipped_server():
    made = Server({})
    yield made
    made.stop()


async def ordinary_call(port, gate=None):
    """One good session; with a gate it keeps Asterisk playing until that opens."""
    number = next(_numbers)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(ENVIRON)
        commands = []
        for answer in (f"1 ({number})", "1", "0 endpos=8000", "53", "0"):
            commands.append((await reader.readline()).decode())
            if gate and commands[-1].startswith("STREAM"):
                await gate.wait()
            writer.write(f"200 result={answer}\n".encode())
        assert commands == [
            FIRST.decode(),
            'SET VARIABLE "HUAWU_LANGUAGE" "zh-CN"\n',
            'STREAM FILE "welcome" "0123456789*#"\n',
            'WAIT FOR DIGIT "1000"\n',
            f'EXEC "MSet" "HUAWU_NUMBER={number},HUAWU_KEY=5,HUAWU_NEXT=wait"\n',
        ]
        assert await reader.read() == b""
    finally:
        writer.transport.abort()


# --- peers that misbehave; each returns when the server has closed it ----------------------------


async def sits(reader, writer):
    """Connects and says nothing."""


async def drips_an_environment(reader, writer):
    """Slow loris: a byte now and then, for ever."""
    for byte in itertools.cycle(ENVIRON.rstrip()):
        await send(writer, bytes([byte]))
        await asyncio.sleep(0.05)


async def sends_a_giant_header(reader, writer):
    writer.write(b"agi_network: ")
    await flood(writer, b"x" * 4096)


async def sends_endless_headers(reader, writer):
    await flood(writer, b"".join(b"agi_header_%d: value\n" % number for number in range(200)))


async def sends_a_header_just_too_long(reader, writer):
    writer.write(ENVIRON[:-2] + b"\nagi_x: " + b"x" * ENVIRONMENT_LIMIT + b"\n\n")


async def sends_binary(reader, writer):
    await flood(writer, random.Random(1).randbytes(65_536).replace(b"\n\n", b"\n"))


async def speaks_http(reader, writer):
    writer.write(b"POST /menu HTTP/1.1\r\nHost: huawu\r\nContent-Length: 9\r\n\r\nagi_x: 1\n\n")


async def answers_before_it_says_who_it_is(reader, writer):
    writer.write(b"200 result=1 (forged)\n" * 5 + ENVIRON)


async def sends_two_environments(reader, writer):
    writer.write(ENVIRON * 2)


async def answers_with_an_environment(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    writer.write(ENVIRON)


async def answers_all_at_once(reader, writer):
    writer.write(ENVIRON + b"200 result=1 (forged)\n" * 5)


async def answers_twice(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    writer.write(b"200 result=1 (1)\n200 result=1 (2)\n")


async def answers_without_an_end(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    await flood(writer, b"200 result=1 (" + b"x" * 4096)


async def explains_usage_without_an_end(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    await flood(writer, b"520-Invalid command syntax.\n" * 100)


async def answers_with_a_giant_number(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    writer.write(b"200 result=0 endpos=" + b"9" * 10_000 + b"\n")
    assert await reader.readline()  # it was an answer, as good as another
    writer.write(b"this is none\n")


async def presses_a_giant_key(reader, writer):
    writer.write(ENVIRON)
    for answer in (b"1 (1)", b"1", b"4" * 10_000):
        await reader.readline()
        writer.write(b"200 result=" + answer + b"\n")


async def answers_in_binary(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    await flood(writer, random.Random(2).randbytes(65_536))


async def drips_an_answer(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    for byte in itertools.cycle(b"200 result=1 (x"):
        await send(writer, bytes([byte]))
        await asyncio.sleep(0.05)


async def promises_an_answer_for_ever(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    while True:
        await send(writer, b"100 Trying\n")
        await asyncio.sleep(0.05)


async def never_answers(reader, writer):
    writer.write(ENVIRON)


async def dies_in_mid_command(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    writer.transport.abort()


async def closes_its_half_in_mid_command(reader, writer):
    writer.write(ENVIRON)
    assert await reader.readline() == FIRST
    writer.write_eof()


async def closes_its_half_in_mid_environment(reader, writer):
    writer.write(ENVIRON[:100])
    writer.write_eof()


async def flood(writer, piece):
    """Send until the server stops reading; one that reads on gets a few megabytes and no end."""
    for _ in range(FLOOD // len(piece)):
        await send(writer, piece)


async def send(writer, piece):
    """Send; raises ConnectionError once the server has closed."""
    writer.write(piece)
    await writer.drain()


async def misbehave(port, how):
    """One such peer, until the server has closed its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            await how(reader, writer)
            await reader.read()
    finally:
        writer.transport.abort()


ABUSES = [
    # how, how many peers at once, what the server counts of each
    (sits, 200, "late_environments"),
    (sits, 1000, "late_environments"),
    (drips_an_environment, 200, "late_environments"),
    (sends_a_giant_header, 50, "bad_environments"),
    (sends_endless_headers, 50, "bad_environments"),
    (sends_a_header_just_too_long, 50, "bad_environments"),
    (sends_binary, 50, "bad_environments"),
    (speaks_http, 100, "bad_environments"),
    (answers_before_it_says_who_it_is, 100, "bad_environments"),
    (closes_its_half_in_mid_environment, 100, "bad_environments"),
    (sends_two_environments, 100, "protocol_errors"),
    (answers_with_an_environment, 100, "protocol_errors"),
    (answers_all_at_once, 100, "protocol_errors"),
    (answers_twice, 100, "protocol_errors"),
    (answers_without_an_end, 50, "protocol_errors"),
    (explains_usage_without_an_end, 50, "protocol_errors"),
    (answers_with_a_giant_number, 100, "protocol_errors"),
    (presses_a_giant_key, 100, "protocol_errors"),
    (answers_in_binary, 50, "protocol_errors"),
    (drips_an_answer, 100, "timeouts"),
    (promises_an_answer_for_ever, 100, "timeouts"),
    (never_answers, 200, "timeouts"),
    (dies_in_mid_command, 200, "lost"),
    (closes_its_half_in_mid_command, 200, "lost"),
]


@pytest.mark.parametrize(
    "how, peers, counted", ABUSES, ids=[f"{how.__name__}-{peers}" for how, peers, _ in ABUSES]
)
async def test_ordinary_calls_go_on_while_peers(server, how, peers, counted):
    before, open_files = server.counters(), server.descriptors()
    server.forget_peak()
    memory = server.memory("VmRSS")
    good = 0
    async with asyncio.timeout(40), asyncio.TaskGroup() as group:
        crowd = [group.create_task(misbehave(server.port, how)) for _ in range(peers)]
        while good < 100 or not all(peer.done() for peer in crowd):
            await asyncio.gather(*(ordinary_call(server.port) for _ in range(10)))
            good += 10
            if good > 100:  # waiting for the slow ones need not keep a processor busy
                await asyncio.sleep(0.05)
    await nothing_is_left(server, open_files)
    after = server.counters()
    counts = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert counts.pop(counted) == peers
    assert counts.pop("connections") == peers + good
    assert counts.pop("sessions", 0) >= good
    assert not counts
    assert server.memory("VmHWM") - memory < MEMORY


async def test_a_thousand_calls_at_once(shipped_server):
    server = shipped_server
    open_files = server.descriptors()
    server.forget_peak()
    memory = server.memory("VmRSS")
    gate = asyncio.Event()
    async with asyncio.timeout(40), asyncio.TaskGroup() as group:
        for _ in range(1000):
            group.create_task(ordinary_call(server.port, gate))
        await until(lambda: server.counters()["open"] == 1000, 30)
        gate.set()
    await nothing_is_left(server, open_files)
    after = server.counters()
    assert {name: count for name, count in after.items() if count} == dict.fromkeys(
        ("connections", "sessions"), 1000
    )
    assert server.memory("VmHWM") - memory < MEMORY


async def nothing_is_left(server, open_files):
    """No connection, and no more open files than before."""
    await until(lambda: not (counts := server.counters())["open"] and not counts["waiting"], 10)
    await until(lambda: server.descriptors() <= open_files, 10)
