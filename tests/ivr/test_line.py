"""The dialogue's line over an AGI session: keys, lost files, every way in which a call ends."""

import pytest

from ivr.dialogue import CallerGone
from ivr.line import ALL_KEYS, AgiLine
from telephony.agi import (
    AgiCommandRefused,
    AgiConnectionLost,
    AgiFileMissing,
    AgiProtocolError,
    AgiTimeout,
    CallerHungUp,
)


class Session:
    """Answers as told; remembers what was asked."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked = []

    async def stream_file(self, path, escape_digits=""):
        return self._answer(path, escape_digits)

    async def wait_for_digit(self, seconds):
        return self._answer(seconds)

    def _answer(self, *asked):
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_prompts_play_in_turn_until_a_key():
    session = Session("", "5")
    assert await AgiLine(session).play(["/a", "/b", "/c"], interruptible=True) == "5"
    assert session.asked == [("/a", ALL_KEYS), ("/b", ALL_KEYS)]


async def test_a_notice_listens_to_no_key():
    session = Session("")
    assert await AgiLine(session).play(["/a"], interruptible=False) == ""
    assert session.asked == [("/a", "")]


async def test_a_lost_file_is_skipped_and_logged(caplog):
    session = Session(AgiFileMissing("no"), "1")
    assert await AgiLine(session).play(["/x/zh-CN/a", "/b"], interruptible=True) == "1"
    assert "no recording a" in caplog.text


async def test_waiting_for_a_key():
    session = Session("3")
    assert await AgiLine(session).wait_digit(4.5) == "3"
    assert session.asked == [(4.5,)]


@pytest.mark.parametrize("error", [CallerHungUp, AgiConnectionLost, AgiTimeout, AgiProtocolError])
async def test_every_lost_call_is_the_same_ordinary_end(error):
    with pytest.raises(CallerGone):
        await AgiLine(Session(error("x"))).play(["/a"], interruptible=True)
    with pytest.raises(CallerGone):
        await AgiLine(Session(error("x"))).wait_digit(1)


async def test_a_refused_command_is_no_hang_up():
    with pytest.raises(AgiCommandRefused):
        await AgiLine(Session(AgiCommandRefused("x"))).wait_digit(1)
