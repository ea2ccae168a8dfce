# ruff: noqa: F401, F811 (fixtures are imported, and asked for by their names)
"""What supervisors do in the built pages: menus put back, the switch, tasks taken and done."""

import random
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from store.database import Database
from store.outbox import Letter, LetterState
from store.recordings import Leg, RecordingStore, Transcript
from store.source import BadFile, Problem
from store.tasks import Task, TaskKind, TaskState, task_id
from telephony.events import (
    CallStage,
    ContactArrived,
    ContactEnded,
    DigitsCollected,
    EmergencyMet,
    MenuLeft,
    MessageRecorded,
    MessageTaken,
    ServiceAsked,
    SurveyAnswered,
    SurveyOffered,
    WordsHeard,
)
from tests.dashboards.conftest import House, Spoken
from tests.dashboards.live_page import until
from tests.dashboards.menu_walk import walk
from tests.live.test_pages import (
    SMALL,
    WALL,
    Day,
    address,
    app,
    built,
    chromium,
    company,
    database_url,
    dist,
    fits,
    house,
    page,
    password_hash,
    picture,
    server,
    sign_in,
    today,
)

pytestmark = pytest.mark.live


async def views(page: Page, name: str) -> None:
    """Pictures of a page on both screens."""
    for size, suffix in ((SMALL, "-1366"), (WALL, "")):
        await page.set_viewport_size(size)
        await picture(page, name + suffix)


async def test_the_drawn_menu_shows_todays_callers_and_moves_with_them(
    page: Page, address: str, house: House
) -> None:
    flows, dice, now = house.menu.flows, random.Random(5), time.time()
    *calls, last = [walk(flows, f"w{number}", now, dice) for number in range(300)]
    await house.store([event for events in calls for event in events])
    await sign_in(page, address, "boss")
    await page.goto(f"{address}/menus")
    came = page.locator("[data-flow=came] dd")
    await expect(came).to_have_text("299")
    picture_of = page.locator(".sheet svg")
    await expect(picture_of).to_contain_text("✕")
    first = page.locator("[data-node]").first
    await expect(first).to_contain_text("%")
    await views(page, "menus")
    await first.get_by_role("button").click()
    await expect(picture_of.locator(".found")).to_have_count(1)
    await page.get_by_role("button", name="放大").click()
    await house.store(last)
    await expect(came).to_have_text("300")
    await page.locator("[name=flow]").select_option("")
    await page.get_by_role("button", name="English").click()
    await expect(picture_of).to_have_attribute("lang", "en")
    await views(page, "menus-en")
    await page.get_by_role("button", name="Fit").click()
    await page.locator("[name=day]").fill("2026-01-31")
    await expect(came).to_have_text("0")


async def test_a_supervisor_puts_an_earlier_menu_back_and_reads_mistakes(
    page: Page, address: str, house: House
) -> None:
    for author in ("start", "mei", "boss"):
        await house.menu.reload(author)
    await sign_in(page, address, "boss")
    await page.goto(f"{address}/menus")
    await page.get_by_role("tab", name="历史版本").click()
    versions = page.locator("[data-versions]")
    await expect(versions.locator("[data-version]")).to_have_count(3)
    await expect(versions.locator('[data-version="3"]')).to_contain_text("使用中")
    second = versions.locator('[data-version="2"]')
    await second.get_by_role("button", name="回退").click()
    await second.get_by_role("button", name="确认回退到第 2 版").click()
    newest = versions.locator('[data-version="4"]')
    await expect(newest).to_contain_text("回退到第 2 版")
    await expect(newest).to_contain_text("使用中")
    assert [(v.author, v.note) for v in house.menu.kept[3:]] == [("boss", "rollback to 2")]

    broken = Problem(
        file=Path("/x/menus/main.yaml"), line=7, text="no node 'whom'", mend="name a node"
    )
    house.menu.refuse = BadFile([broken])
    await versions.get_by_role("button", name="让文件生效").click()
    alert = versions.get_by_role("alert")
    await expect(alert).to_contain_text(re.compile("main.yaml.*第 7 行.*no node.*name a node"))
    await expect(newest).to_contain_text("使用中")
    await views(page, "menu-versions")


