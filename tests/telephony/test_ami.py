import asyncio
import hashlib
import logging
import re

import pytest

from telephony.ami import EVENTS_A_TURN, AmiDown, AmiLink, AmiRefused, AmiTimeout
from tests.telephony.until import until

HANGUP = (
    "Event: Hangup\r\nChannel: PJSIP/a-1\r\nUniqueid: 1.{number}\r\nCallerIDName: 王小明\r\n\r\n"
)


def field(action, name):
    """The value of a field in an action's text."""
    found = re.search(rf"^{name}: (.*)\r$", action, re.MULTILINE)
    return found[1] if found else ""


class FakeAsterisk:
    """A manager port that logs in and then does as the test says.

    ``answers`` maps an action's name to text with ``{id}`` in it, or to None for no answer.
    """

    def __init__(self):
        self.actions = []
        self.answers = {}
        self.greeting = "Asterisk Call Manager/11.0.0\r\n"
        self.secret = "secret"
        self.boots = True
        self.writers = []
        self.port = 0

    async def start(self, port=0):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        self.cut()
        await self.server.wait_closed()

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def serve(self, reader, writer):
        self.writers.append(writer)
        writer.write(self.greeting.encode())
        try:
            while True:
                action = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.actions.append(action)
                self.answer(writer, action)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self, writer, action):
        name, action_id = field(action, "Action"), field(action, "ActionID")
        if name in self.answers:
            if self.answers[name] is not None:
                writer.write(self.answers[name].replace("{id}", action_id).encode())
            return
        text = f"Response: Success\r\nActionID: {action_id}\r\n"
        if name == "Challenge":
            text += "Challenge: 4711\r\n"
        if name == "Login":
            key = hashlib.md5(f"4711{self.secret}".encode()).hexdigest()
            if field(action, "Key") != key and field(action, "Secret") != self.secret:
                text = text.replace("Success", "Error") + "Message: Authentication failed\r\n"
            elif self.boots:
                text += "\r\nEvent: FullyBooted\r\nStatus: Fully Booted\r\n"
        writer.write(f"{text}\r\n".encode())

    def send(self, text):
        self.writers[-1].write(text if isinstance(text, bytes) else text.encode())

    def sent(self, name):
        return [action for action in self.actions if field(action, "Action") == name]


class Room:
    """The side that uses the link: remembers everything that it was told."""

    def __init__(self):
        self.story = []
        self.on_up_does = None

    def on_event(self, message):
        self.story.append(message.get("Uniqueid") or message.name)

    async def on_up(self):
        self.story.append("up")
        if self.on_up_does:
            await self.on_up_does()

    def on_down(self):
        self.story.append("down")


@pytest.fixture
async def asterisk():
    fake = FakeAsterisk()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def room():
    return Room()


@pytest.fixture
async def connect(asterisk, room):
    """Makes a link to the fake and runs it until the test ends."""
    running = []

    def make(**options):
        link = AmiLink(
            **{
                "host": "127.0.0.1",
                "port": asterisk.port,
                "username": "controller",
                "secret": "secret",
                "on_event": room.on_event,
                "on_up": room.on_up,
                "on_down": room.on_down,
                "wanted": frozenset({"Hangup", "Newchannel"}),
                "back_off": (0.01, 0.05),
                **options,
            }
        )
        running.append(asyncio.create_task(link.run()))
        return link

    yield make
    for task in running:
        task.cancel()
    results = await asyncio.gather(*running, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results), results


@pytest.fixture
async def link(connect):
    made = connect()
    await until(lambda: made.is_up)
    return made


