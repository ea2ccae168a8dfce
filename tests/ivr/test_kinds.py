"""What each kind of node does with a caller, beyond keys and hours: walked in memory."""

import asyncio
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from textwrap import dedent, indent

import pytest

from ivr.customers import CustomerBook
from ivr.dialogue import Ending, Reason
from ivr.emergency import EmergencyPlan
from ivr.flow import Surroundings, load_flows
from ivr.hours import load_hours
from ivr.ports import Answer, Message, QueueLoad, Service, Unavailable, World
from ivr.prompts import load_catalogue
from ivr.versions import FlowVersion
from telephony.events import (
    DigitsCollected,
    MenuLeft,
    MessageRecorded,
    MessageTaken,
    ServiceAsked,
    SurveyAnswered,
)
from tests.ivr.small_company import ScriptedLine, Walked, walk

HANG_UP = ScriptedLine.HANG_UP
ORDER = Service(
    name="order",
    takes=frozenset({"number"}),
    results=("found", "unknown"),
    gives={"amount": ("money",), "state": ("word",), "eta": ("date",)},
)
HEAD = """
name: main
start: {start}
languages: [zh-CN]
person: person
words:
  shipped: {{zh-CN: 已发货}}
nodes:
  person: {{kind: queue, queue: general}}
"""
ENDS = {
    "bye": "  bye: {kind: hang_up}",
    "done": "  done: {kind: hang_up, text: {zh-CN: 办好了}, solves: true}",
}


class Shop:
    """Answers as told; `slow` answers are given after the caller has been told to wait."""

    known: Mapping[str, Service] = {"order": ORDER}

    def __init__(self, answer: Answer | Exception, *, slow: asyncio.Event | None = None) -> None:
        self.answer, self.slow = answer, slow
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        self.asked.append((service, dict(arguments)))
        if self.slow:
            await self.slow.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


FOUND = Answer(
    result="found",
    values={"amount": Decimal("128.5"), "state": "shipped", "eta": date(2026, 11, 27)},
)


def version(folder: Path, nodes: str, *more: str, start: str = "begin") -> FlowVersion:
    """A version whose main flow has these nodes beside a queue and the ends that they name."""
    (folder / "hours.yaml").write_text(
        'timezone: Asia/Shanghai\nhours: {always: {daily: ["00:00-24:00"]}}\n'
    )
    files = []
    ends = [text for name, text in ENDS.items() if re.search(rf": {name}\b", nodes)]
    own = indent(dedent(nodes).strip("\n"), "  ")
    texts = [HEAD.format(start=start) + "\n".join([own, *ends]), *more]
    for number, text in enumerate(texts):
        file = folder / f"flow{number}.yaml"
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        files.append(file)
    around = Surroundings(
        shelf=load_catalogue(),
        queues={"general", "order"},
        hours={"always"},
        services={"order": ORDER},
        outside=("12315",),
        attributes={"intent": ()},
        intents={"order", "returns"},
    )
    return FlowVersion(
        number=7,
        flows=load_flows(files, around, recorded=False),
        hours=load_hours(folder / "hours.yaml"),
        customers=CustomerBook({}),
        emergency=EmergencyPlan(),
    )


COLLECT = """
begin:
  kind: collect
  text: {zh-CN: 请输入订单号，按井号键结束}
  into: number
  length: [4, 6]
  next: bye
"""


def collected(walked: Walked) -> list[str]:
    return [event.digits for event in walked.told(DigitsCollected)]


@pytest.mark.parametrize(
    "keys, digits",
    [
        ("1234#", ["1234"]),
        ("123456", ["123456"]),  # the longest needs no #
        ("12*4321#", ["4321"]),  # * clears
        ("12#", []),  # too short
    ],
)
async def test_digits_are_taken(tmp_path, keys, digits):
    done = await walk(version(tmp_path, COLLECT), *keys)
    assert collected(done) == digits
    assert done.outcome.ending is (Ending.HANG_UP if digits else Ending.QUEUE)


async def test_a_number_that_is_too_short_is_asked_again(tmp_path):
    done = await walk(version(tmp_path, COLLECT), *"12#", "", *"1234#")
    assert collected(done) == ["1234"]
    assert "zh-CN/invalid_key" in done.heard


async def test_a_pause_ends_a_number_that_is_long_enough(tmp_path):
    done = await walk(version(tmp_path, COLLECT), *"12345", "")
    assert collected(done) == ["12345"]
    assert done.line.waits == [4.0, 4.0, 4.0, 4.0, 4.0]


