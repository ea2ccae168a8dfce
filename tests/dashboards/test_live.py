"""The live feed over a real socket, from a real stream."""

import asyncio
import json
from collections.abc import Sequence
from socket import SO_SNDBUF, SOL_SOCKET

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web

from acd.company import Company
from acd.figures import Figures
from dashboards import live as live_room
from dashboards.live import LIVE
from store.stream import Stream
from telephony.events import RecordedEvent
from tests.dashboards.conftest import NOW, Browser, House
from tests.dashboards.live_page import Page, open_page, until
from tests.dashboards.story import Day, busy_day


@pytest.fixture
async def ready(app: web.Application, server: object) -> None:
    await until(lambda: app[LIVE].loaded)


@pytest.fixture
def day(company: Company) -> Day:
    return Day(company)


async def tell(house: House, day: Day) -> None:
    """Let what was written happen now."""
    events = day.in_order()
    day.events.clear()
    await house.happen(*events)


async def test_a_page_sees_a_call_wait_talk_and_go(
    boss: Browser, house: House, day: Day, ready: None
) -> None:
    page = await open_page(boss)
    first = await page.hear()
    assert first["type"] == "snapshot"
    assert first["loaded"]
    day.sign_in(NOW, "8003")
    contact = day.arrive(NOW + 1)
    day.queue(NOW + 9, contact, "order")
    await tell(house, day)
    await page.hear_until(lambda p: p.lines["queues"]["order"]["waiting"] == 1)
    assert page.lines["queues"]["order"]["oldest"] == NOW + 9
    assert page.lines["contacts"][contact]["stage"] == "waiting"
    day.offer(NOW + 10, contact, "8003")
    day.answer(NOW + 13, contact, "8003", 4.0)
    await tell(house, day)
    await page.hear_until(lambda p: p.lines["queues"]["order"]["talking"] == 1)
    assert page.lines["agents"]["8003"]["state"] == "talking"
    assert page.totals["answered"] == 1
    day.part(NOW + 60, contact, "8003", 47.0)
    await tell(house, day)
    await page.hear_until(lambda p: contact not in p.lines["contacts"])
    assert page.lines["queues"]["order"]["talking"] == 0


async def test_only_changed_lines_are_sent(
    boss: Browser, house: House, day: Day, ready: None
) -> None:
    page = await open_page(boss)
    await page.hear()
    day.queue(NOW, day.arrive(NOW - 5), "returns")
    await tell(house, day)
    await page.hear_until(lambda p: p.lines["queues"]["returns"]["waiting"] == 1)
    delta = page.messages[-1]
    assert [line["id"] for line in delta["queues"]] == ["returns"]
    assert delta["agents"] == []


async def stream_and_log(house: House, events: Sequence[RecordedEvent]) -> None:
    """Put events into the stream, and the stream so far into the log."""
    await house.happen(*events)
    after = (0, 0)
    while entries := await Stream(house.redis).read(after, block_ms=1):
        await house.log.append_entries(entries)
        after = entries[-1].number


