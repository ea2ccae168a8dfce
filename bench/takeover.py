"""Kill the deciding controller again and again; time until the standby's next offer rings.

A caller waits, and the agent's notes end in the very time in which nobody decides. Measured is
from kill -9 to the standby's offer, and to the ringing of the agent's phone, on a real Asterisk
with real phones.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from telephony.events import AgentState, AgentStateChanged, ContactAnswered, OfferMade
from telephony.softphone import PhoneRack
from tests.live.pair import callers_wait, leader, standby, two_are_ready
from tests.live.stack import Api, Feed, Scene, Stack

AGENT = "8004"


async def one_takeover(scene: Scene, number: int) -> tuple[float, float]:
    """Seconds from kill -9 to the next offer, and to the phone's ringing."""
    stack, feed = scene.stack, scene.feed
    agent = await scene.agent(AGENT)
    talker, waiter = await callers_wait(scene, 2)
    talk = await agent.answer(15)
    await feed.event(ContactAnswered, contact=talker.contact)
    changes = feed.count(AgentStateChanged, agent=AGENT, state=AgentState.WRAP_UP)
    await talk.hang_up()
    await feed.event(AgentStateChanged, number=changes + 1, agent=AGENT, state=AgentState.WRAP_UP)
    await asyncio.sleep(2.2 + 0.13 * (number % 5))  # anywhere between two renewals
    old = leader(stack)
    pid = stack.kill(old.name)
    killed = time.monotonic()
    await feed.event(OfferMade, contact=waiter.contact)
    offered = time.monotonic() - killed
    call = await agent.answer(15)
    rang = time.monotonic() - killed
    await call.hang_up()
    await waiter.gone()
    await stack.serves_again(old.name, pid, 60)
    await two_are_ready(stack)
    await scene.api.want(AGENT, "signed_out")
    return offered, rang


async def measure(stack: Stack, rounds: int) -> list[tuple[float, float]]:
    """So many takeovers."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            await two_are_ready(stack)
            api = Api(stack, "supervisor", standby(stack).url)
            async with api, Feed(stack) as feed, PhoneRack() as rack:
                scene = Scene(stack, api, feed, rack, Path(folder))
                found.append(await one_takeover(scene, number))
            print("  offer after {:.2f} s, answered after {:.2f} s".format(*found[-1]), flush=True)
    return found


def main() -> int:
    """Run the bench; exit code 1 when a takeover took longer than three seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    stack = Stack(controllers=2)
    try:
        stack.start()
        found = asyncio.run(measure(stack, rounds))
    finally:
        stack.stop()
    offers = [offered for offered, _ in found]
    print(
        f"{rounds} takeovers: median {statistics.median(offers):.2f} s, longest {max(offers):.2f} s"
    )
    return 0 if max(offers) < 3.0 else 1


if __name__ == "__main__":
    sys.exit(main())
