"""A contact's history in words, and who may read which number."""

import functools
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.company import Company
from dashboards.record import (
    Teller,
    agents_of,
    duration,
    fault_text,
    make_record,
    masked,
    messages_of,
    summarise,
    whole,
)
from dashboards.texts import LANGUAGES, catalogue
from telephony.events import (
    CallStage,
    ContactEnded,
    EmergencyMet,
    EmergencySwitched,
    EstimateTold,
    LimitReached,
    MenuLeft,
    MessageRecorded,
    MessageTaken,
    OfferMade,
    PlaceChanged,
    RecordedEvent,
    RequirementWidened,
    ServiceAsked,
    SurveyAnswered,
    WordsHeard,
    kind_of,
)
from tests.dashboards.conftest import NOW
from tests.dashboards.story import Day, busy_day


@pytest.fixture
def story(company: Company) -> Day:
    day = Day(company)
    for agent in ("8001", "8002", "8003"):
        day.sign_in(NOW - 100, agent)
    contact = day.arrive(NOW, "13812345678")
    day.queue(NOW + 8, contact, "order")
    day.offer(NOW + 9, contact, "8003")
    day.miss(NOW + 24, contact, "8003")
    day.offer(NOW + 25, contact, "8002", offer=2)
    day.answer(NOW + 28, contact, "8002", 20.0, offer=2)
    day.part(NOW + 68, contact, "8002", 40.0, offer=2)
    return day


@pytest.mark.parametrize(
    "number, shown",
    [
        ("13800138000", "138****8000"),
        ("8613800138000", "86138****8000"),
        ("02112345678", "021****5678"),
        ("4001234", "40****34"),
        ("10086", "*****"),
        ("", ""),
    ],
)
def test_masking(number: str, shown: str) -> None:
    assert masked(number) == shown


@given(st.text("0123456789", max_size=20))
def test_a_masked_number_never_shows_four_digits_in_the_middle(number: str) -> None:
    assert len(re.sub(r"\D", "", masked(number))) <= max(0, len(number) - 3)


def test_summary_of_a_call(story: Day) -> None:
    events = [e for e in story.in_order() if getattr(e, "contact", "")]
    summary = summarise("c", events, masked)
    assert summary.caller == "138****5678"
    assert (summary.queue, summary.agents, summary.outcome) == ("order", ["8002"], "answered")
    assert (summary.waited, summary.talked, summary.ended_at) == (20.0, 40.0, NOW + 68.1)
    assert agents_of(events) == {"8002", "8003"}


def test_a_caller_who_leaves_in_the_menu(company: Company) -> None:
    day = Day(company)
    day.arrive(NOW)
    assert summarise("c", day.events, whole).outcome == "menu"
    over = ContactEnded(at=NOW + 9, contact="c", stage=CallStage.MENU, cause=16)
    for solved, outcome in ((False, "left_in_menu"), (True, "self_service")):
        left = MenuLeft(at=NOW + 8, contact="c", node="ask", ending="hang_up", solved=solved)
        assert summarise("c", [*day.events, left, over], whole).outcome == outcome


def test_sentences_use_the_companys_names_in_both_languages(story: Day, company: Company) -> None:
    events = [e for e in story.in_order() if getattr(e, "contact", "")]
    record = make_record("c", events, [], company, masked)
    missed = next(view for view in record.events if view.kind == "OfferEnded")
    assert missed.text["zh-CN"] == "张敏 8003 未接听（振铃 15 秒），回到原来的位置"
    assert missed.text["en"] == "Zhang Min 8003 did not answer for 15 s; back in the same place"
    queued = next(view for view in record.events if view.kind == "ContactQueued")
    assert queued.text["zh-CN"] == "进入「订单查询」排队（中文，优先级 0）"
    assert "13812345678" not in record.model_dump_json()


def test_why_this_agent(story: Day, company: Company) -> None:
    offer = next(e for e in story.events if isinstance(e, OfferMade))
    why = Teller(company, whole).routing(offer)
    assert why.rule["zh-CN"] == "在能接的客服中，选空闲最久的一位"
    assert why.candidates[0].chosen
    assert (
        why.candidates[0].why["en"]
        == "Chosen, idle for 1 min 34 s · Mandarin level 10 · Orders level 8"
    )
    passed = {row.agent: row.why for row in why.passed_over}
    assert passed["8004"]["zh-CN"] == "没有「订单查询」技能"
    assert passed["8008"]["en"] == "Was offline"


def test_codes_of_the_router_in_words(company: Company) -> None:
    teller = Teller(company, whole)
    assert teller.obstacle("zh-CN", "skill:complaints:2<3") == "「投诉」只有 2 级，需要 3 级"
    assert teller.obstacle("en", "no_phone") == "No phone registered"
    assert teller.obstacle("en", "something_new") == "something_new"


def test_a_reason_of_any_shape_is_survived(company: Company, story: Day) -> None:
    offer = next(e for e in story.events if isinstance(e, OfferMade))
    for reason in (
        {},
        {"rule": 7, "considered": "x", "not_considered": [3, {"why": None}]},
        {"rule": "new", "considered": [{"agent": "9999", "levels": [1], "idle": "long"}]},
    ):
        changed = OfferMade(**{f: getattr(offer, f) for f in offer.__slots__} | {"reason": reason})
        assert Teller(company, whole).routing(changed).reason == reason