@pytest.fixture
async def morning(house: House, company: Company) -> list[RecordedEvent]:
    """Half of it is in SQL and in the stream, half in the stream only; the server starts later."""
    events = busy_day(company, NOW, hours=0.4).in_order()
    await stream_and_log(house, events[: len(events) // 2])
    await house.happen(*events[len(events) // 2 :])
    return events


async def test_the_day_so_far_comes_from_the_log_and_nothing_counts_twice(
    morning: list[RecordedEvent], company: Company, app: web.Application, boss: Browser
) -> None:
    wanted = Figures({queue.id: queue.threshold for queue in company.queues.values()})
    wanted.extend(morning)

    def same() -> bool:
        have = app[LIVE].board.figures
        return all(have.queue(q, NOW) == wanted.queue(q, NOW) for q in company.queues)

    await until(same)
    board = await (await boss.get("/api/v1/board")).json()
    lines = {line["id"]: line for line in board["queues"]}
    assert lines["order"]["answered"] == wanted.queue("order", NOW).ends["answered"] > 0


@pytest.fixture
async def days_ago(house: House, day: Day) -> None:
    """A call of three days ago, still in the stream, before the server starts."""
    at = NOW - 3 * 86_400
    contact = day.arrive(at)
    day.queue(at + 5, contact, "order")
    day.give_up(at + 50, contact, 45.0)
    await stream_and_log(house, day.in_order())
    day.events.clear()


async def test_what_the_stream_still_holds_of_earlier_days_is_not_counted(
    days_ago: None, ready: None, boss: Browser, house: House, day: Day
) -> None:
    page = await open_page(boss)
    await page.hear()
    day.queue(NOW, day.arrive(NOW - 5), "returns")
    await tell(house, day)
    await page.hear_until(lambda p: p.lines["queues"]["returns"]["waiting"] == 1)
    assert page.lines["queues"]["order"]["offered"] == 0


async def test_a_page_resumes_where_it_broke_off(
    boss: Browser, house: House, day: Day, ready: None
) -> None:
    page = await open_page(boss)
    await page.hear()
    contact = day.arrive(NOW)
    await tell(house, day)
    await page.hear_until(lambda p: contact in p.lines["contacts"])
    await page.socket.close()
    day.queue(NOW + 5, contact, "order")
    await tell(house, day)
    other = await open_page(boss)
    await other.hear()
    await other.hear_until(lambda p: p.lines["queues"]["order"]["waiting"] == 1)

    again = await open_page(boss, page.epoch, page.n)
    again.epoch, again.n, again.lines = page.epoch, page.n, page.lines
    message = await again.hear()
    assert message["type"] == "delta"
    await again.hear_until(lambda p: p.lines["queues"]["order"]["waiting"] == 1)
    assert again.lines == other.lines


async def test_who_was_away_too_long_gets_a_new_picture(
    boss: Browser, house: House, day: Day, ready: None, app: web.Application
) -> None:
    page = await open_page(boss, "an-older-epoch", 7)
    assert (await page.hear())["type"] == "snapshot"
    page = await open_page(boss, app[LIVE].epoch, 10_000)
    assert (await page.hear())["type"] == "snapshot"


async def test_a_page_that_comes_after_a_quiet_time_gets_the_whole_picture(
    app: web.Application,
    boss: Browser,
    house: House,
    day: Day,
    ready: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = app[LIVE]
    page = await open_page(boss)
    first = await page.hear()
    await page.socket.close()
    await until(lambda: live.watching == 0)
    monkeypatch.setattr(live_room, "UNWATCHED", -1.0)
    drawn: list[object] = []
    monkeypatch.setattr(live, "_tell_changes", lambda *words: drawn.append(words))
    before = live.n
    day.queue(NOW, day.arrive(NOW - 5), "returns")
    await tell(house, day)
    await until(lambda: live.board.queue("returns", NOW).waiting == 1)
    await until(lambda: live.n > before)
    assert not drawn
    again = await open_page(boss, str(first["epoch"]), before)
    picture = await again.hear()
    assert picture["type"] == "snapshot"
    assert again.lines["queues"]["returns"]["waiting"] == 1


async def test_an_agents_own_socket_carries_the_offer(
    agent: Browser, house: House, day: Day, ready: None
) -> None:
    page = await open_page(agent)
    await page.hear_until(lambda p: bool(p.desk))
    assert page.desk["call"] is None
    day.sign_in(NOW, "8001")
    contact = day.arrive(NOW + 2, "13912345678")
    day.queue(NOW + 5, contact, "presale")
    day.offer(NOW + 6, contact, "8001")
    await tell(house, day)
    await page.hear_until(lambda p: p.desk["call"] is not None)
    assert page.desk["agent"]["state"] == "offered"
    assert page.desk["call"]["caller"] == "13912345678"
    assert page.desk["call"]["queue"] == "presale"


async def test_agents_see_no_callers_but_their_own(
    agent: Browser, boss: Browser, house: House, day: Day, ready: None
) -> None:
    pages: list[Page] = [await open_page(agent), await open_page(boss)]
    contact = day.arrive(NOW, "13912345678")
    day.queue(NOW + 5, contact, "order")
    await tell(house, day)
    for page in pages:
        await page.hear_until(
            lambda p: p.lines.get("queues", {}).get("order", {}).get("waiting") == 1
        )
    assert "13912345678" not in json.dumps(pages[0].messages)
    assert "13912345678" in json.dumps(pages[1].messages)
    assert (await (await agent.get("/api/v1/board")).json())["contacts"] is None


async def test_silence_is_filled_with_beats(
    boss: Browser, house: House, ready: None, app: web.Application
) -> None:
    page = await open_page(boss)
    await page.hear()
    house.now += live_room.BEAT + 1
    await page.hear_until(lambda p: p.messages[-1]["type"] == "beat")
    assert page.messages[-1]["at"] == house.now


async def test_each_change_is_encoded_once_however_many_watch(
    boss: Browser, house: House, day: Day, ready: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [await open_page(boss) for _ in range(5)]
    for page in pages:
        await page.hear()
    built = []
    real = live_room.text_frame
    monkeypatch.setattr(live_room, "text_frame", lambda text: built.append(text) or real(text))
    contact = day.arrive(NOW)
    await tell(house, day)
    for page in pages:
        await page.hear_until(lambda p: contact in p.lines["contacts"])
    assert len([text for text in built if b'"delta"' in text]) == 2, "for all, and for supervisors"


async def test_a_page_that_does_not_read_is_dropped_and_others_go_on(
    boss: Browser, ready: None, app: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_room, "MAX_UNREAD", 100_000)
    slow = await open_page(boss)
    await until(lambda: app[LIVE].watching == 1)
    (client,) = app[LIVE]._clients
    # A small buffer in the kernel: what is unread piles up with us at once.
    client.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)
    quick = await open_page(boss)
    await quick.hear()
    slow.socket._conn.transport.pause_reading()
    frame = live_room.text_frame(b'{"type": "beat", "pad": "%s"}' % (b"x" * 50_000))
    for _ in range(200):
        app[LIVE]._broadcast(frame)
        while (await quick.hear())["type"] != "beat":
            pass
        if app[LIVE].watching == 1:
            break
    assert app[LIVE].watching == 1
    slow.socket._conn.transport.abort()


async def test_the_socket_ends_with_its_session(
    boss: Browser, ready: None, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    monkeypatch.setattr(live_room, "RECHECK", 0.05)
    page = await open_page(boss)
    await page.hear()
    await house.redis.delete(*await house.redis.keys("huawu:session:*"))
    message = await page.socket.receive(timeout=5)
    assert (message.type, message.data) == (WSMsgType.CLOSE, live_room.SESSION_OVER)


async def test_another_sites_page_gets_no_socket(boss: Browser, browser: Browser) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await boss.ws_connect("/api/v1/live", origin="https://evil.example")
    assert refused.value.status == 403
    with pytest.raises(WSServerHandshakeError) as refused:
        await browser.ws_connect("/api/v1/live")
    assert refused.value.status == 401


async def test_what_a_page_says_is_bounded(
    boss: Browser, ready: None, app: web.Application
) -> None:
    page = await open_page(boss)
    await page.hear()
    await page.socket.send_str("x" * 5000)
    await until(lambda: app[LIVE].watching == 0)


async def test_all_pages_may_come_back_at_once(boss: Browser, ready: None) -> None:
    """As after a restart; more than Redis' client would open connections for."""
    pages = await asyncio.gather(*(open_page(boss) for _ in range(150)))
    snapshots = await asyncio.gather(*(page.hear() for page in pages))
    assert {message["type"] for message in snapshots} == {"snapshot"}
    for page in pages:
        page.socket._conn.transport.abort()


async def test_pages_are_told_when_the_server_stops(
    boss: Browser, ready: None, app: web.Application
) -> None:
    page = await open_page(boss)
    await page.hear()
    closing = asyncio.create_task(app[LIVE].close())
    while (message := await page.socket.receive(timeout=5)).type is WSMsgType.TEXT:
        pass
    assert message.data == 1001
    await closing
