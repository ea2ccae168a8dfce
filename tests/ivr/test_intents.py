"""Callers' sentences become intents, with a confidence that can be relied upon."""

import random
from pathlib import Path

import pytest

from ivr.intents import (
    FEWEST,
    NONE,
    PERHAPS,
    SURE,
    Intents,
    IntentsData,
    confirm_prompt,
    load_intents,
)
from ivr.prompts import Voice
from store.source import BadFile, check_source, read_source

FILE = Path(__file__).parents[2] / "company" / "intents.yaml"
LANGUAGES = ("zh-CN", "en")
PARTS = 10


@pytest.fixture(scope="module")
def intents() -> Intents:
    return load_intents(FILE)


@pytest.mark.parametrize(
    "words, language, intent",
    [
        ("我的快递三天没更新了", "zh-CN", "logistics"),
        ("我的块弟三天没更新了。", "zh-CN", "logistics"),  # the sound is heard, not the character
        ("我要开法票", "zh-CN", "invoice"),
        ("你好，麻烦查一下物流", "zh-CN", "logistics"),
        ("转人工", "zh-CN", "person"),
        ("我要退货退款！", "zh-CN", "returns"),
        ("Where's my parcel?", "en", "logistics"),
        ("I WANT TO SPEAK TO A PERSON", "en", "person"),
    ],
)
def test_what_is_said_clearly_is_acted_upon(intents, words, language, intent):
    understood = intents.understand(words, language)
    assert understood.intent == intent
    assert understood.sure
    assert not understood.perhaps