async def test_the_emergency_switch_is_seen_on_every_page_until_it_is_off(
    page: Page, address: str, house: House
) -> None:
    await sign_in(page, address, "boss")
    await page.goto(f"{address}/menus?part=emergency")
    switch, banner = page.locator("[data-switch]"), page.locator("[data-emergency]")
    await switch.locator("[name=scope]").select_option("logistics")
    await switch.locator("[name=what]").select_option("preset:delays")
    await switch.locator("[name=then]").select_option("voicemail")
    await switch.locator("[name=note]").fill("暴雪")
    await switch.get_by_role("button", name="开启……").click()
    assert house.switched == []
    await switch.get_by_role("button", name="确认开启：物流").click()
    await expect(switch.locator(".now")).to_contain_text(re.compile("物流.*boss.*暴雪"))
    on = house.switched[-1]
    assert (on.scope, on.say, on.then, on.note) == (
        "logistics", "emergency_delays", "voicemail", "暴雪",
    )  # fmt: skip
    await house.happen(on)
    await expect(banner).to_contain_text(re.compile("物流.*请来电者留言.*boss"))
    await views(page, "emergency")
    await page.goto(f"{address}/wall")
    await expect(banner).to_be_visible()
    for size, name in ((SMALL, "wall-emergency-1366"), (WALL, "wall-emergency")):
        await page.set_viewport_size(size)
        assert await fits(page)
        await picture(page, name)
    await banner.get_by_role("link").click()
    await switch.locator(".now").get_by_role("button", name="关闭").click()
    await switch.get_by_role("button", name="确认关闭").click()
    await expect(switch.locator(".now")).to_have_count(0)
    await house.happen(house.switched[-1])
    await expect(banner).to_have_count(0)


def task(source: str, kind: TaskKind, **fields: object) -> Task:
    now = time.time()
    return Task(
        id=task_id(kind, source), kind=kind, contact=source, caller="13800138000",
        language="zh-CN", created=now - 600, due=now - 600,
        **{"queue": "order", **fields},
    )  # fmt: skip


@pytest.fixture
async def left(house: House, database: Database) -> House:
    """A message with its text, an unhappy caller and a follow-up call."""
    filed, now = RecordingStore(database), time.time()
    await filed.file_message("m", "messages/m", language="zh-CN", seconds=6, at=now, now=now)
    text = Transcript(
        contact="m", offer=0, leg=Leg.CUSTOMER, language="zh-CN", engine="faster-whisper",
        model="base", text="你好，我的快递三天没更新了，请给我回个电话。", segments=[], fault="",
        made_at=now,
    )  # fmt: skip
    await filed.file_transcripts([text])
    for each in (
        task("m", TaskKind.VOICEMAIL, recording=0, seconds=6.0),
        task("s", TaskKind.LOW_SCORE, queue="complaints", score=1, reason="waited", agent="8002"),
        task("f", TaskKind.FOLLOW_UP, queue="presale", rule="after_return"),
    ):
        await house.tasks.add(each)
    return house


async def test_a_task_is_taken_called_and_done(page: Page, address: str, left: House) -> None:
    await sign_in(page, address, "8002")
    await page.goto(f"{address}/tasks")
    badge = page.locator("nav a[href='/tasks'] b")
    await expect(badge).to_have_text("2")  # no scores for agents
    card = page.locator("[data-task=voicemail]")
    await expect(card.locator("blockquote")).to_contain_text("三天没更新")
    await expect(card).to_contain_text("138****8000")
    await card.get_by_role("button", name="我来处理").click()
    await expect(card).to_have_class(re.compile("in_progress"))
    await expect(badge).to_have_text("1")
    await picture(page, "tasks-agent")
    await card.get_by_role("button", name="回电").click()
    await until(lambda: len(left.called) == 1)
    await card.get_by_role("button", name="回电").click()
    await expect(card.get_by_role("alert")).to_have_text("已经在回电了。")
    await card.get_by_role("textbox").fill("已回电，包裹明天到")
    await card.get_by_role("button", name="完成").click()
    await expect(card).to_have_count(0)
    done = await left.tasks.get(task_id(TaskKind.VOICEMAIL, "m"))
    assert done is not None
    assert (done.state, done.author, done.note) == (
        TaskState.DONE, "agent:8002", "已回电，包裹明天到",
    )  # fmt: skip
    await page.locator(".choices").get_by_role("button", name="已完成").click()
    await expect(card).to_contain_text("已回电，包裹明天到")
    await card.get_by_role("button", name="重新打开").click()
    await expect(card).to_have_count(0)