def test_circumstances_of_a_decision_in_a_large_company(company: Company) -> None:
    event = OfferMade(
        at=NOW,
        contact="c",
        queue="order",
        agent="8002",
        offer=1,
        reason={
            "rule": "least_occupied",
            "considered": [{"agent": "8002", "idle": 3.0, "levels": {}, "occupancy": 0.41}],
            "passed_over": {"skills": 900, "not_free": 99},
            "aged": True,
            "order": {"waiting": 4, "next": {"contact": "d", "priority": 5, "waited": 61.0}},
        },
    )
    view = Teller(company, masked).routing(event)
    english = " / ".join(names["en"] for names in view.circumstances)
    assert "4 were waiting" in english
    assert "900 lacked the skills and 99 were not free" in english
    assert "above all priorities" in english
    assert "900 位技能不符" in " / ".join(names["zh-CN"] for names in view.circumstances)
    assert "0.41" in view.candidates[0].why["en"]


def test_every_kind_and_variant_has_a_sentence_without_gaps(company: Company) -> None:
    teller = Teller(company, whole)
    told = set()
    for event in busy_day(company, NOW, hours=1).in_order():
        told.add(kind_of(event))
        for text in teller.event(event).text.values():
            assert not re.search(r"[{}]", text)
    kinds = {kind.__name__ for kind in get_args(RecordedEvent)}
    for language in LANGUAGES:
        known = {key.split(".")[0] for key in catalogue(language)["event"]}
        assert kinds <= known
    assert {"ContactArrived", "OfferMade", "AgentStateChanged"} <= told


def test_both_catalogues_have_the_same_keys_and_places() -> None:
    def flat(node: object, path: str = "") -> dict[str, set[str]]:
        if isinstance(node, dict):
            found: dict[str, set[str]] = {}
            for key, inner in node.items():
                found |= flat(inner, f"{path}/{key}")
            return found
        return {path: set(re.findall(r"\{(\w+)\}", str(node)))}

    first, *others = (flat(catalogue(language)) for language in LANGUAGES)
    for other in others:
        assert first == other


def test_durations_and_faults_in_words() -> None:
    assert duration("zh-CN", 12.4) == "12 秒"
    assert duration("en", 185) == "3 min 5 s"
    assert duration("en", 7260) == "2 h 1 min"
    assert fault_text("zh-CN", "short: 3.0 s of a talk of 9.0 s") == "录音比通话短"
    assert fault_text("zh-CN", "never heard of") == "never heard of"


def test_what_happens_while_waiting_in_words(company: Company) -> None:
    def told(event: RecordedEvent) -> tuple[str, str]:
        text = Teller(company, whole).event(event).text
        return text["zh-CN"], text["en"]

    where = {"at": NOW, "contact": "c", "queue": "order"}
    assert told(LimitReached(**where, limit="length", exit="overflow:general")) == (
        "「订单查询」队列已满 → 转入「人工」",
        "Orders: full → on to General",
    )
    assert told(EstimateTold(**where, position=3, seconds=92.5)) == (
        "播报：「订单查询」第 3 位，预计还需约 92.5 秒",
        "Told: number 3 in Orders, about 92.5 s more",
    )
    assert "nobody is at work" in told(EstimateTold(**where, position=3, seconds=None))[1]
    assert told(PlaceChanged(**where, priority=9, preferred="8002", author="supervisor:mei")) == (
        "mei 调整了位置：「订单查询」优先级 9，由 王伟 8002 接听",
        "mei changed the place: priority 9 in Orders, for Wang Wei 8002",
    )
    assert "第 2 圈" in told(RequirementWidened(**where, ring=2, requires={}))[0]


def test_self_service_in_words(company: Company) -> None:
    def told(event: RecordedEvent) -> tuple[str, str]:
        text = Teller(company, whole).event(event).text
        return text["zh-CN"], text["en"]

    where = {"at": NOW, "contact": "c", "node": "ask"}
    assert told(ServiceAsked(**where, service="logistics", result="stalled", seconds=0.42)) == (
        "查询「物流」：物流停滞，用时 0.4 秒",
        "Asked “delivery”: no news for days, after 0.4 s",
    )
    assert told(WordsHeard(**where, words="我的快递", intent="logistics", confidence=0.87)) == (
        "在菜单「ask」说：“我的快递”→ 物流（可信度 87%）",
        "Said in the menu “ask”: “我的快递” → Delivery (confidence 87%)",
    )
    assert told(MessageTaken(**where, by="sms", taken=True))[0] == "菜单「ask」发送消息（短信）"
    assert told(SurveyAnswered(**where, score=1, reason="waited"))[1] == (
        "Gave 1 of 5 (Waited too long)"
    )
    met = {"at": NOW, "contact": "c", "say": "emergency_busy", "then": "go_on", "flow": ""}
    assert told(EmergencyMet(**met, scope="everything")) == (
        "听到紧急公告「线路繁忙公告」",
        "Heard the emergency announcement “All lines are busy”",
    )
    on = {"at": NOW, "say": "emergency_busy", "then": "go_on", "flow": "", "note": "", "on": True}
    assert told(EmergencySwitched(**on, scope="everything", author="supervisor:mei"))[1] == (
        "Put in front of all callers by mei: the announcement “All lines are busy”"
    )
    assert "Delivery" in told(EmergencySwitched(**on, scope="logistics", author="agent:8007"))[1]


def test_messages_are_numbered_from_zero_down() -> None:
    message = functools.partial(
        MessageRecorded, at=NOW, contact="c", node="", purpose="voicemail", queue="order"
    )
    events = [
        message(file="a/customer.wav", seconds=4.0),
        message(file="", seconds=0.0),
        message(file="b/customer.wav", seconds=5.0),
    ]
    assert [(offer, each.file[0]) for offer, each in messages_of(events)] == [(0, "a"), (-1, "b")]
