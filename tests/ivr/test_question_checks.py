"""Whether texts and keys fit together."""

import pytest

from ivr.question_checks import keys_named
from store.source import Problem
from tests.ivr.test_road_checks import found, said


def about(problems: list[Problem], text: str) -> list[Problem]:
    return [problem for problem in problems if text in problem.text]


@pytest.mark.parametrize(
    "text, keys",
    [
        ("商品咨询请按一，订单请按 2，人工请按零，返回请按星号键。", "120*"),
        ("中文服务请按1键，结束请按井号键", "1#"),
        ("按一或二", "12"),
        ("请稍等一下，按一下试试，共三次", ""),
        ("For orders, press one. Press 2 for returns, or press the star key.", "12*"),
        ("Press one or two, or press zero.", "120"),
        ("press pound", "#"),
        ("We have one question for you.", ""),
        ("press 12 to win", ""),
    ],
)
def test_keys_that_a_text_names(text, keys):
    assert keys_named(text) == set(keys)


def test_a_key_that_the_text_leaves_out_and_one_that_it_invents(tmp_path):
    problems = found(
        tmp_path,
        """
        begin:
          kind: menu
          text:
            zh-CN: 订单请按一，物流请按三，人工请按零。
          keys: {1: order, 2: person}
        order: {kind: queue, queue: general}
        """,
    )
    assert said(problems) == [("main", 9, True), ("main", 9, True)]
    assert [p.text for p in problems] == [
        "the text does not mention key 2",
        "the text mentions key 3, which does nothing here",
    ]


def test_the_word_after_a_wrong_key_may_not_invent_one_either(tmp_path):
    begin = "{kind: menu, text: {zh-CN: 按一}, no_match: {zh-CN: 请按二}, keys: {1: person}}"
    assert len(about(found(tmp_path, f"begin: {begin}"), "mentions key 2, which")) == 1


def test_a_language_is_offered_in_its_own_words(tmp_path):
    begin = (
        "{kind: language, text: {zh-CN: 请按一}, keys: {1: zh-CN, 2: zh-CN}, default: zh-CN, "
        "next: person}"
    )
    assert len(about(found(tmp_path, f"begin: {begin}"), "does not mention key 2")) == 1


def test_reasons_of_a_survey(tmp_path):
    begin = (
        "{kind: survey, text: {zh-CN: 请按一到五打分}, reason_text: {zh-CN: 太慢请按一}, "
        "reasons: {1: slow, 2: rude}, next: person}"
    )
    assert len(about(found(tmp_path, f"begin: {begin}"), "does not mention key 2")) == 1


def test_two_keys_that_lead_alike(tmp_path):
    begin = "{kind: menu, text: {zh-CN: 按一，按二}, keys: {1: person, 2: person}}"
    (problem,) = found(tmp_path, f"begin: {begin}")
    assert (problem.line, problem.warning) == (6, True)
    assert "keys 1 and 2 both lead to 'person'" in problem.text


def test_a_menu_of_seven_keys_is_too_wide(tmp_path):
    for count in (6, 7):
        text = "，".join(f"按{key}" for key in range(1, count + 1))
        keys = ", ".join(f"{key}: q{key}" for key in range(1, count + 1))
        ends = "\n".join(f"q{key}: {{kind: queue, queue: general}}" for key in range(1, count + 1))
        problems = found(
            tmp_path, f"begin: {{kind: menu, text: {{zh-CN: '{text}'}}, keys: {{{keys}}}}}\n{ends}"
        )
        assert len(about(problems, "7 keys beside 0 and *")) == count - 6


def test_a_question_that_takes_too_long(tmp_path):
    text = "订单请按一，" + "好" * 150
    begin = f"{{kind: menu, text: {{zh-CN: '{text}'}}, keys: {{1: person}}}}"
    (problem,) = found(tmp_path, f"begin: {begin}")
    assert "about 37 seconds" in problem.text
    assert problem.warning


def test_the_hash_after_a_number_is_no_choice(tmp_path):
    nodes = """
    begin: {kind: collect, text: {zh-CN: 单号}, into: digits, length: 4, next: say}
    say: {kind: say, text: {zh-CN: 好}, next: ask}
    ask: {kind: menu, text: {zh-CN: 重听请按井号键}, keys: {"#": say}}
    """
    (problem,) = found(tmp_path, nodes)
    assert (problem.line, problem.warning) == (8, True)
    assert "end the number of 'begin' with #" in problem.text
    assert found(tmp_path, nodes.replace("length: 4,", "length: 4, terminator: none,")) == []