async def test_silence_three_times_leads_to_a_person(tmp_path):
    done = await walk(version(tmp_path, COLLECT))
    assert (done.outcome.queue, done.outcome.reason) == ("general", Reason.NO_SUCCESS)
    assert done.heard.count("zh-CN/no_input") == 2


async def test_ten_thousand_digits_are_no_order(tmp_path):
    flow = COLLECT.replace("length: [4, 6]", "length: 6\n  check: luhn\n  terminator: none")
    done = await walk(version(tmp_path, flow), *(["5"] * 10_000))
    assert collected(done) == []
    assert done.outcome.queue == "general"
    assert done.line.turns < 40


@pytest.mark.parametrize("keys", ["1*", "#", "12345*", "A"])
@pytest.mark.parametrize("terminator", ["none", '"#"'])
async def test_ten_thousand_keys_that_are_no_number_end_at_a_person(tmp_path, keys, terminator):
    flow = COLLECT.replace("length: [4, 6]", f"length: 6\n  terminator: {terminator}")
    done = await walk(version(tmp_path, flow), *(keys * 10_000))
    assert collected(done) == []
    assert done.outcome.queue == "general"
    assert done.line.turns < 400


async def test_a_check_digit_proves_the_number(tmp_path):
    flow = COLLECT.replace("next: bye", "next: bye\n  check: luhn")
    done = await walk(version(tmp_path, flow), *"1234#", "", *"12345")  # then a pause
    assert collected(done) == []
    done = await walk(version(tmp_path, flow), *"1230#")
    assert collected(done) == ["1230"]


async def test_digits_are_read_back_and_may_be_corrected(tmp_path):
    flow = COLLECT.replace("next: bye", "next: bye\n  confirm: true")
    done = await walk(version(tmp_path, flow), *"1234#", "2", *"4321#", "1")
    assert collected(done) == ["1234", "4321"]
    assert done.heard.count("zh-CN/digits_confirm_1") == 2
    assert done.outcome.ending is Ending.HANG_UP


async def test_a_secret_is_not_written_down(tmp_path):
    flow = COLLECT.replace("next: bye", "next: bye\n  secret: true")
    assert collected(await walk(version(tmp_path, flow), *"1234#")) == ["****"]


async def test_zero_is_a_digit_and_star_goes_back(tmp_path):
    flow = """
    begin: {kind: menu, text: {zh-CN: 查订单按一}, keys: {1: number}}
    number: {kind: collect, text: {zh-CN: 请输入}, into: number, length: 4, next: bye}
    """
    done = await walk(version(tmp_path, flow), "1", "*", "1", *"0000")
    assert collected(done) == ["0000"]
    assert [node for node, key in done.steps if not key] == [
        "begin", "number", "begin", "number", "bye",
    ]  # fmt: skip


LOOKUP = """
begin:
  kind: lookup
  service: order
  with: {number: "A{caller}"}
  into: order
  cases: {found: tell, unknown: bye}
  failed: sorry
tell:
  kind: say
  text: {zh-CN: "您的订单{order.state:word}，金额{order.amount:money}，预计{order.eta:date}送达。"}
  next: done
sorry:
  kind: say
  text: {zh-CN: 暂时查询不到}
  next: person
"""


async def test_what_a_service_said_is_spoken(tmp_path):
    shop = Shop(FOUND)
    world = World(now=lambda: 1_795_600_000.0, services=shop)  # 2026-11-25 in Shanghai
    done = await walk(version(tmp_path, LOOKUP), world=world)
    assert shop.asked == [("order", {"number": "A13800138000"})]
    assert done.heard[:3] == ["zh-CN/main-tell-1", "zh-CN/main-word-shipped", "zh-CN/main-tell-2"]
    assert done.heard[-2:] == ["zh-CN/main-tell-4", "zh-CN/main-done"]
    (asked,) = done.told(ServiceAsked)
    assert (asked.service, asked.result, asked.why) == ("order", "found", "")


@pytest.mark.parametrize(
    "answer",
    [Unavailable("down"), Answer(result="strange"), RuntimeError("a mistake in an adaptor")],
)
async def test_a_service_that_cannot_answer_leads_on(tmp_path, answer):
    done = await walk(
        version(tmp_path, LOOKUP), world=World(now=lambda: 0.0, services=Shop(answer))
    )
    assert done.outcome.queue == "general"
    assert "zh-CN/main-sorry" in done.heard


