"""A menu that is answered by voice: sure, asked back, not understood; keys always count."""

from dataclasses import replace

import pytest

from ivr.intents import Understanding
from ivr.prompts import PromptShelf
from telephony.events import WordsHeard
from tests.ivr.small_company import ScriptedLine, Walked, walk
from tests.ivr.test_kinds import version

SPOKEN = """
begin:
  kind: menu
  text: {zh-CN: 请说出您的需求，查订单也可以按一}
  keys: {1: order}
  speech: {order: order, returns: done}
order: {kind: queue, queue: order}
"""
MEANT = {"查订单": ("order", 0.95), "订单吧": ("order", 0.6), "要退货": ("returns", 0.9)}


class Intents:
    """Understands three sentences, yes and no."""

    names = frozenset({"order", "returns"})

    def understand(self, words: str, language: str) -> Understanding:
        intent, confidence = MEANT.get(words, ("", 0.1))
        return Understanding(intent=intent, confidence=confidence)

    def answer(self, words: str, language: str) -> bool | None:
        return {"是的": True, "不是": False}.get(words)

    def prompts(self, voices):
        return ()


@pytest.fixture
def say(tmp_path, monkeypatch):
    monkeypatch.setattr(PromptShelf, "path", lambda shelf, name, language: f"/{language}/{name}-0")
    flows = replace(version(tmp_path, SPOKEN), intents=Intents())

    async def said(*script: str) -> Walked:
        return await walk(flows, *script)

    return said


def intents(walked: Walked) -> list[str]:
    return [event.intent for event in walked.told(WordsHeard)]


async def test_what_is_clear_is_done_at_once(say):
    done = await say("查订单")
    assert done.outcome.queue == "order"
    assert intents(done) == ["order"]


@pytest.mark.parametrize("yes", ["1", "是的"])
async def test_what_is_not_sure_is_asked_back(say, yes):
    done = await say("订单吧", yes)
    assert done.heard[1] == "zh-CN/intent-order"
    assert done.outcome.queue == "order"


@pytest.mark.parametrize("no", ["2", "不是"])
async def test_a_no_asks_the_menu_again(say, no):
    done = await say("订单吧", no, "", "要退货")
    assert done.outcome.node == "done"


async def test_who_says_something_else_is_taken_at_that_word(say):
    done = await say("订单吧", "要退货")
    assert done.outcome.node == "done"
    assert intents(done) == ["order", "returns"]


async def test_a_key_answers_the_question_and_the_menu(say):
    assert (await say("订单吧", "0")).outcome.queue == "general"
    assert (await say("1")).outcome.queue == "order"


async def test_what_fits_nothing_is_told_and_leads_to_a_person_in_the_end(say):
    done = await say("今天天气", "", "今天天气", "", "今天天气")
    assert done.heard.count("zh-CN/invalid_key") == 2
    assert done.outcome.queue == "general"


async def test_who_hangs_up_while_asked_back_is_gone(say):
    done = await say("订单吧", ScriptedLine.HANG_UP)
    assert done.outcome.ending == "caller_gone"
