"""The main menu of the example company, walked by scripted callers, in memory."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.dialogue import Ending, Reason
from ivr.versions import FlowVersion, load_version
from tests.example_company import COMPANY
from tests.ivr.small_company import ScriptedLine, Walked, walk

STRANGER = "13800138000"
VIP = "19900000001"
HANG_UP = ScriptedLine.HANG_UP


def shanghai(hour: int) -> float:
    """A moment of a Saturday in Shanghai."""
    return datetime(2026, 11, 21, hour, 30, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


@pytest.fixture(scope="module")
def version() -> FlowVersion:
    """The committed menu, as new callers get it."""
    return load_version(COMPANY)


@pytest.fixture
def call(version):
    async def dial(*script: str, number: str = STRANGER, hour: int = 12) -> Walked:
        return await walk(version, *script, number=number, now=shanghai(hour))

    return dial


# A script's answers, one for each thing the line does: the greeting takes the first (which is
# lost, for no key skips the notice), the language text the second.
ZH = ("", "1")
EN = ("", "2")


@pytest.mark.parametrize(
    "key, queue",
    [("1", "presale"), ("2", "order"), ("3", "logistics"), ("4", "returns"), ("5", "complaints")],
)
async def test_a_key_leads_to_its_queue(call, key, queue):
    done = await call(*ZH, key)
    assert (done.outcome.ending, done.outcome.queue) == (Ending.QUEUE, queue)
    assert done.outcome.reason is Reason.CHOICE
    assert done.outcome.language == "zh-CN"
    assert done.outcome.attributes["intent"] == queue
    assert "tier" not in done.outcome.attributes


async def test_every_step_is_reported_in_order(call):
    done = await call(*ZH, "2")
    assert done.steps == [
        ("greeting", ""), ("language", ""), ("language", "1"), ("who", ""),
        ("main_menu", ""), ("main_menu", "2"), ("order", ""),
    ]  # fmt: skip


async def test_the_recording_notice_is_heard_first_and_whole(call):
    done = await call("2", "", "", "3")
    assert done.heard[0] == "zh-CN/main-greeting"
    assert done.outcome.language == "zh-CN"  # the key during the notice chose nothing


async def test_the_language_is_asked_in_every_language(call):
    done = await call(*EN, "3")
    assert done.heard[1:3] == ["zh-CN/main-language", "en/main-language"]
    assert done.heard[3] == "en/main-main_menu"
    assert (done.outcome.queue, done.outcome.language) == ("logistics", "en")


async def test_silence_at_the_language_means_chinese(call):
    done = await call("", "", "", "3")
    assert done.heard[-1] == "zh-CN/main-main_menu"
    assert done.outcome.language == "zh-CN"


async def test_a_wrong_key_at_the_language_is_asked_again(call):
    done = await call("", "7", "", "2", "3")
    assert done.heard[3] == "zh-CN/invalid_key"
    assert done.outcome.language == "en"


async def test_a_key_after_the_text_counts_too(call):
    done = await call(*ZH, "", "4")
    assert done.outcome.queue == "returns"
    assert done.line.waits == [5]


async def test_wrong_keys_are_told_and_the_third_leads_to_a_person(call):
    done = await call(*ZH, "9", "", "8", "", "#")
    complaint, menu = "zh-CN/invalid_key", "zh-CN/main-main_menu"
    assert done.heard[3:] == [menu, complaint, menu, complaint, menu]
    assert (done.outcome.queue, done.outcome.reason) == ("general", Reason.NO_SUCCESS)


async def test_silence_is_told_and_leads_to_a_person(call):
    done = await call(*ZH)
    assert done.heard.count("zh-CN/no_input") == 2
    assert done.line.waits == [5, 5, 5]
    assert (done.outcome.queue, done.outcome.reason) == ("general", Reason.NO_SUCCESS)


async def test_a_right_key_after_a_wrong_one_and_silence(call):
    done = await call(*ZH, "9", "", "", "", "", "2")
    assert done.outcome.queue == "order"
    assert [key for node, key in done.steps if node == "main_menu"] == ["", "9", "", "2"]


async def test_a_key_during_the_complaint_answers_at_once(call):
    done = await call(*ZH, "9", "5")
    assert done.outcome.queue == "complaints"
    assert done.heard.count("zh-CN/main-main_menu") == 1


@pytest.mark.parametrize("script", [("", "0"), (*ZH, "0"), (*ZH, "9", "", "0"), (*ZH, "", "0")])
async def test_zero_leads_to_a_person_from_everywhere(call, script):
    done = await call(*script)
    assert (done.outcome.queue, done.outcome.reason) == ("general", Reason.PERSON_KEY)


async def test_star_goes_back_to_the_language(call):
    done = await call(*ZH, "*", "2", "3")
    assert (done.outcome.queue, done.outcome.language) == ("logistics", "en")


async def test_star_at_the_first_menu_says_it_again(call):
    done = await call("", "*", "2", "3")
    assert done.outcome.language == "en"
    assert "zh-CN/invalid_key" not in done.heard


async def test_star_without_end_ends_at_a_person(call):
    done = await call(*ZH, *(["*", "1"] * 500))
    assert (done.outcome.queue, done.outcome.reason) == ("general", Reason.NO_SUCCESS)
    assert done.line.turns < 400


async def test_ten_thousand_digits_end_at_a_person(call):
    done = await call(*(["9"] * 10_000))
    assert done.outcome.queue == "general"
    assert done.line.turns < 30


@pytest.mark.parametrize("number", [VIP, "+8619900000001", "008619900000001", "019900000001"])
async def test_a_vip_goes_to_the_vip_queue_after_the_language(call, number):
    done = await call(*EN, number=number)
    assert (done.outcome.queue, done.outcome.language) == ("vip", "en")
    assert done.outcome.attributes == {"tier": "vip"}
    assert "en/main-main_menu" not in done.heard


@pytest.mark.parametrize("number", ["", "anonymous", STRANGER, "1990000000", "${EVIL}"])
async def test_a_stranger_or_withheld_number_gets_the_menu(call, number):
    done = await call(*ZH, "2", number=number)
    assert done.outcome.queue == "order"


async def test_presale_outside_its_hours_goes_to_a_person(call):
    done = await call(*ZH, "1", hour=23)
    assert "zh-CN/main-presale_closed" in done.heard
    assert (done.outcome.queue, done.outcome.reason) == ("general", Reason.CHOICE)


async def test_the_announcement_is_for_after_queueing(call):
    done = await call(*EN, "3")
    (announcement,) = done.outcome.announcement
    assert "en/main-logistics-" in announcement
    assert Path(announcement + ".wav").is_file()
    assert "en/main-logistics" not in done.heard


LONGEST = ("", "7", "", "1", "9", "", "", "", "", "")


@pytest.mark.parametrize("turn", range(len(LONGEST)))
async def test_a_hang_up_at_every_point_is_an_ordinary_end(call, turn):
    done = await call(*LONGEST[:turn], HANG_UP)
    assert done.outcome.ending is Ending.CALLER_GONE
    assert done.outcome.queue == ""
    assert done.line.turns == turn + 1
    assert done.outcome.node == done.steps[-1][0]


async def test_all_recordings_that_are_played_exist(call, version):
    done = await call("", "7", "", "2", "9", "", "", "", "", "", "")
    folder = version.flow.shelf.folder
    for heard in done.heard:
        assert list(folder.glob(f"{heard}-????????.wav")), heard
