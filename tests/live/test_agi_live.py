"""The FastAGI server and a real Asterisk; calls are made of Local channels."""

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ivr.dialogue import CallerGone
from ivr.line import AgiLine
from telephony.agi import (
    AgiCommandRefused,
    AgiConnectionLost,
    AgiFileMissing,
    CallerHungUp,
    FastAgiServer,
)
from telephony.ami import AmiLink, AmiRefused
from tests.live.bare_asterisk import BareAsterisk, bare_asterisk, free_port
from tests.telephony.until import until

pytestmark = pytest.mark.live

AGI_PORT = free_port()
DIALPLAN = f"""
[calls]
exten => speaks,1,Answer()
 same => n,Playback(demo-congrats)
 same => n,Wait(60)
exten => menu,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(agi://127.0.0.1:{AGI_PORT}/menu?where=here,one,二 2)
 same => n,Set(LENGTH=${{LEN(${{HUAWU_TEST}})}})
 same => n,UserEvent(Done,Next: ${{HUAWU_NEXT}},Status: ${{AGISTATUS}},Length: ${{LENGTH}})
exten => last,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,Set(HUAWU_EMPTY=full)
 same => n,AGI(agi://127.0.0.1:{AGI_PORT}/menu)
 same => n,Set(TEXTS=<${{HUAWU_TEST}}>,Empty: <${{HUAWU_EMPTY}}>)
 same => n,UserEvent(Done,Next: ${{HUAWU_NEXT}},Status: ${{AGISTATUS}},Text: ${{TEXTS}})
exten => stubborn,1,Answer()
 same => n,AGI(agi://127.0.0.1:{AGI_PORT}/menu)
 same => n,UserEvent(Done,Next: ${{HUAWU_NEXT}},Status: ${{AGISTATUS}})
exten => hasty,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,Set(TIMEOUT(absolute)=1)
 same => n,AGI(agi://127.0.0.1:{AGI_PORT}/menu)
exten => T,1,UserEvent(Late,Status: ${{AGISTATUS}})
 same => n,Set(TIMEOUT(absolute)=0)
 same => n,Wait(60)
exten => moved,1,UserEvent(Moved)
 same => n,Wait(60)
exten => h,1,UserEvent(Gone)
exten => far,1,Answer()
 same => n,Wait(60)
exten => ends,1,Answer()
 same => n,Wait(3)
 same => n,SendDTMF(#,250)
 same => n,Wait(60)
exten => keys,1,Answer()
 same => n,Wait(0.3)
 same => n,SendDTMF(7,250)
 same => n,Wait(60)
"""


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory) -> Iterator[BareAsterisk]:
    with bare_asterisk(tmp_path_factory.mktemp("asterisk"), DIALPLAN) as running:
        yield running


class Line:
    """Makes calls whose route is ``dialogue``, and hears what the dialplan reports."""

    def __init__(self, asterisk: BareAsterisk):
        self.reports = []
        self.sessions = []
        self.errors = []
        self.dialogue = None
        self.server = FastAgiServer({"menu": self.route}, host="127.0.0.1", port=AGI_PORT)

        async def on_up():
            """Nothing to reconcile."""

        self.link = AmiLink(
            host="127.0.0.1",
            port=asterisk.ami_port,
            username="controller",
            secret=asterisk.secret,
            on_event=self.reports.append,
            on_up=on_up,
            on_down=lambda: None,
            wanted=frozenset({"UserEvent"}),
            back_off=(0.05, 0.3),
        )

    async def route(self, session):
        self.sessions.append(session)
        try:
            await self.dialogue(session)
        except BaseException as error:
            self.errors.append(error)
            raise

    async def call(self, dialogue, extension="menu", far="far"):
        """Begin a call; its session."""
        self.dialogue = dialogue
        before = len(self.sessions)
        await self.link.action(
            "Originate",
            [
                ("Channel", f"Local/{far}@calls"),
                ("Context", "calls"),
                ("Exten", extension),
                ("Priority", "1"),
                ("CallerID", '"王小明" <13800138000>'),
                ("Async", "true"),
            ],
        )
        await until(lambda: len(self.sessions) > before)
        return self.sessions[-1]

    async def report(self, name):
        """The dialplan's report of that name."""
        return (await until(lambda: [e for e in self.reports if e.get("UserEvent") == name], 10))[0]

    async def hang_up(self, session):
        await self.link.action("Hangup", [("Channel", session.channel)])


