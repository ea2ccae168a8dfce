"""How many AMI events a second does a reader take? Ours beside panoramisk 1.4, turn by turn.

    ./huawu bench ami_reader [--rounds 5] [--calls 1000]

The stream is that of calls through a menu and a queue as Asterisk 22 sends them: 92 events a call,
half of them VarSet, 440 bytes each on average, fed in 4 kB chunks as TCP brings them. Wanted are
15 names, 19 % of the events. Only ratios of one run hold: machines differ, and one machine differs
from minute to minute. Then a second process floods the real link over TCP for some seconds.
"""

import argparse
import asyncio
import logging
import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable

from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol

from bench._panoramisk_link import StrictManager, StrictProtocol
from telephony.ami import AmiLink, AmiMessage, _Connection

WANTED = frozenset(
    "Newchannel Hangup UserEvent DialBegin DialEnd BridgeEnter BridgeLeave ContactStatus "
    "DeviceStateChange QueueCallerJoin QueueCallerLeave QueueCallerAbandon AgentConnect "
    "AgentComplete OriginateResponse".split()
)
# Events of one call: name -> how many (performance-facts of Asterisk 22.10: 92 a call).
CALL = {
    "VarSet": 47, "Newexten": 6, "TestEvent": 5, "Newstate": 4, "RTCPSent": 4, "RTCPReceived": 4,
    "Newchannel": 2, "Hangup": 2, "DialBegin": 1, "DialEnd": 1, "BridgeEnter": 2, "BridgeLeave": 2,
    "DeviceStateChange": 4, "QueueCallerJoin": 1, "QueueCallerLeave": 1, "AgentConnect": 1,
    "UserEvent": 1, "BridgeCreate": 1, "BridgeDestroy": 1, "NewConnectedLine": 2,
}  # fmt: skip


def one_call(number: int) -> bytes:
    """The events of one call."""
    channel = (
        f"Channel: PJSIP/trunk-{number:08x}\r\nChannelState: 6\r\nChannelStateDesc: Up\r\n"
        f"CallerIDNum: 138{number:08}\r\nCallerIDName: 王小明\r\nConnectedLineNum: 8001\r\n"
        f"ConnectedLineName: 客服\r\nLanguage: zh\r\nAccountCode: \r\nContext: huawu-wait\r\n"
        f"Exten: 8000\r\nPriority: 3\r\nUniqueid: huawu-1763760000.{number}\r\n"
        f"Linkedid: huawu-1763760000.{number}\r\n"
        f"ChanVariable: HUAWU_CONTACT=huawu-1763760000.{number}\r\n"
    )
    return "".join(
        f"Event: {name}\r\nPrivilege: call,all\r\n{channel}Variable: X\r\nValue: 等待\r\n\r\n"
        for name, count in CALL.items()
        for _ in range(count)
    ).encode()


def chunks_of(stream: bytes) -> list[bytes]:
    """4 kB pieces, cut wherever they fall."""
    return [stream[at : at + 4096] for at in range(0, len(stream), 4096)]


