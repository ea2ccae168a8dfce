"""Numbers, amounts, days and times as people say them; every part that is asked for exists."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.prompts import load_catalogue
from ivr.speaking import LIMIT, WAYS, CannotSpeak, spoken, written
from tests.numerals import read_chinese, read_english

CHINESE, ENGLISH = ("zh-CN", "en")
DAY = date(2026, 11, 26)
MOMENT = datetime(2026, 11, 26, 15, 30)  # noqa: DTZ001 - a time as the shop tells it


@pytest.fixture(scope="module")
def texts():
    return {(part.name, part.language): part.text for part in load_catalogue()}


@pytest.fixture(scope="module")
def say(texts):
    """What somebody hears: the parts' texts, a comma for a pause."""

    def said(value, way, language, **more):
        words = [texts[part, language] for part in spoken(value, way, language, **more)]
        return (
            ("" if language == CHINESE else " ").join(words).replace(" …", ",").replace("…", "，")
        )

    return said


@pytest.mark.parametrize(
    "value, way, chinese, english",
    [
        (0, "number", "零", "zero"),
        (2, "number", "二", "two"),
        (10, "number", "十", "ten"),
        (15, "number", "十五", "fifteen"),
        (105, "number", "一百零五", "one hundred and five"),
        (115, "number", "一百一十五", "one hundred and fifteen"),
        (200, "number", "二百", "two hundred"),
        (222, "number", "二百二十二", "two hundred and twenty-two"),
        (1005, "number", "一千零五", "one thousand and five"),
        (1050, "number", "一千零五十", "one thousand and fifty"),
        (1012, "number", "一千零一十二", "one thousand and twelve"),
        (2002, "number", "两千零二", "two thousand and two"),
        (2200, "number", "两千二百", "two thousand two hundred"),
        (10_000, "number", "一万", "ten thousand"),
        (20_000, "number", "两万", "twenty thousand"),
        (100_000, "number", "十万", "one hundred thousand"),
        (120_001, "number", "十二万零一", "one hundred and twenty thousand and one"),
        (1_120_000, "number", "一百一十二万", "one million one hundred and twenty thousand"),
        (10_010_000, "number", "一千零一万", "ten million ten thousand"),
        (100_000_001, "number", "一亿零一", "one hundred million and one"),
        (100_001_000, "number", "一亿零一千", "one hundred million one thousand"),
        (200_000_000, "number", "两亿", "two hundred million"),
        (-3, "number", "负三", "minus three"),
        (Decimal("3.14"), "number", "三点一四", "three point one four"),
        ("0012.50", "number", "十二点五", "twelve point five"),
        (Decimal("128.50"), "money", "一百二十八元五角", "one hundred and twenty-eight yuan fifty"),
        (2, "money", "两元", "two yuan"),
        (0, "money", "零元", "zero yuan"),
        (Decimal("1.05"), "money", "一元零五分", "one yuan oh five"),
        (Decimal("22.22"), "money", "二十二元两角两分", "twenty-two yuan twenty-two"),
        (Decimal("0.80"), "money", "八角", "eighty fen"),
        (Decimal("0.05"), "money", "五分", "five fen"),
        (Decimal("-20"), "money", "负二十元", "minus twenty yuan"),
        ("3817", "digits", "三八幺七", "three eight one seven"),
        ("12345", "digits", "幺二三，四五", "one two three, four five"),
        (
            "13800138000", "phone", "幺三八，零零幺三，八零零零",
            "one three eight, zero zero one three, eight zero zero zero",
        ),
        (
            "+86 10-8765 4321", "phone", "零幺零，八七六五，四三二幺",
            "zero one zero, eight seven six five, four three two one",
        ),
        ("4008123456", "phone", "四零零，八幺二，三四五六",
         "four zero zero, eight one two, three four five six"),
        ("+4420123", "phone", "加，四四二零，幺二三", "plus, four four two zero, one two three"),
        ("B20-7", "order_number", "B，二零，七", "B, two zero, seven"),
        (DAY, "date", "二零二六年十一月二十六日", "November twenty-sixth twenty twenty-six"),
        (date(2005, 1, 1), "date", "二零零五年一月一日",
         "January first two thousand and five"),
        (date(1909, 12, 31), "date", "一九零九年十二月三十一日",
         "December thirty-first nineteen oh nine"),
        (DAY, "weekday", "星期四", "Thursday"),
        (MOMENT, "time", "下午三点半", "three thirty p m"),
        ("00:00", "time", "凌晨零点", "midnight"),
        ("2:05", "time", "凌晨两点零五分", "two oh five a m"),
        ("12:00", "time", "中午十二点", "noon"),
        ("12:15", "time", "中午十二点十五分", "twelve fifteen p m"),
        ("20:01:30", "time", "晚上八点零一分", "eight oh one p m"),
        (MOMENT, "date_time", "二零二六年十一月二十六日下午三点半",
         "November twenty-sixth twenty twenty-six three thirty p m"),
        (0, "duration", "零秒", "zero seconds"),
        (62, "duration", "一分钟两秒", "one minute two seconds"),
        (4830, "duration", "一小时二十分钟", "one hour twenty minutes"),
        (2, "minutes", "两分钟", "two minutes"),
        (1, "hours", "一小时", "one hour"),
        (12, "days", "十二天", "twelve days"),
        (2, "items", "两件", "two items"),
        (Decimal("12.5"), "percent", "百分之十二点五", "twelve point five percent"),
        (Decimal("0.85"), "discount", "八五折", "fifteen percent off"),
        (Decimal("0.8"), "discount", "八折", "twenty percent off"),
        (Decimal("0.05"), "discount", "零点五折", "ninety-five percent off"),
        (("1", "2"), "digits", "幺，二", "one, two"),
    ],
)  # fmt: skip
def test_what_is_heard(say, value, way, chinese, english):
    assert say(value, way, CHINESE) == chinese
    assert say(value, way, ENGLISH) == english


