"""Contacts and recordings through the API: order, pages, who sees what, and nothing outside."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from yarl import URL

from acd.company import Company
from dashboards.contacts_api import Plays
from telephony.events import MessageRecorded
from tests.dashboards.conftest import NOW, Browser, House
from tests.dashboards.story import Day
from tests.dashboards.talk import transcript, write_talk


@pytest.fixture
async def contacts(house: House, company: Company) -> list[str]:
    """Five calls, oldest first; agent 8001 spoke to the second and was offered the third."""
    day = Day(company)
    made = []
    for number in range(5):
        at = NOW - 1000 + number * 100
        contact = day.arrive(at, f"1380013800{number}")
        day.queue(at + 5, contact, "presale")
        made.append(contact)
        agent = "8001" if number in (1, 2) else "8002"
        day.offer(at + 6, contact, agent)
        if number == 2:
            day.miss(at + 21, contact, agent)
            day.give_up(at + 30, contact, 25.0)
        else:
            day.answer(at + 9, contact, agent, 4.0)
            day.part(at + 39, contact, agent, 30.0)
    write_talk(house.recordings / "2025/11/22/talk", 1.0)
    day.record(NOW - 800, made[1], "8001", "2025/11/22/talk", 30.0)
    await house.store(day.in_order())
    house.transcripts[made[1]] = transcript()
    return made


async def listed(browser: Browser, **query: str) -> tuple[list[str], str]:
    answer = await browser.get("/api/v1/contacts", params=query)
    assert answer.status == 200, await answer.text()
    page = await answer.json()
    return [contact["id"] for contact in page["contacts"]], page["next"]


async def test_newest_first_in_pages(boss: Browser, contacts: list[str]) -> None:
    newest = contacts[::-1]
    first, cursor = await listed(boss, limit="2")
    second, cursor = await listed(boss, limit="2", cursor=cursor)
    third, end = await listed(boss, limit="2", cursor=cursor)
    assert first + second + third == newest
    assert end == ""
    assert await listed(boss) == (newest, "")


async def test_agents_list_and_read_only_what_was_offered_to_them(
    agent: Browser, contacts: list[str]
) -> None:
    assert (await listed(agent))[0] == [contacts[2], contacts[1]]
    first, cursor = await listed(agent, limit="1")
    assert (first, (await listed(agent, limit="1", cursor=cursor))[0]) == (
        [contacts[2]],
        [contacts[1]],
    )
    assert (await agent.get(f"/api/v1/contacts/{contacts[1]}")).status == 200
    foreign = await agent.get(f"/api/v1/contacts/{contacts[0]}")
    missing = await agent.get("/api/v1/contacts/huawu-1.1")
    assert foreign.status == missing.status == 404
    assert (await foreign.json())["detail"] == (await missing.json())["detail"]


async def test_numbers_are_masked_for_agents_and_whole_for_supervisors(
    agent: Browser, boss: Browser, contacts: list[str]
) -> None:
    path = f"/api/v1/contacts/{contacts[1]}"
    assert "13800138001" not in await (await agent.get(path)).text()
    assert "13800138001" not in await (await agent.get("/api/v1/contacts")).text()
    assert (await (await agent.get(path)).json())["summary"]["caller"] == "138****8001"
    assert (await (await boss.get(path)).json())["summary"]["caller"] == "13800138001"


async def test_a_record_has_events_reason_recording_and_both_sides(
    boss: Browser, contacts: list[str]
) -> None:
    record = await (await boss.get(f"/api/v1/contacts/{contacts[1]}")).json()
    kinds = [event["kind"] for event in record["events"]]
    wanted = ["ContactArrived", "ContactQueued", "OfferMade", "ContactAnswered", "TalkEnded"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    times = [event["at"] for event in record["events"]]
    assert times == sorted(times)
    assert record["routing"][0]["agent"] == "8001"
    assert record["recordings"][0]["stereo"] == f"/api/v1/recordings/{contacts[1]}/1/stereo.wav"
    assert {side["leg"] for side in record["transcripts"]} == {"customer", "agent"}
    assert record["transcripts"][0]["segments"][0]["text"]


@pytest.mark.parametrize("leg", ["customer", "agent", "stereo"])
async def test_a_recording_is_played_in_parts(boss: Browser, contacts: list[str], leg: str) -> None:
    path = f"/api/v1/recordings/{contacts[1]}/1/{leg}.wav"
    whole = await boss.get(path)
    assert whole.status == 200
    assert whole.content_type == "audio/wav"
    body = await whole.read()
    assert body[:4] == b"RIFF"
    part = await boss.get(path, headers={"Range": "bytes=4-11"})
    assert part.status == 206
    assert await part.read() == body[4:12]
    beyond = await boss.get(path, headers={"Range": "bytes=99999999-"})
    assert beyond.status == 416


async def test_each_play_is_one_line_of_the_audit_log(
    boss: Browser, contacts: list[str], house: House
) -> None:
    path = f"/api/v1/recordings/{contacts[1]}/1/stereo.wav"
    with capture_logs() as lines:
        for start in (0, 100, 200):
            await boss.get(path, headers={"Range": f"bytes={start}-"})
        house.now += 601
        await boss.get(path, headers={"Range": "bytes=100-"})
    plays = [line for line in lines if line["event"] == "recording opened"]
    assert [(play["account"], play["contact"]) for play in plays] == [("boss", contacts[1])] * 2


def test_what_is_remembered_of_plays_is_bounded() -> None:
    plays = Plays()
    for number in range(5_000):
        assert plays.is_new("session", str(number), 0.0)
    assert len(plays._seen) <= 2_000


async def test_agents_hear_only_their_own_talks(agent: Browser, contacts: list[str]) -> None:
    assert (await agent.get(f"/api/v1/recordings/{contacts[1]}/1/agent.wav")).status == 200
    assert (await agent.get(f"/api/v1/recordings/{contacts[0]}/1/agent.wav")).status == 404


@pytest.mark.parametrize(
    "tail",
    [
        "1/other.wav",
        "2/agent.wav",
        "x/agent.wav",
        "1/..%2fagent.wav",
        "1%00/agent.wav",
        "1/%2e%2e.wav",
    ],
)
async def test_nothing_else_can_be_asked_for(boss: Browser, contacts: list[str], tail: str) -> None:
    path = f"/api/v1/recordings/{contacts[1]}/{tail}"
    assert (await boss.get(URL(path, encoded=True))).status == 404


async def test_a_recording_outside_its_folder_is_not_there(
    boss: Browser, house: House, company: Company, tmp_path: Path
) -> None:
    write_talk(tmp_path / "secret", 0.1)
    (house.recordings / "link").symlink_to(tmp_path / "secret")
    for folder in ("../secret", str(tmp_path / "secret"), "link"):
        day = Day(company)
        day.count = house.stored
        contact = day.arrive(NOW)
        day.record(NOW + 1, contact, "8001", folder, 1.0)
        await house.store(day.events)
        answer = await boss.get(f"/api/v1/recordings/{contact}/1/agent.wav")
        assert answer.status == 404, folder
    assert answer.content_type == "application/problem+json"


async def test_a_message_is_part_of_the_record_and_is_played(boss: Browser, house: House) -> None:
    folder = house.recordings / "messages" / "m"
    folder.mkdir(parents=True)
    (folder / "customer.wav").write_bytes(b"RIFFsound")
    left = MessageRecorded(
        at=NOW, contact="m", node="ask", purpose="voicemail", queue="order",
        file="messages/m/customer.wav", seconds=4.0,
    )  # fmt: skip
    await house.store([left])
    (message,) = (await (await boss.get("/api/v1/contacts/m")).json())["messages"]
    assert message == {
        "offer": 0, "at": NOW, "purpose": "voicemail", "queue": "order", "seconds": 4.0,
        "audio": "/api/v1/recordings/m/0/customer.wav",
    }  # fmt: skip
    assert await (await boss.get(message["audio"])).read() == b"RIFFsound"
    assert (await boss.get("/api/v1/recordings/m/-1/customer.wav")).status == 404