@pytest.mark.parametrize(
    "words, language",
    [
        ("", "zh-CN"),
        ("。。。", "zh-CN"),
        ("😀", "zh-CN"),
        ("帮我订一张明天去上海的机票", "zh-CN"),
        ("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "zh-CN"),
        ("今天晚上你想吃什么", "zh-CN"),
        ("turn the television down", "en"),
        ("${SHELL(id)}", "en"),
        ("我的快递三天没更新了", "en"),
        ("where is my parcel", "ko"),  # a language without examples
    ],
)
def test_what_means_nothing_to_us_is_not_acted_upon(intents, words, language):
    understood = intents.understand(words, language)
    assert not understood.sure
    assert not understood.perhaps


def test_a_sentence_between_two_intents_is_asked_back(intents):
    understood = intents.understand("我买的东西都五天了还在路上", "zh-CN")
    assert understood.perhaps
    assert {understood.intent, understood.runner_up} >= {"logistics"}


def test_a_very_long_sentence_costs_no_more_than_a_long_one(intents):
    assert intents.understand("我要退货" * 25_000, "zh-CN").intent == "returns"


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_that_were_not_learnt_are_rarely_sent_wrong(language):
    """Cross validation. Examples are as different as can be, so that callers are understood more
    often (docs/speech.md): here it is that the sure ones are right.
    """
    source = read_source(FILE)
    data = check_source(source, IntentsData)
    held = {intent: list(of.examples[language]) for intent, of in data.intents.items()}
    held[NONE] = list(data.none[language])
    for sentences in held.values():
        random.Random(1).shuffle(sentences)
    right = wrong = asked = strays = total = 0
    for part in range(PARTS):
        taught = Intents(_without(data, language, held, part), source)
        for intent, sentences in held.items():
            for sentence in sentences[part::PARTS]:
                found = taught.understand(sentence, language)
                total += bool(intent)
                right += found.sure and found.intent == intent
                wrong += found.sure and found.intent != intent and bool(intent)
                strays += found.sure and not intent
                asked += found.perhaps and found.intent == intent
    assert right / total > 0.53
    assert (right + asked) / total > 0.7
    assert wrong / total < 0.04
    assert strays / len(held[NONE]) < 0.08


def _without(data, language, held, part):
    """The examples without those of one part."""
    left = {name: set(sentences[part::PARTS]) for name, sentences in held.items()}
    plain = data.model_dump()
    for name, intent in plain["intents"].items():
        kept = [text for text in intent["examples"][language] if text not in left[name]]
        intent["examples"] = {language: kept}
    plain["none"] = {language: [t for t in data.none[language] if t not in left[NONE]]}
    return IntentsData.model_validate(plain)


@pytest.mark.parametrize(
    "words, language, answer",
    [
        ("是", "zh-CN", True),
        ("是的，没错", "zh-CN", True),
        ("对对对", "zh-CN", True),
        ("没有错", "zh-CN", True),
        ("对，我要查快递", "zh-CN", True),
        ("不是", "zh-CN", False),
        ("嗯不是", "zh-CN", False),
        ("不是的，我要退货", "zh-CN", False),
        ("不要", "zh-CN", False),
        ("好几天没更新了", "zh-CN", None),
        ("我要退货", "zh-CN", None),
        ("", "zh-CN", None),
        ("Yes, please.", "en", True),
        ("That's right!", "en", True),
        ("No, it isn't", "en", False),
        ("yesterday", "en", None),
        ("是", "ko", None),
    ],
)
def test_yes_and_no(intents, words, language, answer):
    assert intents.answer(words, language) is answer


def test_the_confirming_questions_are_prompts_with_their_place_in_the_file(intents):
    voices = {"zh-CN": Voice("zf_xiaoxiao", 1.0)}
    prompts = {prompt.name: prompt for prompt in intents.prompts(voices)}
    assert prompts.keys() == {confirm_prompt(name) for name in intents.names}
    logistics = prompts["intent-logistics"]
    assert "物流" in logistics.text
    assert logistics.text in FILE.read_text().splitlines()[logistics.line - 1]


def test_the_thresholds_part_three_ranges():
    assert 0 < PERHAPS < SURE < 1


# --- mistakes in the file --------------------------------------------------------------------

GOOD = """
intents:
  order:
    confirm: {en: Your order?}
    examples:
      en: [my order, check my order, cancel my order, order status, what did I order]
  person:
    confirm: {en: One of us?}
    examples:
      en: [a person, a human, an agent, operator, somebody please]
answers:
  "yes": {en: ["yes"]}
  "no": {en: ["no"]}
"""


def problems_of(tmp_path, text):
    file = tmp_path / "intents.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_intents(file)
    return bad.value.problems


def test_a_small_file_works(tmp_path):
    file = tmp_path / "intents.yaml"
    file.write_text(GOOD)
    assert load_intents(file).understand("cancel my order", "en").intent == "order"


@pytest.mark.parametrize(
    "old, new, line, said",
    [
        ("operator", "Check my ORDER!", 10, "here already on line 6 as an example of order"),
        ("operator", "A person.", 10, "'A person.' is here already on line 10"),
        ("operator, ", "", 10, f"person has 4 examples in en; it needs at least {FEWEST}"),
        ("operator", "'?!'", 10, "'?!' has no words"),
        ("confirm: {en: One of us?}", "confirm: {}", 8, "person has no question in en"),
        ('"no": {en: ["no"]}', '"no": {}', 13, "there is no way to say no in en"),
        ("  person:", "  Per son:", 7, "Per son"),
        ("  person:", "  person:\n    say: x", 8, "say: Extra inputs"),
        ('"yes"', '"maybe"', 12, "maybe"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, old, new, line, said):
    assert old in GOOD
    problems = problems_of(tmp_path, GOOD.replace(old, new, 1))
    assert [(p.line, said in str(p)) for p in problems if said in str(p)] == [(line, True)]


def test_an_example_twice_in_one_intent_on_two_lines(tmp_path):
    text = GOOD.replace(
        "en: [a person,", "en:\n        - a person\n        - a person\n        - x"
    )
    text = text.replace("- x a human, an agent", "- a human\n        - an agent")
    text = text.replace(", operator, somebody please]", "\n        - operator\n        - somebody")
    (problem,) = problems_of(tmp_path, text)
    assert problem.line == 12
    assert "already on line 11" in problem.text
    assert problem.mend