async def test_no_way_to_ask_is_no_answer(tmp_path):
    done = await walk(version(tmp_path, LOOKUP))
    assert done.outcome.queue == "general"
    (asked,) = done.told(ServiceAsked)
    assert asked.result == ""
    assert "nobody answers" in asked.why


async def test_a_slow_service_is_never_silence_and_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("ivr.asking.QUICK", 0.01)
    monkeypatch.setattr("ivr.asking.PAUSE", 0.01)
    shop = Shop(FOUND, slow=asyncio.Event())
    flow = version(tmp_path, LOOKUP.replace("into: order", "into: order\n  limit: 0.5"))
    done = await walk(flow, world=World(now=lambda: 0.0, services=shop))
    assert done.heard[0] == "zh-CN/looking_up"
    assert done.heard[1] == "zh-CN/still_looking_up"
    assert done.outcome.queue == "general"


async def test_who_hangs_up_while_a_service_is_asked_leaves_no_question_behind(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("ivr.asking.QUICK", 0.01)
    shop = Shop(FOUND, slow=asyncio.Event())
    done = await walk(
        version(tmp_path, LOOKUP), HANG_UP, world=World(now=lambda: 0.0, services=shop)
    )
    assert done.outcome.ending is Ending.CALLER_GONE
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_a_branch_goes_the_first_way_that_holds(tmp_path):
    flow = """
    begin:
      kind: branch
      cases:
        - {when: {queue.order.waiting: {above: 5}}, next: bye}
        - {when: {hours.always: open, caller: "13800138000"}, next: done}
      otherwise: person
    """
    flows = version(tmp_path, flow)

    async def goes(waiting: int, number: str = "13800138000") -> str:
        load = QueueLoad(waiting=waiting, ready=0, signed_in=1, wait=None)
        world = World(now=lambda: 0.0, load=lambda queue: load)
        return (await walk(flows, number=number, world=world)).outcome.node

    assert [await goes(6), await goes(5), await goes(0, "")] == ["bye", "done", "person"]


async def test_a_flow_within_a_flow_and_back(tmp_path):
    inner = """
    name: inner
    start: hello
    languages: [zh-CN]
    nodes:
      hello: {kind: menu, text: {zh-CN: 按一返回}, keys: {1: back}}
      back: {kind: return}
    """
    flow = "begin: {kind: flow, flow: inner, next: done}"
    done = await walk(version(tmp_path, flow, inner), "1")
    assert [node for node, key in done.steps if not key] == [
        "begin", "inner/hello", "inner/back", "done",
    ]  # fmt: skip
    done = await walk(version(tmp_path, flow, inner), "0")
    assert (done.outcome.node, done.outcome.queue) == ("person", "general")


async def test_a_caller_comes_back_into_a_flow_of_its_own(tmp_path):
    inner = """
    name: inner
    start: hello
    languages: [zh-CN]
    nodes:
      hello: {kind: menu, text: {zh-CN: 按一返回}, keys: {1: back}}
      back: {kind: return}
    """
    flows = version(tmp_path, "begin: {kind: flow, flow: inner, next: done}", inner)
    done = await walk(flows, "1", start="inner/hello")
    assert (done.outcome.queue, done.outcome.reason) == ("general", Reason.NO_SUCCESS)


async def test_a_message_leaves_in_the_background(tmp_path):
    flow = """
    begin:
      kind: send
      by: sms
      message: {zh-CN: "您的订单{order.amount:money}，详情见网站。"}
      next: done
    look:
      kind: lookup
      service: order
      with: {number: "1"}
      into: order
      cases: {found: begin}
      failed: person
    """
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    world = World(now=lambda: 0.0, services=Shop(FOUND), send=send)
    done = await walk(version(tmp_path, flow, start="look"), world=world)
    assert [(m.to, m.by, m.text) for m in sent] == [
        ("13800138000", "sms", "您的订单¥128.50，详情见网站。")
    ]
    assert [event.taken for event in done.told(MessageTaken)] == [True]


async def test_a_message_to_nobody_and_one_that_cannot_be_kept(tmp_path):
    flow = version(
        tmp_path, "begin: {kind: send, by: sms, message: {zh-CN: 详情见网站}, next: person}"
    )
    for number in ("", "13800138000"):
        done = await walk(flow, number=number)
        assert [event.taken for event in done.told(MessageTaken)] == [False]
        assert done.outcome.node == "person"


async def test_a_message_that_is_not_taken_may_lead_elsewhere(tmp_path):
    flow = version(
        tmp_path,
        """
        begin: {kind: send, by: sms, message: {zh-CN: 详情见网站}, next: done, failed: sorry}
        sorry: {kind: say, text: {zh-CN: 没有发送}, next: person}
        """,
    )

    async def send(message: Message) -> None:
        pass

    assert "sorry" in [node for node, _ in (await walk(flow)).steps]
    done = await walk(flow, world=World(now=lambda: 0.0, send=send))
    assert "sorry" not in [node for node, _ in done.steps]


async def test_several_words_are_written_one_after_another(tmp_path):
    flow = """
    look:
      kind: lookup
      service: order
      with: {number: "1"}
      into: order
      cases: {found: begin}
      failed: person
    begin: {kind: send, by: sms, message: {zh-CN: "状态{order.state:word}"}, next: done}
    """
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    shop = Shop(Answer(result="found", values={"state": ("shipped", "shipped")}))
    world = World(now=lambda: 0.0, services=shop, send=send)
    await walk(version(tmp_path, flow, start="look"), world=world)
    assert [message.text for message in sent] == ["状态已发货、已发货"]


VOICEMAIL = """
begin: {kind: voicemail, queue: order, text: {zh-CN: 请留言}, next: bye}
"""


async def test_a_spoken_message_is_told_with_its_queue(tmp_path):
    done = await walk(version(tmp_path, VOICEMAIL), "", "我的快递三天没更新了")
    (message,) = done.told(MessageRecorded)
    assert (message.purpose, message.queue, message.seconds) == ("voicemail", "order", 3.0)
    assert message.caller == "13800138000"


async def test_who_says_nothing_leaves_no_message(tmp_path):
    done = await walk(version(tmp_path, VOICEMAIL), "", "#")
    assert done.told(MessageRecorded) == []
    assert done.outcome.ending is Ending.HANG_UP


SURVEY = """
begin:
  kind: survey
  text: {zh-CN: 请打分}
  reason_text: {zh-CN: 不满意的原因}
  reasons: {1: slow, 2: attitude}
  comment: {zh-CN: 请说说您的意见}
  next: bye
"""


@pytest.mark.parametrize(
    "script, score, reason",
    [(("5",), 5, ""), (("9", "", "4"), 4, ""), (("2", "1", "", "太慢了"), 2, "slow")],
)
async def test_a_score_and_what_comes_with_a_low_one(tmp_path, script, score, reason):
    done = await walk(version(tmp_path, SURVEY), *script)
    (answered,) = done.told(SurveyAnswered)
    assert (answered.score, answered.reason) == (score, reason)
    comments = [event.purpose for event in done.told(MessageRecorded)]
    assert comments == (["comment"] if score < 3 else [])


async def test_a_score_before_a_hang_up_counts(tmp_path):
    done = await walk(version(tmp_path, SURVEY), "1", HANG_UP)
    assert [event.score for event in done.told(SurveyAnswered)] == [1]
    assert done.outcome.ending is Ending.CALLER_GONE


async def test_no_score_is_no_answer(tmp_path):
    done = await walk(version(tmp_path, SURVEY))
    assert done.told(SurveyAnswered) == []
    assert done.outcome.node == "bye"


async def test_ends_that_lead_elsewhere(tmp_path):
    flow = """
    begin: {kind: menu, text: {zh-CN: 请选择}, keys: {1: later, 2: outside}}
    later: {kind: callback, queue: order}
    outside: {kind: transfer, number: "12315", queue: order, text: {zh-CN: 正在转接}}
    """
    flows = version(tmp_path, flow)
    later = (await walk(flows, "1")).outcome
    assert (later.ending, later.queue) == (Ending.CALLBACK, "order")
    outside = (await walk(flows, "2")).outcome
    assert (outside.ending, outside.number, outside.queue) == (Ending.TRANSFER, "12315", "order")
    assert len(outside.announcement) == 1


@pytest.mark.parametrize(
    "script, ending, solved",
    [(("1",), "hang_up", True), (("0",), "queue", False), ((HANG_UP,), "caller_gone", False)],
)
async def test_a_solved_call_is_told_from_one_that_gave_up(tmp_path, script, ending, solved):
    flow = "begin: {kind: menu, text: {zh-CN: 请选择}, keys: {1: done}}"
    done = await walk(version(tmp_path, flow), *script)
    (left,) = done.told(MenuLeft)
    assert (left.ending, left.solved, left.version) == (ending, solved, 7)