class TestLogin:
    async def test_the_secret_stays_off_the_wire(self, asterisk, link):
        assert link.version == "11.0.0"
        assert link.fault == ""
        assert [field(action, "Action") for action in asterisk.actions] == ["Challenge", "Login"]
        assert not any("secret" in action for action in asterisk.actions)

    async def test_plain_login(self, asterisk, connect):
        link = connect(login="plain")
        await until(lambda: link.is_up)
        assert field(asterisk.actions[0], "Secret") == "secret"

    async def test_a_wrong_secret_is_named_and_tried_again(self, asterisk, connect, caplog):
        link = connect(secret="wrong")
        await until(lambda: len(asterisk.sent("Login")) > 2)
        assert "Authentication failed" in link.fault
        assert not link.is_up
        assert len([r for r in caplog.records if "Authentication" in r.message]) == 1
        asterisk.secret = "wrong"
        await until(lambda: link.is_up)

    async def test_it_begins_when_asterisk_is_fully_booted(self, asterisk, room, connect):
        asterisk.boots = False
        link = connect()
        await until(lambda: asterisk.sent("Login"))
        await link.action("Ping")
        assert room.story == []
        asterisk.send("Event: FullyBooted\r\n\r\n")
        await until(lambda: room.story == ["up"])

    async def test_a_peer_that_cuts_the_login_short_is_left_at_once(self, asterisk, connect):
        asterisk.answers["Challenge"] = None
        link = connect(login_seconds=60)
        await until(lambda: asterisk.sent("Challenge"))
        asterisk.cut()
        await until(lambda: len(asterisk.sent("Challenge")) == 2, 2)
        assert "lost" in link.fault

    async def test_a_peer_that_says_nothing_is_left(self, asterisk, connect):
        asterisk.greeting = ""
        link = connect(login_seconds=0.05)
        await until(lambda: "in time" in link.fault)

    async def test_a_peer_that_never_boots_is_left(self, asterisk, room, connect):
        asterisk.boots = False
        link = connect(boot_seconds=0.05)
        await until(lambda: "in time" in link.fault)
        assert room.story == []

    async def test_a_peer_that_is_no_asterisk_is_left(self, asterisk, connect):
        asterisk.greeting = "x" * 100_000
        link = connect()
        await until(lambda: link.fault.startswith("Asterisk closed"))

    async def test_nobody_listens(self, asterisk, connect):
        await asterisk.stop()
        link = connect()
        await until(lambda: link.fault not in {"", "not started"})
        with pytest.raises(AmiDown):
            await link.action("Ping")
        await asterisk.start(asterisk.port)
        await until(lambda: link.is_up)