@pytest.fixture
async def line(asterisk) -> AsyncIterator[Line]:
    made = Line(asterisk)
    await made.server.start()
    task = asyncio.create_task(made.link.run())
    await until(lambda: made.link.is_up, 10)
    yield made
    for channel in await made.link.list("CoreShowChannels"):
        with contextlib.suppress(AmiRefused):
            await made.link.action("Hangup", [("Channel", channel.get("Channel"))])
    await until(lambda: made.server.counters.open == 0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await made.server.stop()
    assert made.server.counters.bad_environments == 0


async def test_a_dialogue_from_its_first_to_its_last_word(line):
    async def dialogue(session):
        assert session.path == "menu"
        assert session.arguments == ("here", "one", "二 2")
        assert session.environment["agi_type"] == "Local"
        assert "agi_callerid" not in session.environment
        assert await session.get_variable("CALLERID(num)") == "13800138000"
        assert await session.get_variable("CALLERID(name)") == "王小明"
        assert await session.get_variable("CHANNEL") == session.channel
        assert await session.get_variable("UNIQUEID") == session.uniqueid
        assert await session.stream_file("beep") == ""
        assert await session.wait_for_digit(0.1) == ""
        await session.set_variable("CHANNEL(language)", "zh")
        assert await session.get_variable("CHANNEL(language)") == "zh"
        await session.set_variable("HUAWU_NEXT", "wait")

    await line.call(dialogue)
    report = await line.report("Done")
    assert line.errors == []
    assert (report.get("Next"), report.get("Status")) == ("wait", "SUCCESS")


async def test_a_key_is_heard_while_a_file_plays_and_while_nothing_does(line):
    heard = []

    async def dialogue(session):
        heard.append(await session.stream_file("demo-congrats", "0123456789"))
        heard.append(await session.wait_for_digit(0.1))

    await line.call(dialogue, far="keys")
    await line.report("Done")
    assert heard == ["7", ""]


@pytest.mark.parametrize(
    "value",
    [
        'a "quoted" word',
        'back\\slash \\\\ \\n \\"',
        "${SHELL(id)} $[1+1] ${EXTEN}",
        "逗号，,;|&'`~!@#%^*()",
        "😀 emoji",
        " blanks  around ",
        "",
        "x" * 1000,
        "200 result=1 (forged)",
    ],
)
async def test_any_text_survives_the_way_there_and_back(line, value):
    async def dialogue(session):
        await session.set_variable("HUAWU_TEST", value)
        read = await session.get_variable("HUAWU_TEST")
        assert read == value
        await session.set_variable("HUAWU_NEXT", "same")

    await line.call(dialogue)
    assert (await line.report("Done")).get("Next") == "same"
    assert line.errors == []


@pytest.mark.parametrize(
    "value",
    [
        "/var/lib/huawu/prompts/queue_1-zh&/var/lib/huawu/prompts/queue_2-zh",
        "售后 退换：第1位",
        "~`!@#%^*_-+:.?/<>&",
        "😀 emoji",
        "x" * 1400,
        "",
    ],
)
async def test_a_last_act_reaches_the_channel_as_it_is(line, value):
    async def dialogue(session):
        await session.finish({"HUAWU_EMPTY": "", "HUAWU_TEST": value, "HUAWU_NEXT": "same"})

    await line.call(dialogue, "last")
    report = await line.report("Done")
    assert report.get("Text") == f"<{value}>"[: len(report.get("Text"))]
    assert len(report.get("Text").encode()) >= min(len(value.encode()), 1000)
    assert (report.get("Empty"), report.get("Next")) == ("<>", "same")
    assert report.get("Status") == "SUCCESS"
    assert line.errors == []


async def test_a_longer_value_is_set_whole_and_read_in_part(line):
    """Asterisk reads a variable into 1,024 bytes; `LEN` knows how long it really is."""

    async def dialogue(session):
        await session.set_variable("HUAWU_TEST", "x" * 1900)
        assert await session.get_variable("HUAWU_TEST") == "x" * 1023

    await line.call(dialogue)
    assert (await line.report("Done")).get("Length") == "1900"
    assert line.errors == []


async def test_what_fails_is_typed_and_the_call_goes_on(line):
    async def dialogue(session):
        with pytest.raises(AgiFileMissing):
            await session.stream_file("no/such/file")
        with pytest.raises(AgiCommandRefused, match="510"):
            await session.command("FOO")
        with pytest.raises(AgiCommandRefused, match="520"):
            await session.command("SET VARIABLE", "X")
        with pytest.raises(AgiCommandRefused, match="application"):
            await session.command("EXEC", "NoSuchApplication", "x")
        with pytest.raises(ValueError, match="bytes"):
            await session.set_variable("X", "1" * 10_000)
        await session.set_variable("HUAWU_NEXT", "wait")

    await line.call(dialogue)
    assert (await line.report("Done")).get("Next") == "wait"
    assert line.errors == []


async def test_hanging_up_from_here(line):
    async def dialogue(session):
        await session.hang_up()
        await session.get_variable("A")

    await line.call(dialogue)
    await line.report("Gone")
    await until(lambda: line.errors)
    assert isinstance(line.errors[0], CallerHungUp)


@pytest.mark.parametrize("extension", ["menu", "stubborn"])
@pytest.mark.parametrize("doing", ["waiting", "playing", "thinking"])
async def test_the_caller_hangs_up(line, extension, doing):
    async def dialogue(session):
        if doing == "waiting":
            await session.wait_for_digit(30)
        elif doing == "playing":
            await session.stream_file("demo-congrats", "123")
        else:
            await until(lambda: line.link.counters.actions >= 2)
            await asyncio.sleep(0.2)
        await session.get_variable("A")
        await session.get_variable("A")

    session = await line.call(dialogue, extension)
    await asyncio.sleep(0.1)
    await line.hang_up(session)
    await line.report("Gone")
    await until(lambda: line.errors)
    assert isinstance(line.errors[0], CallerHungUp)
    await until(lambda: line.server.counters.open == 0)
    async with asyncio.timeout(5):  # a channel outlives its report by a moment
        while await line.link.list("CoreShowChannels"):
            await asyncio.sleep(0.02)


async def test_a_redirect_takes_the_caller_out_of_a_dialogue(line):
    session = await line.call(lambda session: session.wait_for_digit(30))
    where = [("Context", "calls"), ("Exten", "moved"), ("Priority", "1")]
    await line.link.action("Redirect", [("Channel", session.channel), *where])
    await line.report("Moved")
    await until(lambda: line.errors)
    assert isinstance(line.errors[0], CallerHungUp)


async def test_a_server_that_thinks_too_long_is_left(line):
    async def dialogue(session):
        await asyncio.sleep(3)
        await session.get_variable("A")

    await line.call(dialogue, "hasty")
    assert (await line.report("Late")).get("Status") == "HANGUP"
    await until(lambda: line.errors, 10)
    assert isinstance(line.errors[0], CallerHungUp)


async def test_a_dead_route_leaves_the_variable_empty(line, caplog):
    async def dialogue(session):
        raise RuntimeError("a bug")

    await line.call(dialogue)
    report = await line.report("Done")
    assert (report.get("Next"), report.get("Status")) == ("", "SUCCESS")  # so never trust AGISTATUS
    assert line.server.counters.failures == 1


@pytest.mark.parametrize("doing", ["waiting", "playing", "setting"])
async def test_asterisk_dies_in_mid_command_and_comes_back(asterisk, line, doing):
    """With many callers on it: every route ends, nothing of them is left, the next call works."""

    async def dialogue(session):
        while True:
            if doing == "waiting":
                await session.wait_for_digit(30)
            elif doing == "playing":
                await session.stream_file("demo-congrats", "123")
            else:
                await session.set_variable("HUAWU_TEST", "x" * 1000)

    tasks, files = len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        await line.call(dialogue)
    assert line.server.counters.open == 20
    asterisk.kill()
    await until(lambda: len(line.errors) == 20)
    assert {type(error) for error in line.errors} == {AgiConnectionLost}
    await until(lambda: line.server.counters.open == 0)
    assert line.server.counters.lost == 20
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
    await asyncio.to_thread(asterisk.start)
    await until(lambda: line.link.is_up and line.link.counters.logins == 2, 20)
    await line.call(lambda session: session.set_variable("HUAWU_NEXT", "wait"))
    assert (await line.report("Done")).get("Next") == "wait"


@pytest.mark.parametrize("far, limit, key", [("speaks", 3, ""), ("ends", 60, "#")])
async def test_a_message_ends_at_its_limit_and_at_a_key(line, tmp_path, far, limit, key):
    """Who sent nothing leaves nothing."""
    kept = []

    async def dialogue(session):
        speech = AgiLine(session, tmp_path)
        kept.append(await speech.record("voicemail", seconds=limit, silence=2, end_keys="#"))

    await line.call(dialogue, far=far)
    await line.report("Done")
    assert line.errors == []
    assert kept[0].key == key
    assert bool(kept[0].file) == (far == "speaks")


async def test_who_hangs_up_while_speaking_leaves_what_was_said(line, tmp_path):
    kept = []

    async def dialogue(session):
        speech = AgiLine(session, tmp_path)
        kept.append(await speech.record("voicemail", seconds=60, silence=5, end_keys="#"))
        await speech.wait_digit(1)

    def written():
        return [file for file in tmp_path.rglob("*.wav") if file.stat().st_size > 48_000]

    session = await line.call(dialogue, far="speaks")
    await until(written, 15)
    await line.hang_up(session)
    await until(lambda: line.errors, 10)
    assert isinstance(line.errors[0], CallerGone)
    assert kept[0].seconds > 2
    with wave.open(str(tmp_path / kept[0].file)) as sound:  # whole, with its lengths
        assert sound.getnframes() / sound.getframerate() == kept[0].seconds
