"""A caller hangs up at every turn of ways that lead through every kind of node.

A turn is whatever the line is asked for: a text, a key, a message. Each way is first walked to its
end, then again for each of its turns with a caller who is gone from there on.
"""

import asyncio

import pytest

from ivr.dialogue import Caller, Ending, run_dialogue
from ivr.nodes import KINDS
from ivr.ports import CallerGone, Recorded, World
from telephony.events import MenuLeft, MenuStepTaken, MessageRecorded
from tests.ivr.small_company import ScriptedLine
from tests.ivr.test_kinds import FOUND, ORDER, version

MAIN = """
begin: {kind: say, text: {zh-CN: 您好}, interruptible: false, next: language}
language: {kind: language, text: {zh-CN: 中文请按一}, keys: {1: zh-CN}, default: zh-CN, next: who}
who: {kind: customer, cases: {}, otherwise: choice}
choice:
  kind: menu
  text: {zh-CN: 请选择}
  keys: {1: number, 2: opening, 3: message, 4: help, 5: later, 6: away}
number:
  kind: collect
  text: {zh-CN: 请输入订单号}
  into: digits
  length: [4, 6]
  confirm: true
  next: ask
ask:
  kind: lookup
  service: order
  with: {number: "{digits}"}
  into: order
  cases: {found: tell}
  failed: person
tell:
  kind: say
  text: {zh-CN: "您的订单{order.state:word}，金额{order.amount:money}，{order.eta:date}到。"}
  next: write
write:
  kind: send
  by: sms
  message: {zh-CN: "您的订单{order.state:word}"}
  next: rate
rate:
  kind: survey
  text: {zh-CN: 请评分}
  reason_text: {zh-CN: 为什么}
  reasons: {1: slow}
  comment: {zh-CN: 请留言}
  next: end
opening: {kind: hours, hours: always, open: load, closed: message}
load:
  kind: branch
  cases:
    - {when: {queue.order.waiting: {above: 5}}, next: later}
  otherwise: person
message:
  kind: voicemail
  queue: order
  text: {zh-CN: 请留言}
  next: end
help: {kind: flow, flow: help, next: around}
around: {kind: goto, next: choice}
end: {kind: hang_up, text: {zh-CN: 再见}}
later: {kind: callback, queue: order}
away: {kind: transfer, number: "12315", queue: order, text: {zh-CN: 正在转接}}
"""
HELP = """
name: help
start: choice
languages: [zh-CN]
nodes:
  choice: {kind: menu, text: {zh-CN: 请选择}, keys: {1: back}}
  back: {kind: return}
"""
NOTHING, SPEAKS = "", "speaks"
ENTRY = (NOTHING, NOTHING, "1", NOTHING)  # the greeting, the language, the menu's text
ORDER_READ_BACK = ("1", "1", *"234#", "1")
LOW_SCORE = (NOTHING, NOTHING, "1", "1", NOTHING, SPEAKS)
WAYS = {
    "an order, a low score and why": (*ENTRY[:3], *ORDER_READ_BACK, *LOW_SCORE),
    "an order, a good score": (*ENTRY[:3], *ORDER_READ_BACK, NOTHING, NOTHING, "5"),
    "an order that was typed wrong": (*ENTRY[:3], "1", "1", "#", NOTHING, "1", *"234#", "2"),
    "hours and load": (*ENTRY[:3], "2"),
    "a message": (*ENTRY[:3], "3", NOTHING, SPEAKS),
    "help and back, then to a person": (*ENTRY[:3], "4", "1", "0"),
    "help, back by star, then outside": (*ENTRY[:3], "4", "*", "6"),
    "called back": (*ENTRY[:3], "5"),
    "nothing but silence": (),
    "nothing but wrong keys": tuple("9" * 40),
}


class Leaver(ScriptedLine):
    """A caller who is gone from one turn on; what was being said then may be kept."""

    def __init__(self, *script: str, leaves: int | None, keeps: bool, shop: "SlowShop") -> None:
        super().__init__(*script)
        self.leaves, self.keeps, self.shop = leaves, keeps, shop

    def _answer(self) -> str:
        if self.leaves is not None and self.turns >= self.leaves:
            raise CallerGone
        answer = super()._answer()
        self.shop.hears_a_turn()
        return answer

    async def record(self, name, *, seconds, silence, end_keys):
        try:
            return await super().record(name, seconds=seconds, silence=silence, end_keys=end_keys)
        except CallerGone:
            if not self.keeps:
                raise
            return Recorded(seconds=3.0, file=f"messages/{name}.wav")


class SlowShop:
    """Answers once the caller was asked to be patient; knows how many still wait for it."""

    def __init__(self):
        self.known = {"order": ORDER}
        self.asked = self.waiting = 0
        self._turn = asyncio.Event()

    def hears_a_turn(self):
        if self.waiting:
            self._turn.set()

    async def ask(self, service, arguments):
        self.asked += 1
        self.waiting += 1
        try:
            await self._turn.wait()
        finally:
            self.waiting -= 1
        return FOUND


class Walk:
    """One walk and what it left behind."""

    def __init__(self, flows, script, *, leaves=None, keeps=False):
        self.flows, self.shop, self.sent, self.events = flows, SlowShop(), [], []
        self.line = Leaver(*script, leaves=leaves, keeps=keeps, shop=self.shop)

    async def run(self):
        async def send(message):
            self.sent.append(message)

        self.outcome = await run_dialogue(
            self.line,
            self.flows,
            Caller(contact="huawu-1.1", number="13800138000"),
            World(now=lambda: 0.0, services=self.shop, send=send),
            self.events.append,
        )
        for _ in range(3):  # what was cancelled ends
            await asyncio.sleep(0)
        return self

    @property
    def nodes(self):
        return {event.node for event in self.events if isinstance(event, MenuStepTaken)}


@pytest.fixture
def flows(tmp_path, monkeypatch):
    monkeypatch.setattr("ivr.asking.QUICK", 0.001)
    monkeypatch.setattr("ivr.asking.PAUSE", 0.2)
    return version(tmp_path, MAIN, HELP)


async def test_the_ways_lead_through_every_kind_of_node(flows):
    met = set()
    for script in WAYS.values():
        walk = await Walk(flows, script).run()
        for place in walk.nodes:
            flow, node = flows.flows.find(place)
            met.add(flow.nodes[node].kind)
    assert met == set(KINDS)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("script", WAYS.values(), ids=list(WAYS))
async def test_a_caller_may_hang_up_at_every_turn(flows, script, keeps):
    tasks = asyncio.all_tasks()
    whole = await Walk(flows, script).run()
    assert whole.outcome.ending is not Ending.CALLER_GONE
    assert whole.line.turns > 3
    for turn in range(whole.line.turns):
        walk = await Walk(flows, script, leaves=turn, keeps=keeps).run()
        assert walk.outcome.ending is Ending.CALLER_GONE, turn
        assert walk.line.turns == turn  # nothing more was asked of the line
        assert walk.events[:-1] == [
            event for event in walk.events if not isinstance(event, MenuLeft)
        ]
        left = walk.events[-1]
        assert isinstance(left, MenuLeft)
        assert (left.ending, left.node) == ("caller_gone", walk.outcome.node)
        assert walk.outcome.announcement == ()
        assert walk.nodes <= whole.nodes
        assert walk.shop.waiting == 0
        assert len(walk.sent) <= len(whole.sent)
        if not keeps:
            kept = [event for event in whole.events if isinstance(event, MessageRecorded)]
            assert [e for e in walk.events if isinstance(e, MessageRecorded)] in ([], kept)
        assert asyncio.all_tasks() == tasks
