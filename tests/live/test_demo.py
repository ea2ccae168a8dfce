"""`huawu demo` on the running system: the figures move, and nothing is left of it."""

import asyncio
import signal
import sys

import pytest

from telephony.events import AgentState, AgentStateChanged, ContactAnswered, ContactArrived
from tests.live.stack import Scene, until

pytestmark = pytest.mark.live


async def test_the_demo_brings_life_and_takes_it_away(scene: Scene) -> None:
    page = await scene.api.watch()
    with scene.stack.environment():
        words = ("--rate", "40", "--minutes", "3", "--agents", "4", "--seed", "7")
        demo = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "controller", "demo", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def lively() -> bool:
        assert demo.returncode is None, (await demo.stdout.read()).decode()
        feed = scene.feed
        return feed.count(ContactArrived) >= 6 and feed.count(ContactAnswered) >= 2

    try:
        await until(lively, 90, "calls, and answers")
    finally:
        if demo.returncode is None:
            demo.send_signal(signal.SIGINT)
        said, _ = await asyncio.wait_for(demo.communicate(), 60)
    text = said.decode()
    await page.close()
    assert demo.returncode == 0, text
    assert "agents ready" in text
    assert text.rstrip().endswith("All calls ended, all agents signed out.")
    shown = page.counts
    assert max(waiting for _, waiting, _ in shown) >= 1
    assert max(talking for _, _, talking in shown) >= 1
    assert scene.feed.count(AgentStateChanged, state=AgentState.SIGNED_OUT) >= 4
    # Simulated agents use their phones for everything.
    authors = {event.author.partition(":")[0] for event in scene.feed.all(AgentStateChanged)}
    assert authors == {"agent", "rule"}