async def test_a_supervisor_sees_scores_and_messages(page: Page, address: str, left: House) -> None:
    now = time.time()
    survey = [
        event
        for number, (queue, agent, score, reason) in enumerate(
            [
                ("order", "8002", 5, ""),
                ("order", "8003", 4, ""),
                ("order", "8003", 5, ""),
                ("complaints", "8007", 1, "waited"),
            ]
        )
        for event in (
            SurveyOffered(at=now - 60, contact=f"s{number}", queue=queue, agent=agent, offer=1),
            SurveyAnswered(
                at=now - 50, contact=f"s{number}", node="rate", score=score, reason=reason,
                queue=queue, agent=agent, offer=1,
            ),
        )
    ]  # fmt: skip
    await left.store(survey)
    left.letters = [
        Letter(
            id=number, way="sms", recipient="13800000101", subject="", contact="c1", state=state,
            text="您的退货申请 7000000013 已受理，请在三天内寄回商品。", attempts=number,
            made_at=now - 300, next_at=now + 60, ended_at=now - 200, fault=fault,
        )
        for number, state, fault in [
            (3, LetterState.SENT, ""),
            (2, LetterState.PENDING, "no answer within 10 s"),
            (1, LetterState.FAILED, "the number does not exist"),
        ]
    ]  # fmt: skip
    await sign_in(page, address, "boss")
    await page.goto(f"{address}/tasks")
    await expect(page.locator("[data-task=low_score]")).to_contain_text("1/ 5")
    await views(page, "tasks")
    await page.get_by_role("tab", name="满意度").click()
    await expect(page.locator("[data-satisfaction=average]")).to_contain_text("3.75")
    await expect(page.locator("[data-satisfaction=satisfied]")).to_contain_text("75%")
    await views(page, "satisfaction")
    await page.get_by_role("tab", name="消息").click()
    rows = page.locator("[data-message]")
    await expect(rows).to_have_count(3)
    await expect(rows.first).to_contain_text("the number does not exist")
    await views(page, "messages")
    await page.get_by_role("button", name="English").click()
    await expect(rows.first).to_contain_text("Not sent")
    await picture(page, "messages-en")
    await page.get_by_role("tab", name="Tasks").click()
    await expect(page.locator("[data-task=low_score]")).to_contain_text("Low score")
    await picture(page, "tasks-en")


async def test_a_record_tells_what_the_caller_did_in_the_menu(
    page: Page, address: str, left: House
) -> None:
    now = time.time() - 60
    where = {"contact": "m", "node": "ask"}
    await left.store(
        [
            ContactArrived(at=now, contact="m", channel="c", caller="13800138000", dialled="8000"),
            EmergencyMet(
                at=now + 1, contact="m", scope="everything", say="emergency_delays",
                then="go_on", flow="",
            ),
            WordsHeard(
                at=now + 5, **where, words="我的快递三天没更新了", intent="logistics",
                confidence=0.91,
            ),
            DigitsCollected(at=now + 9, **where, name="order", digits="6600000027"),
            ServiceAsked(at=now + 9, **where, service="order", result="found", seconds=0.1),
            DigitsCollected(at=now + 12, **where, name="last_four", digits="****"),
            ServiceAsked(at=now + 12, **where, service="logistics", result="stalled", seconds=0.2),
            MessageTaken(at=now + 20, **where, by="sms", taken=True),
            MessageRecorded(
                at=now + 31, **where, purpose="voicemail", queue="logistics",
                file="messages/m/customer.wav", seconds=6.0,
            ),
            MenuLeft(at=now + 32, **where, ending="hang_up", solved=True),
            SurveyAnswered(at=now + 40, **where, score=2, reason="waited"),
            ContactEnded(at=now + 41, contact="m", stage=CallStage.MENU, cause=16),
        ]
    )  # fmt: skip
    left.transcripts["m"] = [Spoken(offer=0, text="你好，我的快递三天没更新了，请给我回个电话。")]
    await sign_in(page, address, "boss")
    await page.goto(f"{address}/contacts/m")
    story = page.locator(".story")
    await expect(story).to_contain_text("→ 物流（可信度 91%）")
    await expect(story).to_contain_text("查询「物流」：物流停滞")
    await expect(page.locator("[data-spoken]")).to_contain_text("请给我回个电话")
    await views(page, "record-menu")
    await page.get_by_role("button", name="English").click()
    await expect(story).to_contain_text("Gave 2 of 5 (Waited too long)")
    await picture(page, "record-menu-en")