class TestEvents:
    async def test_wanted_ones_arrive_in_order_and_others_are_counted(self, asterisk, room, link):
        for number in range(500):
            asterisk.send(HANGUP.format(number=number) + "Event: VarSet\r\nVariable: X\r\n\r\n")
        await until(lambda: link.counters.delivered == 500)
        assert room.story == ["up", *(f"1.{number}" for number in range(500))]
        assert link.counters.events == 1001  # FullyBooted too
        assert link.counters.unwanted == 501

    async def test_events_wait_until_the_link_is_reconciled(self, asterisk, room, connect):
        async def reconcile():
            asterisk.send(HANGUP.format(number=1))
            await link.action("Ping")
            room.story.append("reconciled")

        room.on_up_does = reconcile
        link = connect()
        await until(lambda: link.counters.delivered)
        assert room.story == ["up", "reconciled", "1.1"]

    async def test_a_failed_reconciliation_is_tried_again(self, asterisk, room, connect):
        async def fail():
            if room.story.count("up") < 3:
                raise RuntimeError("no database")

        room.on_up_does = fail
        link = connect()
        await until(lambda: link.is_up)
        assert room.story == ["up", "down", "up", "down", "up"]
        assert link.counters.callback_failures == 2

    async def test_hostile_and_broken_ones_are_dropped_and_counted(self, asterisk, room, link):
        asterisk.send("Event: Hangup\r\nUniqueid: 1\r\nUniqueid: 2\r\n\r\n")
        asterisk.send("Something: else\r\n\r\n\0\xff\r\n\r\nEvent:Hangup\r\n\r\n")
        asterisk.send("Response: Success\r\nActionID: guessed\r\n\r\n")
        asterisk.send(b"Event: Hangup\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
        asterisk.send(b"Event: Hangup\n\nEvent: Hangup\n\n\r\n\r\n")
        asterisk.send(HANGUP.format(number=9))
        await until(lambda: link.counters.delivered)
        assert room.story == ["up", "1.9"]
        counters = link.counters
        assert (counters.hostile, counters.malformed, counters.oversized) == (1, 3, 1)
        assert counters.unmatched == 1
        assert link.is_up

    async def test_an_exception_in_a_callback_ends_nothing(self, asterisk, room, connect, caplog):
        def fail(message):
            room.on_event(message)
            raise RuntimeError("a bug")

        link = connect(on_event=fail)
        await until(lambda: link.is_up)
        asterisk.send(HANGUP.format(number=1) + HANGUP.format(number=2))
        await until(lambda: link.counters.delivered == 2)
        assert room.story == ["up", "1.1", "1.2"]
        assert link.counters.callback_failures == 2
        assert link.is_up

    async def test_too_many_for_their_reader_end_in_a_new_reconciliation(self, room, connect):
        link = connect(queue_limit=100)
        await until(lambda: link.is_up)
        link._connection.data_received((HANGUP.format(number=1) * 150).encode())
        await until(lambda: link.counters.logins == 2 and link.is_up)
        assert room.story == ["up", "down", "up"]  # and nothing of what came after the gap
        assert (link.counters.overflows, link.counters.delivered) == (1, 0)

    async def test_a_flood_leaves_the_event_loop_free(self, asterisk, room, connect):
        gate = asyncio.Event()
        room.on_up_does = gate.wait
        link = connect()
        await until(lambda: room.story == ["up"])
        asterisk.send(HANGUP.format(number=1) * 2000)
        await until(lambda: link.counters.events == 2001)
        gate.set()
        turns = 0
        while link.counters.delivered < 2000:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 2000 / EVENTS_A_TURN

    async def test_events_of_a_lost_link_are_not_told_on_the_next(self, asterisk, room, connect):
        gate = asyncio.Event()
        room.on_up_does = gate.wait
        link = connect()
        await until(lambda: room.story == ["up"])
        asterisk.send(HANGUP.format(number=1) * 3)
        await until(lambda: link.counters.events == 4)
        asterisk.cut()
        await until(lambda: room.story == ["up", "down", "up"])
        gate.set()
        await until(lambda: link.is_up)
        asterisk.send(HANGUP.format(number=2))
        await until(lambda: link.counters.delivered)
        assert room.story == ["up", "down", "up", "1.2"]


class TestActions:
    async def test_an_answer(self, asterisk, link):
        asterisk.answers["Getvar"] = "Response: Success\r\nActionID: {id}\r\nValue: 好\r\n\r\n"
        answer = await link.action("Getvar", [("Channel", "a"), ("Variable", "X")])
        assert answer.get("Value") == "好"
        sent = asterisk.actions[-1]
        assert re.match(r"Action: Getvar\r\nActionID: \S{16}\r\nChannel: a\r\n", sent)

    async def test_answers_find_their_actions_in_any_order(self, asterisk, link):
        asterisk.answers["Slow"] = None
        slow = asyncio.create_task(link.action("Slow"))
        await until(lambda: asterisk.sent("Slow"))
        await link.action("Ping")
        action_id = field(asterisk.sent("Slow")[0], "ActionID")
        asterisk.send(f"Response: Success\r\nActionID: {action_id}\r\n\r\n")
        assert (await slow).get("ActionID") == action_id

    async def test_action_ids_cannot_be_guessed(self, asterisk, link):
        for _ in range(20):
            await link.action("Ping")
        assert len({field(action, "ActionID") for action in asterisk.actions}) == 22

    async def test_a_refusal(self, asterisk, link):
        asterisk.answers["Redirect"] = (
            "Response: Error\r\nActionID: {id}\r\nMessage: No such\r\n\r\n"
        )
        with pytest.raises(AmiRefused, match="Redirect: No such") as refused:
            await link.action("Redirect")
        assert refused.value.response.get("Message") == "No such"
        assert link.counters.refusals == 1

    async def test_what_is_posted_leaves_before_the_next_action(self, asterisk, link):
        link.post("Setvar", [("Channel", "a"), ("Variable", "X"), ("Value", "好")])
        link.post("QueueLog", [("Queue", "q")])
        await link.action("Redirect")
        names = [field(action, "Action") for action in asterisk.actions[2:]]
        assert names == ["Setvar", "QueueLog", "Redirect"]
        assert link._waiting == {}
        assert link.counters.unmatched == 0

    async def test_what_is_posted_leaves_by_itself_too(self, asterisk, link):
        link.post("QueueLog", [("Queue", "q")])
        await until(lambda: asterisk.sent("QueueLog"))
        link.post("QueueLog", [("Queue", "r")])
        await until(lambda: len(asterisk.sent("QueueLog")) == 2)

    async def test_a_posted_action_that_is_refused_is_counted_and_logged(
        self, asterisk, link, caplog
    ):
        asterisk.answers["QueueLog"] = (
            "Response: Error\r\nActionID: {id}\r\nMessage: No such queue\r\n\r\n"
        )
        link.post("QueueLog", [("Queue", "q")])
        await until(lambda: link.counters.refusals == 1)
        assert "QueueLog refused: No such queue" in caplog.text

    async def test_nothing_is_posted_without_a_link_or_a_right(self, asterisk, link, monkeypatch):
        monkeypatch.setattr(link, "_permitted", lambda name: name != "Setvar")
        with pytest.raises(AmiDown, match="not ours"):
            link.post("Setvar")
        asterisk.cut()
        await until(lambda: not link.is_up)
        with pytest.raises(AmiDown):
            link.post("QueueLog")

    async def test_no_answer_in_time(self, asterisk, link):
        asterisk.answers["Slow"] = None
        with pytest.raises(AmiTimeout):
            await link.action("Slow", deadline=0.02)
        action_id = field(asterisk.sent("Slow")[0], "ActionID")
        asterisk.send(f"Response: Success\r\nActionID: {action_id}\r\n\r\n")
        await until(lambda: link.counters.unmatched == 1)
        assert link.is_up
        assert link._waiting == {}

    async def test_what_must_not_go_on_the_wire_does_not(self, asterisk, link):
        with pytest.raises(ValueError, match="control character"):
            await link.action("Hangup", [("Channel", "a\r\n\r\nAction: Command")])
        await link.action("Ping")
        assert [field(action, "Action") for action in asterisk.actions[2:]] == ["Ping"]
        assert link._waiting == {}

    async def test_a_lost_link_fails_what_is_on_its_way_and_resends_nothing(
        self, asterisk, room, link
    ):
        asterisk.answers["Originate"] = asterisk.answers["Status"] = None
        originate = asyncio.create_task(link.action("Originate"))
        listing = asyncio.create_task(link.list("Status"))
        await until(lambda: asterisk.sent("Originate") and asterisk.sent("Status"))
        asterisk.cut()
        with pytest.raises(AmiDown):
            await originate
        with pytest.raises(AmiDown):
            await listing
        await until(lambda: link.counters.logins == 2 and link.is_up)
        await link.action("Ping")
        assert len(asterisk.sent("Originate")) == 1
        assert room.story == ["up", "down", "up"]
        assert link.counters.losses == 1

    async def test_a_list(self, asterisk, link):
        asterisk.answers["Status"] = (
            "Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n"
            "Event: Hangup\r\nUniqueid: 1.1\r\n\r\n"  # not of the list
            "Event: Status\r\nActionID: {id}\r\nChannel: a\r\nVariable: HUAWU_CONTACT=1\r\n\r\n"
            "Event: Status\r\nActionID: other\r\nChannel: x\r\n\r\n"
            "Event: Status\r\nActionID: {id}\r\nChannel: b\r\n\r\n"
            "Event: StatusComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: 2\r\n\r\n"
        )
        items = await link.list("Status")
        assert [item.get("Channel") for item in items] == ["a", "b"]
        assert items[0].variables("Variable") == {"HUAWU_CONTACT": "1"}
        await until(lambda: link.counters.delivered == 1)

    async def test_a_list_that_never_ends_and_one_that_is_refused(self, asterisk, link):
        asterisk.answers["Status"] = (
            "Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n"
        )
        with pytest.raises(AmiTimeout):
            await link.list("Status", deadline=0.02)
        asterisk.answers["Status"] = "Response: Error\r\nActionID: {id}\r\nMessage: None\r\n\r\n"
        with pytest.raises(AmiRefused):
            await link.list("Status")

    async def test_a_hostile_item_is_left_out(self, asterisk, link):
        asterisk.answers["Status"] = (
            "Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n"
            "Event: Status\r\nActionID: {id}\r\nChannel: a\r\nChannel: b\r\n\r\n"
            "Event: StatusComplete\r\nActionID: {id}\r\nEventList: Complete\r\n\r\n"
        )
        assert await link.list("Status") == []
        assert link.counters.hostile == 1


class TestSilence:
    async def test_a_silent_link_is_asked_for_a_sign_of_life(self, asterisk, connect):
        link = connect(silence=0.02)
        await until(lambda: len(asterisk.sent("Ping")) > 2)
        assert link.counters.logins == 1

    async def test_a_dead_one_is_dropped(self, asterisk, room, connect, monkeypatch):
        asterisk.answers["Ping"] = None
        link = connect(silence=0.02, ping_seconds=0.02)
        await until(lambda: room.story[:3] == ["up", "down", "up"])
        assert link.counters.losses >= 1


async def test_a_cancelled_link_is_closed(asterisk, room):
    link = AmiLink(
        host="127.0.0.1", port=asterisk.port, username="u", secret="secret",
        on_event=room.on_event, on_up=room.on_up, on_down=room.on_down, wanted=frozenset(),
    )  # fmt: skip
    task = asyncio.create_task(link.run())
    await until(lambda: link.is_up)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert room.story == ["up", "down"]
    assert not link.is_up
    with pytest.raises(AmiDown):
        await link.action("Ping")


async def test_nothing_of_a_caller_or_a_secret_is_logged(asterisk, link, room, caplog):
    caplog.set_level(logging.DEBUG)
    asterisk.send(HANGUP.format(number=1).replace("王小明", "13800138000"))
    await until(lambda: link.counters.delivered)
    await link.action("Setvar", [("Variable", "A"), ("Value", "13800138000")])
    asterisk.cut()
    await until(lambda: link.counters.logins == 2)
    assert "13800138000" not in caplog.text
    assert "secret" not in caplog.text
