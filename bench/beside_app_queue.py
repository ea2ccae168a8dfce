"""Real calls on a real Asterisk: our distribution beside its app_queue, turn by turn in one run.

    ./huawu bench beside_app_queue [--quick] [--rounds 2] [--parts abcd]

A private Asterisk, Redis and the real controller (with journal, stream and event log in SQLite) on
loopback; SIPp plays callers and agents. In each round the same load goes first to ``Queue()`` of
that Asterisk, with the controller stopped, and then through our dialplan and controller:

a   20 agents who hang up after 1-3 s, 20 callers waiting: from an agent's BYE to the next INVITE
    at the same phone.
b   an agent free when the caller enters the queue: from the entry to the agent's INVITE, at 20
    calls/s. Entry is the step before ``Queue()`` in the dialplan; ours, what the event log says.
c   CPU seconds a call at 20 and at 100 calls/s: controller and Redis beside Asterisk's own. The
    goal counts for calls in which caller and agent hear each other; calls of 1.5 s without a sound,
    of which Asterisk has the signalling alone, are shown beside them.
d   the most calls/s at which every call reaches an agent and no SIP message is sent twice.

Times are taken by the agents' phones as the message comes in, CPU time from /proc. Only ratios of
one run hold: machines differ, and one machine differs from minute to minute. Exit code 1 when a
goal is missed.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench._centre import FEW, MANY, NUMBERS, OURS, THEIRS, Centre
from bench._sip_load import PACKETS, Log, Outcome, Ring, callers, packets_sent

SIDES = ("app_queue", "Huawu")
TALK = (1000, 3000)  # ms
WAITING = 20  # callers who wait in part a
GOODBYE = 40  # room for those who hear the goodbye or come in, so that WAITING stay
STAYS = 1.5  # seconds after which a caller of the parts b, c, d hangs up
STEPS = (40, 80, 120, 140, 160, 180, 200)  # calls/s of part d
OFFERED_WITHIN = 1.0  # seconds from an offer to its ring; an older offer is another call's
REACHED = 0.995  # share of calls that must reach an agent in part d
CPU_SHARE = 0.25  # of controller and Redis beside Asterisk, at most
HEARD = 0.9  # share of their RTP packets that must be sent in calls with sound


@dataclass(frozen=True, slots=True)
class Load:
    """Calls of part c."""

    rate: int  # calls/s
    stays: float = STAYS  # seconds after the answer
    sound: bool = False


SHORT = Load(20)  # also of part b
#: With sound, two cores carry some 300 calls at a time, phones included.
LOADS = (SHORT, Load(100), Load(20, 10, sound=True), Load(100, 3, sound=True))


@dataclass(slots=True)
class Side:
    """What was measured of one way of distributing, over all rounds."""

    gaps: list[float] = field(default_factory=list)  # seconds, part a
    waiting: list[int] = field(default_factory=list)  # callers who waited, samples in part a
    entries: list[float] = field(default_factory=list)  # seconds, part b
    cpu: dict[Load, dict[str, float]] = field(default_factory=dict)  # part c: seconds
    calls: dict[Load, int] = field(default_factory=dict)  # part c
    heard: dict[Load, float] = field(default_factory=dict)  # part c: share of the sound, the worst
    most: int = 0  # part d
    why: str = "no step failed"  # part d: what ended it


@dataclass(frozen=True, slots=True)
class Times:
    """Lengths of the parts in seconds."""

    gap: float
    steady: float
    fast: float
    step: float


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies (nearest rank); NaN of nothing."""
    if not values:
        return math.nan
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


