"""Why still waiting, why not me: over HTTP, in both languages, for those who may ask."""

from telephony.events import AgentWish
from tests.acd.playbook import Playbook
from tests.dashboards.conftest import Browser, House


def play(house: House) -> Playbook:
    """Two callers for orders; one agent's phone rings for the first."""
    book = Playbook(house.company)
    house.explained.book = book
    house.now = book.at
    for agent in ("8001", "8003"):
        book.wish(agent, AgentWish.SIGN_IN)
    book.wish("8003", AgentWish.READY)
    book.call("c1", "order")
    book.call("c2", "order")
    book.pass_(1)
    return book


async def test_why_a_caller_is_still_waiting(boss: Browser, house: House) -> None:
    play(house)
    answer = await boss.get("/api/v1/contacts/c2/waiting")
    assert answer.status == 200
    why = await answer.json()
    assert (why["queue"], why["position"]) == ("order", 2)
    told = [clue["text"]["zh-CN"] for clue in why["clues"]]
    assert told[0] == "能接的 2 位客服都在忙：通话 0、振铃 1、整理 0、小休 1"
    assert why["clues"][1]["text"]["en"] == "1 ahead in this queue"
    rows = {row["agent"]: row["text"] for row in why["agents"]}
    assert rows["8003"]["zh-CN"] == "当时振铃"
    assert rows["8004"]["en"] == "Has no Orders skill"
    for clue in why["clues"]:
        assert "{" not in "".join(clue["text"].values()), clue


async def test_only_supervisors_see_everybodys_obstacles(agent: Browser, house: House) -> None:
    play(house)
    assert (await agent.get("/api/v1/contacts/c2/waiting")).status == 403


async def test_a_contact_that_is_not_on_the_line(boss: Browser, house: House) -> None:
    play(house)
    assert (await boss.get("/api/v1/contacts/c9/waiting")).status == 404


async def test_an_agent_asks_why_not_me_now(agent: Browser, house: House) -> None:
    play(house)
    why = await (await agent.get("/api/v1/contacts/c2/why-not/8001")).json()
    assert (why["code"], why["offer"]) == ("not_ready", 0)
    assert (await agent.get("/api/v1/contacts/c2/why-not/8003")).status == 403


async def test_an_agent_asks_why_not_me_then(agent: Browser, boss: Browser, house: House) -> None:
    book = play(house)
    book.answer("c1")
    await house.store(book.events)
    why = await (await agent.get("/api/v1/contacts/c1/why-not/8001")).json()
    assert (why["code"], why["offer"]) == ("not_ready", 1)
    chosen = await (await boss.get("/api/v1/contacts/c1/why-not/8003")).json()
    assert chosen["code"] == "chosen"
    assert (await boss.get("/api/v1/contacts/c1/why-not/9999")).status == 404
    assert (await agent.get("/api/v1/contacts/nobody/why-not/8001")).status == 404