@pytest.mark.parametrize(
    "days, chinese, english",
    [
        (0, "今天", "today"),
        (1, "明天", "tomorrow"),
        (2, "后天", "the day after tomorrow"),
        (-1, "昨天", "yesterday"),
        (-2, "前天", "the day before yesterday"),
        (3, "十一月二十九日", "November twenty-ninth"),
        (60, "二零二七年一月二十五日", "January twenty-fifth twenty twenty-seven"),
    ],
)
def test_days_near_today(say, days, chinese, english):
    day = DAY + timedelta(days=days)
    assert say(day, "date", CHINESE, today=DAY) == chinese
    assert say(day, "date", ENGLISH, today=DAY) == english


@pytest.mark.parametrize(
    "value, way, chinese, english",
    [
        (12800, "number", "12,800", "12,800"),
        (Decimal("128.5"), "money", "¥128.50", "¥128.50"),
        (-5, "money", "-¥5.00", "-¥5.00"),
        (DAY, "date", "2026-11-26", "2026-11-26"),
        (DAY, "weekday", "星期四", "Thursday"),
        (MOMENT, "date_time", "2026-11-26 15:30", "2026-11-26 15:30"),
        ("9:05", "time", "09:05", "09:05"),
        ("13800138000", "phone", "138 0013 8000", "138 0013 8000"),
        ("DD2026-1126", "order_number", "DD2026-1126", "DD2026-1126"),
        ("0042", "digits", "0042", "0042"),
        (4830, "duration", "1 小时 20 分钟", "1 hour 20 minutes"),
        (1, "minutes", "1 分钟", "1 minute"),
        (2, "items", "2 件", "2 items"),
        (Decimal("0.85"), "discount", "8.5 折", "15% off"),
        (20, "percent", "20%", "20%"),
        (("1", "2"), "digits", "1、2", "1, 2"),
    ],
)
def test_what_is_written(value, way, chinese, english):
    assert written(value, way, CHINESE) == chinese
    assert written(value, way, ENGLISH) == english