class Bench:
    """One run."""

    def __init__(self, centre: Centre, times: Times, parts: str) -> None:
        self.centre, self.times, self.parts = centre, times, parts
        self.sides = {name: Side() for name in SIDES}

    def round(self, number: int) -> None:
        """Parts a, b and c once for each side."""
        for name in SIDES:
            print(f"round {number}: {name} ...", file=sys.stderr, flush=True)
            self._take_side(name)
            if "a" in self.parts:
                self._gaps(name)
            for load in LOADS:
                if "c" in self.parts or ("b" in self.parts and load == SHORT):
                    self._steady(name, load)

    def most(self) -> None:
        """Part d: each rate turn by turn, as the machine's own speed changes within minutes."""
        left = list(SIDES)
        for rate in STEPS:
            for name in tuple(left):
                self._take_side(name)
                print(f"most calls/s: {name} {rate} ...", file=sys.stderr, flush=True)
                # A machine that others use has bad moments: a step may be tried three times.
                if why := self._step(name, rate) and self._step(name, rate):
                    why = self._step(name, rate)
                if why:
                    self.sides[name].why = f"{rate}/s, three times: {why}"
                    left.remove(name)
                else:
                    self.sides[name].most = rate

    def _take_side(self, name: str) -> None:
        """The controller runs for our side alone: app_queue is not to pay for it."""
        self.centre.stop_controller()
        if name == SIDES[1]:
            self.centre.start_controller()

    def _flow(
        self, name: str, group: str, rate: int, seconds: float, *, at_once: int = 10_000,
        stays: float | None = None, sound: bool = False,
    ):  # type: ignore[no-untyped-def] # fmt: skip
        return callers(
            self.centre.folder, server=self.centre.settings.sip_port, port=self.centre.caller_port,
            secret=self.centre.secret("trunk"), number=NUMBERS[group],
            dial=OURS if name == SIDES[1] else THEIRS[group],
            rate=rate, seconds=seconds, at_once=at_once,
            stays=None if stays is None else round(stays * 1000),
            sound=sound,
        )  # fmt: skip

    def _gaps(self, name: str) -> None:
        side, rack = self.sides[name], self.centre.phones[FEW]
        agents = len(self.centre.agents[FEW])
        at_once = agents + WAITING + GOODBYE
        mark = rack.mark()
        with self._flow(name, FEW, 20, 600, at_once=at_once) as flow:
            time.sleep(8)  # until all agents talk and others wait
            mark = rack.mark()
            for _ in range(4):
                time.sleep(self.times.gap / 4)
                side.waiting.append(self.centre.waiting(FEW))
            side.gaps += rack.since(mark).gaps()
            flow.finish(12)
        self.centre.clear()

    def _steady(self, name: str, load: Load) -> None:
        side, rack = self.sides[name], self.centre.phones[MANY]
        seconds = self.times.steady if load.rate == SHORT.rate else self.times.fast
        seconds = max(seconds, 2 * load.stays)
        mark, begun, before, sent = rack.mark(), time.time(), self.centre.cpu(), packets_sent()
        with self._flow(name, MANY, load.rate, seconds, stays=load.stays, sound=load.sound) as flow:
            flow.wait(seconds + load.stays + 10)
        time.sleep(1.5)  # the event log follows
        after, log, outcome = self.centre.cpu(), rack.since(mark), flow.outcome()
        heard = (packets_sent() - sent) / (PACKETS * load.stays * max(1, outcome.done))
        side.heard[load] = min(heard, side.heard.get(load, 1.0))
        used = side.cpu.setdefault(load, {})
        for process, seconds_used in after.items():
            used[process] = used.get(process, 0) + seconds_used - before[process]
        side.calls[load] = side.calls.get(load, 0) + outcome.done
        if load == SHORT:
            side.entries += self._entries(name, log, begun)
        self.centre.clear()

    def _entries(self, name: str, log: Log, begun: float) -> list[float]:
        if name == SIDES[0]:
            return [ring.at - ring.entered for ring in log.rings]
        deadline = time.monotonic() + 15  # the event log follows, on a busy machine later
        while True:
            offers = self.centre.offers(begun - 1)
            entries = [_entry(ring, offers.get(ring.agent, ())) for ring in log.rings]
            known = [entry for entry in entries if entry is not None]
            if len(known) == len(entries) or time.monotonic() > deadline:
                return known
            time.sleep(0.5)

    def _step(self, name: str, rate: int) -> str:
        """One rate; why it failed, "" when it did not."""
        rack = self.centre.phones[MANY]
        mark = rack.mark()
        with self._flow(name, MANY, rate, self.times.step, stays=STAYS) as flow:
            flow.wait(self.times.step + 12)
        time.sleep(0.5)
        outcome, reached = flow.outcome(), len(rack.since(mark).rings)
        self.centre.clear()
        if not rack.is_alive():
            raise SystemExit("the phones' SIPp ended")
        return _verdict(outcome, reached, round(rate * self.times.step))


def _entry(ring: Ring, offers: Sequence[tuple[float, float]]) -> float | None:
    """Seconds from the queue entry of the agent's last offer to the ring; None if not known yet."""
    made, queued = max((offer for offer in offers if offer[0] <= ring.at), default=(0.0, 0.0))
    return ring.at - queued if ring.at - made < OFFERED_WITHIN else None


def _verdict(outcome: Outcome, reached: int, wanted: int) -> str:
    if outcome.failed or outcome.done < wanted:
        return f"{wanted - outcome.done} of {wanted} calls failed"
    if outcome.retransmissions:
        return f"{outcome.retransmissions} retransmissions"
    if reached < REACHED * wanted:
        return f"{wanted - reached} of {wanted} calls reached nobody"
    return ""


# -- the tables ------------------------------------------------------------------------------


