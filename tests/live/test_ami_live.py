"""The manager link on a real Asterisk; calls are made of Local channels."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from telephony.ami import AmiDown, AmiLink, AmiRefused, variable_field
from telephony.ami_codec import FIELD_LIMIT, VALUE_LIMIT
from tests.live.bare_asterisk import BareAsterisk, bare_asterisk
from tests.telephony.until import until

pytestmark = pytest.mark.live

DIALPLAN = """
[calls]
exten => caller,1,Answer()
 same => n,Set(__HUAWU_CONTACT=${UNIQUEID})
 same => n,UserEvent(HuawuLanded,Contact: ${HUAWU_CONTACT},Name: ${CALLERID(name)})
 same => n,MusicOnHold(default,60)
exten => far,1,Answer()
 same => n,Wait(60)
exten => other,1,UserEvent(HuawuMoved)
 same => n,Wait(60)
"""
WANTED = frozenset({"Newchannel", "Hangup", "UserEvent", "OriginateResponse"})


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory) -> Iterator[BareAsterisk]:
    with bare_asterisk(tmp_path_factory.mktemp("asterisk"), DIALPLAN) as running:
        yield running


class Watcher:
    """A running link and the events it brought."""

    def __init__(self, asterisk: BareAsterisk, **options):
        self.events = []
        self.ups = 0
        self.downs = 0
        self.link = AmiLink(
            **{
                "host": "127.0.0.1",
                "port": asterisk.ami_port,
                "username": "controller",
                "secret": asterisk.secret,
                "on_event": self.events.append,
                "on_up": self.on_up,
                "on_down": self.on_down,
                "wanted": WANTED,
                "back_off": (0.05, 0.3),
                **options,
            }
        )

    async def on_up(self):
        self.ups += 1

    def on_down(self):
        self.downs += 1

    def named(self, name, user_event=""):
        return [e for e in self.events if e.name == name and user_event in e.get("UserEvent")]

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.link.run())
        try:
            await until(lambda: self.link.is_up)
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def call(self, **extra):
        """A caller in the waiting music; the Newchannel event of its channel."""
        before = len(self.named("UserEvent", "HuawuLanded"))
        await self.link.action(
            "Originate",
            [
                ("Channel", "Local/far@calls"),
                ("Context", "calls"),
                ("Exten", "caller"),
                ("Priority", "1"),
                ("Async", "true"),
                *extra.items(),
            ],
        )
        await until(lambda: len(self.named("UserEvent", "HuawuLanded")) > before)
        return self.named("UserEvent", "HuawuLanded")[-1]


@pytest.fixture
async def watcher(asterisk) -> AsyncIterator[Watcher]:
    async with Watcher(asterisk).running() as running:
        yield running
        for channel in await running.link.list("CoreShowChannels"):
            with contextlib.suppress(AmiRefused):
                await running.link.action("Hangup", [("Channel", channel.get("Channel"))])


async def test_logging_in(watcher):
    assert watcher.link.version
    assert watcher.link.fault == ""
    assert watcher.ups == 1
    assert (await watcher.link.action("Ping")).get("Ping") == "Pong"


async def test_plain_login(asterisk):
    async with Watcher(asterisk, login="plain").running() as watcher:
        assert (await watcher.link.action("Ping")).get("Ping") == "Pong"


async def test_a_wrong_secret(asterisk):
    watcher = Watcher(asterisk, secret="wrong")
    task = asyncio.create_task(watcher.link.run())
    await until(lambda: "failed" in watcher.link.fault)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert watcher.ups == watcher.downs == 0


async def test_a_call_carries_its_contact_in_events_and_lists(watcher):
    landed = await watcher.call(CallerID='"王小明" <13800138000>')
    contact = landed.get("Contact")
    assert landed.get("Uniqueid") == contact
    assert landed.get("Name") == "王小明"
    items = await watcher.link.list("Status", [("Variables", "HUAWU_CONTACT")])
    mine = [item for item in items if item.get("Uniqueid") == contact]
    assert [item.get("Application") for item in mine] == ["MusicOnHold"]
    assert mine[0].variables("Variable") == {"HUAWU_CONTACT": contact}
    shown = await watcher.link.list("CoreShowChannels")
    assert {item.get("Channel") for item in shown} >= {landed.get("Channel")}
    await watcher.link.action("Hangup", [("Channel", landed.get("Channel"))])
    await until(lambda: [e for e in watcher.named("Hangup") if e.get("Uniqueid") == contact])
    hangup = next(e for e in watcher.named("Hangup") if e.get("Uniqueid") == contact)
    assert hangup.variables() == {"HUAWU_CONTACT": contact}
    counters = watcher.link.counters
    assert counters.unwanted > 10
    assert (counters.hostile, counters.malformed, counters.oversized, counters.unmatched) == (
        0,
    ) * 4


async def test_a_redirect_lands(watcher):
    landed = await watcher.call()
    await watcher.link.action(
        "Redirect",
        [
            ("Channel", landed.get("Channel")),
            ("Context", "calls"),
            ("Exten", "other"),
            ("Priority", "1"),
        ],
    )
    await until(lambda: watcher.named("UserEvent", "HuawuMoved"))
    assert watcher.named("UserEvent", "HuawuMoved")[0].get("Uniqueid") == landed.get("Uniqueid")


async def test_lists_and_refusals(watcher):
    plan = await watcher.link.list("ShowDialPlan", [("Context", "calls")])
    assert {item.get("Extension") for item in plan} >= {"caller", "far", "other"}
    with pytest.raises(AmiRefused, match="nowhere"):
        await watcher.link.list("ShowDialPlan", [("Context", "nowhere")])
    with pytest.raises(AmiRefused):
        await watcher.link.action("Hangup", [("Channel", "PJSIP/nobody-1")])
    with pytest.raises(AmiRefused):
        await watcher.link.action("NoSuchAction")
    assert await watcher.link.list("BridgeList") == []


async def test_the_longest_value_and_the_most_fields_arrive_whole(watcher):
    """The limits of the codec are below Asterisk's own."""
    value = "中" * ((VALUE_LIMIT - len("Long: ")) // 3)
    fields = [("Long", value), *((f"F{number}", str(number)) for number in range(FIELD_LIMIT - 4))]
    await watcher.link.action("UserEvent", [("UserEvent", "Test"), *fields])
    await until(lambda: watcher.named("UserEvent", "Test"))
    event = watcher.named("UserEvent", "Test")[0]
    assert event.get("Long") == value
    assert event.get(f"F{FIELD_LIMIT - 5}") == str(FIELD_LIMIT - 5)


async def test_no_second_action_hides_in_a_value(watcher):
    for value in ("x\r\n\r\nAction: Logoff", "x\nAction: Logoff", "x\r\nVariable: B=1", "x\0y"):
        with pytest.raises(ValueError, match="control"):
            await watcher.link.action("UserEvent", [("UserEvent", "Test"), ("A", value)])
    with pytest.raises(ValueError, match="variable name"):
        variable_field("FILE(/tmp/x)", "x")
    assert (await watcher.link.action("Ping")).get("Ping") == "Pong"


async def test_a_user_event_that_repeats_the_channel_is_dropped(watcher):
    """What hostile text in a number would do; the dialplan's own must not do it either."""
    await watcher.link.action(
        "UserEvent", [("UserEvent", "Test"), ("Uniqueid", "1"), ("Uniqueid", "2")]
    )
    await until(lambda: watcher.link.counters.hostile == 1)
    assert watcher.named("UserEvent", "Test") == []


async def test_thousands_of_events_arrive_in_order(asterisk, watcher):
    async with Watcher(asterisk).running() as sender:
        for begin in range(0, 3000, 500):
            await asyncio.gather(
                *(
                    sender.link.action("UserEvent", [("UserEvent", "Count"), ("N", str(number))])
                    for number in range(begin, begin + 500)
                )
            )
        await until(lambda: len(watcher.named("UserEvent", "Count")) == 3000)
    numbers = [int(event.get("N")) for event in watcher.named("UserEvent", "Count")]
    assert numbers == list(range(3000))


async def test_asterisk_is_killed_and_comes_back(asterisk, watcher):
    await watcher.call()
    asterisk.freeze()  # so that the answer is certainly missing
    pending = asyncio.create_task(
        watcher.link.action("UserEvent", [("UserEvent", "Once")], deadline=20)
    )
    await asyncio.sleep(0)
    asterisk.kill()
    with pytest.raises(AmiDown):
        await pending
    await until(lambda: watcher.downs == 1)
    with pytest.raises(AmiDown):
        await watcher.link.action("Ping")
    await asyncio.to_thread(asterisk.start)
    await until(lambda: watcher.link.is_up, 10)
    assert watcher.ups == 2
    assert await watcher.link.list("CoreShowChannels") == []
    assert watcher.named("UserEvent", "Once") == []
