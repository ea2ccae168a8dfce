"""`huawu demo`: life without a phone.

Simulated customers really call over SIP with numbers of their own, walk through the menu, wait,
speak, sometimes give up; simulated agents sign in from their phones, answer, talk and write notes.
Whoever watches the wallboard sees it move. Ctrl-C ends all of it: calls hung up, agents signed out.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TextIO

from redis.asyncio import Redis

from acd.company import Company, load_company
from controller.credentials import TRUNK, Credentials, load_credentials, sip_endpoint
from controller.demo_people import SimulatedAgent, World, live_as_customer
from controller.demo_script import Bought, choose_agents, draw_person, load_phrases
from controller.demo_watch import Watch
from controller.lifecycle import why_not_ready
from controller.problems import ProblemError
from controller.settings import ROOT, Settings, load_settings
from ivr.shop.orders_file import load_orders
from ivr.versions import FlowVersion, load_version
from store.live import connect
from telephony.events import AgentState
from telephony.softphone import Phone, PhoneError, PhoneRack

MOST_CUSTOMERS = 28
"""Customers on the line at a time: one process of phones carries 32 calls."""
LAST_CALLS_S = 45.0
"""How long running calls may take to end by themselves when the time is over."""
SIGN_OUT_S = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked for on the command line."""

    rate: float
    minutes: float
    agents: int
    seed: int | None


def parse(words: Sequence[str]) -> Wishes:
    """Read the command line. Leaves the process with usage on a wrong word."""
    parser = argparse.ArgumentParser(
        prog="huawu demo",
        description="Simulated customers call, simulated agents answer. Ctrl-C ends it cleanly.",
        epilog="Example: ./huawu demo --rate 20 --minutes 10 --agents 8",
    )
    parser.add_argument(
        "--rate", type=_positive, default=12.0, metavar="CALLS", help="calls per minute (12)"
    )
    parser.add_argument("--minutes", type=_positive, default=5.0, help="how long (5)")
    parser.add_argument("--agents", type=int, default=6, help="how many agents work (6)")
    parser.add_argument("--seed", type=int, default=None, help="the same lots every time")
    asked = parser.parse_args(words)
    if asked.agents < 0:
        parser.error("--agents must not be negative")
    return Wishes(rate=asked.rate, minutes=asked.minutes, agents=asked.agents, seed=asked.seed)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError("must be more than 0 and not more than 600")
    return value


def main(words: Sequence[str]) -> int:
    """Run the demo. Returns 0 when everything it began was ended, too."""
    wishes, settings = parse(words), load_settings()
    credentials = load_credentials(settings.secrets_file)
    reason = why_not_ready(settings)
    if credentials is None or reason:
        raise ProblemError(f"It does not run: start it with `./huawu up`.\n{reason}".strip())
    return asyncio.run(_run(wishes, settings, credentials))


async def _run(wishes: Wishes, settings: Settings, credentials: Credentials) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    redis = connect(settings.effective_redis_url)
    try:
        demo = Demo(wishes, settings, credentials, redis, sys.stdout)
        return 0 if await demo.run(stop) else 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        await redis.aclose()


def _orders(company: Path, menu: FlowVersion) -> list[Bought]:
    """The example orders that customers ask about."""
    file = company / "shop" / "orders.yaml"
    if not file.exists():
        return []
    records = load_orders(file, zone=menu.hours.zone, now=time.time())
    return [Bought(number=order.number, phone=order.phone) for order in records.orders]


@dataclass(slots=True)
class Tally:
    """What the events do not tell."""

    placed: int = 0
    no_line: int = 0
    failures: list[str] = field(default_factory=list)


