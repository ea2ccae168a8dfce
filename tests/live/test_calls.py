"""Real calls through the whole system: every caller, agent and wire is real."""

import pytest

from telephony.events import (
    AgentState,
    ContactAnswered,
    ContactEnded,
    OfferMade,
    QueueEnd,
    QueueEntryEnded,
    TalkEnded,
)
from tests.live.sound import likeness, samples, seconds
from tests.live.stack import SPEECH, Scene

pytestmark = pytest.mark.live

QUESTION = SPEECH / "customer_refund.wav"
ANSWER = SPEECH / "agent_refund.wav"


async def test_a_caller_reaches_the_agent_whose_skill_fits(scene: Scene) -> None:
    page = await scene.api.watch()
    await scene.agent("8001")  # free all the time, but knows nothing of logistics
    fit = await scene.agent("8004", ready=False)
    caller = await scene.caller(heard=scene.folder / "caller.wav")
    await caller.waits_in("logistics", key="3")
    await page.saw(caller.contact, "waiting")

    await fit.want("ready")
    talk = await fit.answer(heard=scene.folder / "agent.wav")
    assert (talk.number, talk.name) == (caller.number, "物流")
    assert talk.headers["X-Huawu-Queue"] == "logistics"
    await page.saw(caller.contact, "talking")
    await caller.call.say(QUESTION)
    await talk.say(ANSWER)
    await talk.hang_up()
    await scene.feed.event(TalkEnded, contact=caller.contact)
    await caller.call.ended(10)
    await page.saw(caller.contact, "gone")
    await page.close()

    assert likeness(samples(scene.folder / "agent.wav"), samples(QUESTION)) > 0.8
    assert likeness(samples(scene.folder / "caller.wav"), samples(ANSWER)) > 0.8
    print(*scene.feed.of(caller.contact), sep="\n")
    print(page.stages, page.counts)
