"""The measure itself: what counts as the same, and which part an error belongs to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.speech_text import character_error_rate, errors_by_part, spoken


@pytest.mark.parametrize(
    "one, other",
    [
        ("请按1", "请按一"),
        ("第10位", "第十位"),
        ("第12位，", "第十二位"),
        ("20秒", "二十秒"),
        ("8001", "八零零一"),
        ("您好，請按鍵。", "您好请按键"),
        ("Press One!", "press one"),
        ("１２３", "一二三"),
    ],
)
def test_the_same_when_read_aloud(one, other):
    assert spoken(one) == spoken(other)


def test_errors_are_counted_where_they_are():
    assert errors_by_part(["abc", "def"], "abcdef") == [0, 0]
    assert errors_by_part(["abc", "def"], "axcdef") == [1, 0]
    assert errors_by_part(["abc", "def"], "abc") == [0, 3]
    assert errors_by_part(["abc", "def"], "abcdefgh") == [0, 2]
    assert errors_by_part(["abc"], "") == [3]
    assert errors_by_part(["abc"], "xabc") == [1]


def test_rate():
    assert character_error_rate("我要退款。", "我要退款") == 0
    assert character_error_rate("我要退款", "我要退宽") == 0.25


@given(st.lists(st.text("abc", max_size=6), min_size=1, max_size=4), st.text("abc", max_size=15))
def test_parts_add_up_to_the_distance_of_the_whole(parts, heard):
    whole = "".join(parts)
    assert sum(errors_by_part(parts, heard)) == sum(errors_by_part([whole], heard))
    assert sum(errors_by_part(parts, whole)) == 0