@pytest.mark.parametrize(
    "value, way",
    [
        ("hello", "number"), ("", "number"), (True, "number"), ("NaN", "number"),
        ("1e400", "number"), (LIMIT, "number"), (Decimal("0.1234567"), "number"),
        (Decimal("1.005"), "money"), (-1, "items"), (Decimal("1.5"), "days"),
        ("12a", "digits"), ("٣", "digits"), ("1" * 33, "digits"), ("", "digits"),
        ("anonymous", "phone"), ("+", "phone"), ("--", "phone"), ("单号", "order_number"),
        ("${SHELL}", "order_number"), ("1\n2", "order_number"),
        ("soon", "date"), (5, "date"), ("25:00", "time"), (DAY, "time"),
        (Decimal("85"), "discount"), (1, "discount"), (1, "sing"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_named(value, way):
    for tell in (spoken, written):
        with pytest.raises(CannotSpeak, match=rf"as {way}: "):
            tell(value, way, CHINESE)


def test_a_language_that_nobody_taught():
    with pytest.raises(CannotSpeak, match="the language fr"):
        spoken(1, "number", "fr")


# ---- every value ----

numbers = st.integers(0, LIMIT - 1) | st.integers(0, 10**5) | st.integers(0, 10**9)


@given(numbers)
@example(10**9)
@example(LIMIT - 1)
def test_every_number_is_spoken_as_itself(say, number):
    chinese = say(number, "number", CHINESE)
    assert read_chinese(chinese) == number
    assert "零零" not in chinese
    assert chinese == "零" or not chinese.endswith("零")
    assert read_english(say(number, "number", ENGLISH)) == number


def test_small_numbers_one_by_one(say):
    heard = {(language, say(number, "number", language))
             for number in range(12_000) for language in (CHINESE, ENGLISH)}  # fmt: skip
    assert len(heard) == 24_000
    assert all(read_chinese(say(number, "number", CHINESE)) == number for number in range(12_000))


_scalars = {
    "number": st.decimals(-(10**11), 10**11, places=3),
    "percent": st.integers(0, 100),
    "money": st.decimals(-(10**9), 10**9, places=2),
    "digits": st.text("0123456789", min_size=1, max_size=32),
    "phone": st.from_regex(r"\A\+?[0-9]{1,20}\Z"),
    "order_number": st.from_regex(r"\A[A-Za-z0-9]{1,20}(-[a-z0-9]{1,5})?\Z"),
    "date": st.dates(),
    "weekday": st.dates(),
    "time": st.times().map(str).map(lambda clock: clock[:8]),
    "date_time": st.datetimes(),
    "discount": st.integers(1, 99).map(lambda percent: Decimal(percent) / 100),
    **dict.fromkeys(("duration", "minutes", "hours", "days", "items"), st.integers(0, 10**6)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("language", [CHINESE, ENGLISH])
def test_every_part_that_is_asked_for_exists(texts, way, language):
    @given(_scalars[way])
    def check(value):
        parts = spoken(value, way, language, today=DAY)
        assert parts
        assert [part for part in parts if (part, language) not in texts] == []
        assert written(value, way, language)

    check()


@given(st.decimals(0, 10**6, places=2))
def test_no_fen_is_lost(say, amount):
    chinese = say(amount, "money", CHINESE)
    yuan, _, rest = chinese.partition("元") if "元" in chinese else ("零", "", chinese)
    cents = 0
    for unit, worth in (("角", 10), ("分", 1)):
        before, found, behind = rest.partition(unit)
        if found:
            cents += read_chinese(before.lstrip("零")) * worth
            rest = behind
    assert read_chinese(yuan) * 100 + cents == int(amount * 100)
