"""The dialogue's line over an AGI session: keys, lost files, every way in which a call ends."""

from pathlib import Path

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

    uniqueid = "1764.7"
    speaks = 3  # seconds

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked = []

    async def stream_file(self, path, escape_digits=""):
        return self._answer(path, escape_digits)

    async def wait_for_digit(self, seconds):
        return self._answer(seconds)

    async def record_file(self, path, *, seconds, silence, end_keys):
        file = Path(f"{path}.wav")
        file.write_bytes(bytes(44 + 16_000 * self.speaks))
        return self._answer(file, seconds, silence, end_keys)

    def _answer(self, *asked):
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_prompts_play_in_turn_until_a_key():
    session = Session("", "5")
    assert await AgiLine(session, Path()).play(["/a", "/b", "/c"], interruptible=True) == "5"
    assert session.asked == [("/a", ALL_KEYS), ("/b", ALL_KEYS)]


async def test_a_notice_listens_to_no_key():
    session = Session("")
    assert await AgiLine(session, Path()).play(["/a"], interruptible=False) == ""
    assert session.asked == [("/a", "")]


async def test_a_lost_file_is_skipped_and_logged(caplog):
    session = Session(AgiFileMissing("no"), "1")
    assert await AgiLine(session, Path()).play(["/x/zh-CN/a", "/b"], interruptible=True) == "1"
    assert "no recording a" in caplog.text


async def test_waiting_for_a_key():
    session = Session("3")
    assert await AgiLine(session, Path()).wait_digit(4.5) == "3"
    assert session.asked == [(4.5,)]


@pytest.mark.parametrize("error", [CallerHungUp, AgiConnectionLost, AgiTimeout, AgiProtocolError])
async def test_every_lost_call_is_the_same_ordinary_end(error):
    with pytest.raises(CallerGone):
        await AgiLine(Session(error("x")), Path()).play(["/a"], interruptible=True)
    with pytest.raises(CallerGone):
        await AgiLine(Session(error("x")), Path()).wait_digit(1)


async def test_a_refused_command_is_no_hang_up():
    with pytest.raises(AgiCommandRefused):
        await AgiLine(Session(AgiCommandRefused("x")), Path()).wait_digit(1)


async def record(session, folder):
    line = AgiLine(session, folder)
    return await line.record("voicemail", seconds=60, silence=4, end_keys="#")


async def test_a_message_is_kept_under_a_name_that_tells_the_contact_and_no_more(tmp_path):
    session = Session("#")
    kept = await record(session, tmp_path)
    assert (kept.seconds, kept.key) == (3, "#")
    assert kept.file.startswith("messages/1764.7.voicemail.")
    assert session.asked == [(tmp_path / kept.file, 60, 4, "#")]


async def test_who_hangs_up_while_speaking_leaves_the_message(tmp_path):
    session = Session(CallerHungUp("x"), CallerHungUp("x"))
    assert (tmp_path / (await record(session, tmp_path)).file).is_file()
    with pytest.raises(CallerGone):
        await AgiLine(session, tmp_path).wait_digit(1)


@pytest.mark.parametrize("answer", ["", CallerHungUp("x")])
async def test_a_breath_is_no_message(tmp_path, answer):
    session = Session(answer)
    session.speaks = 1
    if answer:
        with pytest.raises(CallerGone):
            await record(session, tmp_path)
    else:
        kept = await record(session, tmp_path)
        assert (kept.file, kept.seconds) == ("", 0)
    assert not list((tmp_path / "messages").iterdir())
