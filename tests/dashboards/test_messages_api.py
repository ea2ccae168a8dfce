"""Messages to customers through the API: supervisors see them whole, agents not at all."""

from store.outbox import Letter, LetterState
from tests.dashboards.conftest import Browser, House

PATH = "/api/v1/messages"


def letter(number: int, state: LetterState, **changed: object) -> Letter:
    fields = {"next_at": 160.0, "ended_at": 0.0, "fault": "", **changed}
    return Letter(
        id=number, way="sms", recipient="13800000101", subject="", text="申请号 7000000013",
        contact="c1", state=state, attempts=1, made_at=100.0, **fields,
    )  # fmt: skip


async def test_supervisors_see_what_was_sent_and_what_was_not(boss: Browser, house: House) -> None:
    house.letters = [
        letter(2, LetterState.PENDING, fault="no answer within 10 s"),
        letter(1, LetterState.SENT, ended_at=101.0),
    ]
    answer = await boss.get(PATH)
    assert answer.status == 200
    pending, sent = (await answer.json())["messages"]
    assert pending == {
        "id": 2, "by": "sms", "to": "13800000101", "subject": "", "text": "申请号 7000000013",
        "contact": "c1", "state": "pending", "attempts": 1, "made": 100.0, "next_try": 160.0,
        "ended": None, "fault": "no answer within 10 s",
    }  # fmt: skip
    assert (sent["state"], sent["next_try"], sent["ended"]) == ("sent", None, 101.0)


async def test_agents_may_not(agent: Browser) -> None:
    assert (await agent.get(PATH)).status == 403