class Sink:
    """Uses an event as a controller would: looks at four of its fields."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, message: AmiMessage) -> None:
        self.seen += 1
        _ = message.name, message.get("Uniqueid"), message.get("Channel")
        _ = message.variables().get("HUAWU_CONTACT")


def panoramisk_sink(sink: Sink) -> Callable[[object, object], None]:
    """The same use of a panoramisk message."""

    def use(_manager: object, message: object) -> None:
        sink.seen += 1
        _ = message.event, message.uniqueid, message.channel, message.chanvariable  # type: ignore[attr-defined]

    return use


async def stock(chunks: list[bytes], names: frozenset[str]) -> tuple[float, int]:
    """panoramisk as it is."""
    sink, manager, protocol = Sink(), Manager(), AMIProtocol()
    for name in names:
        manager.register_event(name, panoramisk_sink(sink))
    protocol.connection_made(None)
    protocol.factory, protocol.encoding = manager, "utf8"
    begin = time.perf_counter()
    for chunk in chunks:
        protocol.data_received(chunk)
    return time.perf_counter() - begin, sink.seen


async def subclassed(chunks: list[bytes], names: frozenset[str]) -> tuple[float, int]:
    """The attempt of `bench/_panoramisk_link.py`."""
    sink = Sink()
    use = panoramisk_sink(sink)
    manager = StrictManager(wanted=names, on_event=lambda message: use(None, message))
    protocol = StrictProtocol()
    protocol.connection_made(None)
    protocol.factory = manager
    delivering = asyncio.create_task(manager.deliver())
    begin = time.perf_counter()
    for chunk in chunks:
        protocol.data_received(chunk)
        await asyncio.sleep(0)
    while manager.events:
        await asyncio.sleep(0)
    elapsed = time.perf_counter() - begin
    delivering.cancel()
    return elapsed, sink.seen


async def ours(chunks: list[bytes], names: frozenset[str]) -> tuple[float, int]:
    """`telephony/ami.py`, with its queue and its delivery."""
    sink = Sink()

    async def on_up() -> None: ...

    link = AmiLink(
        host="", port=0, username="", secret="", on_event=sink, on_up=on_up,
        on_down=lambda: None, wanted=names,
    )  # fmt: skip
    connection = link._connection = _Connection(link)
    connection.greeting = None
    delivering = asyncio.create_task(link._come_up_and_deliver(connection))
    begin = time.perf_counter()
    for chunk in chunks:
        connection.data_received(chunk)
        await asyncio.sleep(0)
    while link._queue:
        await asyncio.sleep(0)
    elapsed = time.perf_counter() - begin
    delivering.cancel()
    return elapsed, sink.seen


def compare(rounds: int, calls: int) -> None:
    """Print events/s of each reader, its ratio to panoramisk's, and what it delivered."""
    chunks = chunks_of(b"".join(one_call(number) for number in range(calls)))
    events = calls * sum(CALL.values())
    wanted = sum(count for name, count in CALL.items() if name in WANTED) * calls
    print(f"{events} events, {wanted / events:.0%} wanted, {rounds} rounds turn by turn")
    everything = frozenset(CALL)
    readers = {
        "panoramisk, one * callback": (stock, frozenset({"*"}), events),
        "panoramisk, 15 names": (stock, WANTED, wanted),
        "panoramisk subclassed, 15 names": (subclassed, WANTED, wanted),
        "panoramisk subclassed, all names": (subclassed, everything, events),
        "ours, 15 names": (ours, WANTED, wanted),
        "ours, all names": (ours, everything, events),
    }
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, (reader, names, expected) in readers.items():
            elapsed, seen = asyncio.run(reader(chunks, names))
            times[name].append(elapsed)
            if seen != expected:
                print(f"  {name}: delivered {seen} of {expected}")
    base = times["panoramisk, one * callback"]
    for name, taken in times.items():
        ratio = statistics.median(b / t for b, t in zip(base, taken, strict=True))
        rate = events / statistics.median(taken)
        print(f"{name:34} {rate:>10,.0f} events/s   ratio {ratio:5.2f}")


def flood(port_box: "multiprocessing.Queue[int]", seconds: float, stream: bytes) -> None:
    """A peer that accepts any login and then writes events as fast as they are taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port_box.put(server.getsockname()[1])
        while True:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"Asterisk Call Manager/11.0.0\r\n")
                asked = peer.recv(4096).decode()
                action_id = asked.split("ActionID: ")[1].split("\r\n")[0]
                peer.sendall(f"Response: Success\r\nActionID: {action_id}\r\n\r\n".encode())
                peer.sendall(b"Event: FullyBooted\r\n\r\n")
                end = time.monotonic() + seconds
                try:
                    while time.monotonic() < end:
                        peer.sendall(stream)
                except OSError:
                    continue
                return


async def drink(seconds: float) -> None:
    """Read the flood with the real link and print what came of each event."""
    stream = b"".join(one_call(number) for number in range(50))
    box: multiprocessing.Queue[int] = multiprocessing.Queue()
    peer = multiprocessing.Process(target=flood, args=(box, seconds, stream), daemon=True)
    peer.start()
    sink, lag = Sink(), 0.0

    async def on_up() -> None: ...

    link = AmiLink(
        host="127.0.0.1", port=box.get(), username="u", secret="s", login="plain",
        on_event=sink, on_up=on_up, on_down=lambda: None, wanted=WANTED, back_off=(0.01, 0.1),
    )  # fmt: skip
    running = asyncio.create_task(link.run())
    begin = time.perf_counter()
    while peer.is_alive():
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        lag = max(lag, time.perf_counter() - before - 0.01)
    elapsed = time.perf_counter() - begin
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    counters = link.counters
    print(
        f"over TCP, {elapsed:.1f} s: {counters.events / elapsed:,.0f} events/s read, "
        f"{counters.delivered / elapsed:,.0f}/s delivered, overflows {counters.overflows}, "
        f"longest pause of the event loop {lag * 1000:.0f} ms"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    logging.getLogger("panoramisk").setLevel(logging.ERROR)
    compare(options.rounds, options.calls)
    asyncio.run(drink(options.seconds))


if __name__ == "__main__":
    main()