class Report:
    """Prints the tables and remembers whether a goal was missed."""

    def __init__(self, sides: dict[str, Side]) -> None:
        self.theirs, self.ours = (sides[name] for name in SIDES)
        self.missed = 0

    def verdict(self, reached: bool) -> str:
        """The last column."""
        self.missed += not reached
        return "reached" if reached else "NOT REACHED"

    def latency(self, theirs: list[float], ours: list[float], goals: dict[float, float]) -> None:
        """A row for each quantile; the goal is the largest ratio of ours to theirs."""
        head = ("", "app_queue ms", "Huawu ms", "ratio", "goal")
        print(f"{head[0]:6}{head[1]:>14}{head[2]:>12}{head[3]:>10}{head[4]:>10}")
        for share, goal in goals.items():
            one, other = quantile(theirs, share) * 1000, quantile(ours, share) * 1000
            ratio = other / one
            shown = f"1/{1 / ratio:.1f}" if ratio < 1 else f"{ratio:.2f}"
            wanted = f"1/{1 / goal:.0f}" if goal < 1 else f"{goal:.0f}"
            told = self.verdict(ratio <= goal)
            name = f"p{share * 100:g}"
            print(f"{name:6}{one:>14.1f}{other:>12.1f}{shown:>10}{wanted:>10}  {told}")

    def gaps(self) -> None:
        """Part a."""
        theirs, ours = self.theirs, self.ours
        print("\na  agent's BYE -> next INVITE at the same phone, callers waiting")
        self.latency(theirs.gaps, ours.gaps, {0.5: 1 / 40, 0.99: 1 / 20})
        waited = " and ".join(f"{sum(s.waiting) / len(s.waiting):.0f}" for s in (theirs, ours))
        print(
            f"      {len(theirs.gaps)} and {len(ours.gaps)} gaps; {waited} callers waiting (mean)"
        )

    def entries(self) -> None:
        """Part b."""
        theirs, ours = self.theirs.entries, self.ours.entries
        print("\nb  caller enters the queue -> INVITE at a free agent's phone")
        self.latency(theirs, ours, {0.5: 2.0, 0.99: 2.0})
        print(f"      {len(theirs)} and {len(ours)} calls")

    def cpu(self) -> None:
        """Part c."""
        print("\nc  CPU ms a call (ours beside the same run's Asterisk)")
        head = ("app_queue's Asterisk", "our Asterisk", "controller", "Redis", "share")
        print(f"{'calls':30}{head[0]:>22}" + "".join(f"{word:>14}" for word in head[1:]) + "  goal")
        for load in LOADS:
            alone = self.theirs.cpu[load]["asterisk"] / max(1, self.theirs.calls[load]) * 1000
            calls = max(1, self.ours.calls[load])
            used = {name: value / calls * 1000 for name, value in self.ours.cpu[load].items()}
            share = (used["controller"] + used["redis"]) / used["asterisk"]
            cells = f"{used['asterisk']:>14.2f}{used['controller']:>14.2f}{used['redis']:>14.2f}"
            heard = min(self.theirs.heard[load], self.ours.heard[load])
            reached = share <= CPU_SHARE
            if load.sound:
                sound, told = f"{heard:.0%} of the sound", self.verdict(reached and heard >= HEARD)
            else:
                sound, told = "silent", f"{'' if reached else 'not '}reached, not counted"
            kind = f"{load.rate}/s, {load.stays:g} s, {sound}"
            print(f"{kind:30}{alone:>22.2f}{cells}{share:>14.2f}  {CPU_SHARE}  {told}")

    def most(self) -> None:
        """Part d."""
        print("\nd  most calls/s without retransmission or failure")
        for name, side in zip(SIDES, (self.theirs, self.ours), strict=True):
            print(f"   {name:10}{side.most:>6}/s   ({side.why})")
        told = self.verdict(self.ours.most >= self.theirs.most)
        print(f"   goal: no fewer than app_queue: {told}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2, help="of the parts a to c")
    parser.add_argument("--quick", action="store_true", help="one short round; 3 minutes")
    parser.add_argument("--parts", default="abcd", help="which, for example bc")
    options = parser.parse_args()
    times = Times(15, 8, 6, 4)
    rounds = options.rounds
    if options.quick:
        times, rounds = Times(8, 5, 4, 3), 1
    if set(options.parts) - set("abcd"):
        parser.error("parts are a, b, c and d")
    parts = options.parts if not options.quick else options.parts.replace("d", "")
    with Centre(few=20, many=600, talk=TALK) as centre:
        bench = Bench(centre, times, parts)
        for number in range(1, rounds + 1):
            if set(parts) & set("abc"):
                bench.round(number)
        if "d" in parts:
            bench.most()
    report = Report(bench.sides)
    for part, table in zip(
        "abcd", (report.gaps, report.entries, report.cpu, report.most), strict=True
    ):
        if part in parts:
            table()
    sys.exit(1 if report.missed else 0)


if __name__ == "__main__":
    main()