class Demo:
    """One run."""

    def __init__(
        self,
        wishes: Wishes,
        settings: Settings,
        credentials: Credentials,
        redis: Redis,
        out: TextIO,
    ) -> None:
        self._wishes = wishes
        self._settings = settings
        self._credentials = credentials
        self._company: Company = load_company(settings.company)
        self._menu: FlowVersion = load_version(settings.company)
        self._watch = Watch(redis)
        self._orders = _orders(settings.company, self._menu)
        speech = settings.company / "speech"
        self._world = World(
            watch=self._watch,
            flows=self._menu.flows,
            phrases=load_phrases(speech if speech.is_dir() else ROOT / "company" / "speech"),
            lots=Random(wishes.seed),  # noqa: S311 - a simulation
        )
        self._agents: list[SimulatedAgent] = []
        self._tally = Tally()
        self._customers: set[asyncio.Task[None]] = set()
        self._out = out
        self._begun = time.monotonic()
        self._shown = ""

    async def run(self, stop: asyncio.Event) -> bool:
        """From the first sign-in to the last sign-out; False when something was left."""
        await self._watch.load()
        watching = asyncio.create_task(self._watch.run(), name="watch")
        try:
            async with PhoneRack() as customers, PhoneRack() as agents:
                await self._bring_agents(agents)
                lives = [asyncio.create_task(agent.live()) for agent in self._agents]
                telling = asyncio.create_task(self._tell())
                try:
                    trunk = await self._phone(customers, TRUNK, rings=False)
                    await self._place_calls(trunk, stop)
                    await self._last_calls(stop)
                finally:
                    await _end([*self._customers, *lives])
                    clean = await self._sign_out()
                    await _end([telling])
        finally:
            await _end([watching])
        self._line("")
        self._write(self.summary(clean) + "\n")
        return clean

    # -- people -----------------------------------------------------------------------------

    async def _bring_agents(self, rack: PhoneRack) -> None:
        free = {
            agent
            for agent in self._company.agents
            if self._watch.state(agent) is AgentState.SIGNED_OUT
            and agent not in self._watch.reachable
        }
        for agent in choose_agents(self._company, free, self._wishes.agents):
            phone = await self._phone(rack, sip_endpoint(agent), rings=True)
            self._agents.append(SimulatedAgent(self._world, agent, phone))
        if len(self._agents) < self._wishes.agents:
            self._write(
                f"{len(self._agents)} agents come; the others are signed in or have a phone.\n"
            )

    async def _phone(self, rack: PhoneRack, endpoint: str, *, rings: bool) -> Phone:
        bind = self._settings.bind
        server = "127.0.0.1" if bind == "0.0.0.0" else bind  # noqa: S104
        make = rack.register if rings else rack.phone
        secret = self._credentials.sip[endpoint]
        return await make(endpoint, secret, server=server, port=self._settings.sip_port)

    async def _place_calls(self, trunk: Phone, stop: asyncio.Event) -> None:
        """Calls come at random, so many in a minute on average, until the time is over."""
        end = time.monotonic() + self._wishes.minutes * 60
        while (left := end - time.monotonic()) > 0 and not stop.is_set():
            pause = self._world.lots.expovariate(self._wishes.rate / 60)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(pause, left))
            if stop.is_set() or time.monotonic() >= end:
                return
            if len(self._customers) >= MOST_CUSTOMERS:
                self._tally.no_line += 1
                continue
            task = asyncio.create_task(self._customer(trunk))
            self._customers.add(task)
            task.add_done_callback(self._customers.discard)

    async def _customer(self, trunk: Phone) -> None:
        known = [
            number for number in self._menu.customers.by_number if number not in self._watch.ours
        ]
        person = draw_person(self._world.lots, self._menu.flow.data.languages, known, self._orders)
        self._watch.ours.add(person.number)
        self._tally.placed += 1
        try:
            await live_as_customer(self._world, person, trunk)
        except (PhoneError, TimeoutError) as error:
            self._tally.failures.append(str(error) or "no answer")
        finally:
            self._watch.ours.discard(person.number)

    async def _last_calls(self, stop: asyncio.Event) -> None:
        """Let running calls come to their end, unless everything is to end now."""
        deadline = time.monotonic() + LAST_CALLS_S
        while self._customers and not stop.is_set() and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)

    async def _sign_out(self) -> bool:
        left = await asyncio.gather(*(agent.sign_out(SIGN_OUT_S) for agent in self._agents))
        gone = await self._watch.until(lambda: not self._watch.contacts, 5)
        return all(left) and gone

    # -- what is shown ------------------------------------------------------------------------

    async def _tell(self) -> None:
        """One line that changes in place on a terminal, a line now and then elsewhere."""
        live = self._out.isatty()
        while True:
            self._line(self.status()) if live else self._write(self.status() + "\n")
            await asyncio.sleep(1.0 if live else 10.0)

    def status(self) -> str:
        """The figures of this moment."""
        watch, agents = self._watch, [agent.id for agent in self._agents]
        seconds = int(time.monotonic() - self._begun)
        busy = watch.agents_who(agents, AgentState.OFFERED, AgentState.TALKING)
        return (
            f"{seconds // 60:02d}:{seconds % 60:02d}  calls {self._tally.placed:3d} | "
            f"menu {watch.on_the_line('menu'):2d}  waiting {watch.on_the_line('waiting'):2d}  "
            f"talking {watch.on_the_line('talking'):2d} | answered {watch.answered:3d}  "
            f"gave up {watch.gave_up:3d} | "
            f"agents ready {watch.agents_who(agents, AgentState.READY)}  "
            f"busy {busy}  notes {watch.agents_who(agents, AgentState.WRAP_UP)}"
        )

    def summary(self, clean: bool) -> str:
        """The figures of the whole run."""
        watch, tally = self._watch, self._tally
        lines = [
            f"{tally.placed} calls: {watch.answered} answered, {watch.gave_up} gave up waiting, "
            f"{watch.ends['menu']} left in the menu",
            f"waited {_mean(watch.waits)} on average, longest {max(watch.waits, default=0):.0f} s; "
            f"talked {_mean(watch.talks)}",
        ]
        if lost := watch.offers_lost:
            lines.append("offers: " + ", ".join(f"{n} {what}" for what, n in sorted(lost.items())))
        if tally.no_line:
            lines.append(f"{tally.no_line} calls not placed: all {MOST_CUSTOMERS} lines were busy")
        if tally.failures:
            lines.append(f"{len(tally.failures)} calls failed: {tally.failures[0]}")
        lines.append(
            "All calls ended, all agents signed out."
            if clean
            else "Something is left: `./huawu doctor` shows what."
        )
        return "\n".join(lines)

    def _line(self, text: str) -> None:
        if self._out.isatty():
            self._write("\r" + text.ljust(len(self._shown)) + ("\r" if not text else ""))
            self._shown = text

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.1f} s" if values else "-"


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for them. Raises what one of them failed with."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
