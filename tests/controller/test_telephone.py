"""What goes over the manager link, against a manager port that answers as Asterisk does."""

import asyncio
import contextlib

import pytest

from controller.telephone import CONTEXTS, Telephone
from ivr.prompts import prompt_path
from telephony.clock import Clock
from telephony.commands import (
    EnterRoom,
    KeepEntry,
    LeaveMessage,
    MirrorAgent,
    MoveCaller,
    OfferContact,
    ReturnToWaiting,
    SayGoodbye,
    TakePicture,
    WriteQueueLog,
)
from telephony.events import LegHungUp, PictureTaken
from tests.telephony.test_ami import FakeAsterisk, field
from tests.telephony.until import until

NUMBER, AGI = 7, "agi://127.0.0.1:4574"
OFFER = OfferContact(
    contact="huawu-1.1", channel="PJSIP/trunk-1", agent="8001", offer=2, ring=15, label="物流"
)


def listing(*items: str) -> str:
    """A list answer: start, items, end."""
    events = "".join(f"Event: {item}\r\nActionID: {{id}}\r\n\r\n" for item in items)
    return (
        "Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n"
        f"{events}Event: ListDone\r\nActionID: {{id}}\r\nEventList: Complete\r\n\r\n"
    )


class Line:
    """A telephone on a fake Asterisk, and what the rooms heard of it."""

    def __init__(self, asterisk: FakeAsterisk) -> None:
        self.asterisk = asterisk
        self.heard: list[object] = []
        self.ups = 0
        self.may_act = True
        self.heard_of_newer: list[object] = []
        self.told: set[str] = set()
        asterisk.answers |= {
            "ShowDialPlan": listing("ListDialplan\r\nContext: x"),
            "Status": listing(
                "Status\r\nChannel: PJSIP/trunk-1\r\nUniqueid: huawu-1.1\r\nContext: huawu-wait\r\n"
                "ChanVariable: HUAWU_CONTACT=huawu-1.1\r\nVariable: HUAWU_QUEUE=order"
            ),
            "DeviceStateList": listing(
                "DeviceStateChange\r\nDevice: PJSIP/agent8002\r\nState: NOT_INUSE"
            ),
        }
        self.telephone = Telephone(
            host="127.0.0.1",
            port=asterisk.port,
            secret="secret",
            clock=Clock(),
            queues=["order", "vip"],
            hear=self.heard.append,
            up=self._up,
            may_act=lambda: self.may_act,
            newer=lambda: self.heard_of_newer.append(1),
            is_told=lambda channel: channel in self.told,
        )

    def _up(self) -> None:
        self.ups += 1

    def actions(self, *names: str) -> list[list[str]]:
        """The fields of the sent actions of these names, in order, without their ids."""
        found = [
            action
            for action in self.asterisk.actions
            if field(action, "Action") in names and "Variable: AGI" not in action
            and "Variable: HUAWU_LEADER" not in action
        ]  # fmt: skip
        return [
            [line for line in action.split("\r\n") if line and not line.startswith("ActionID")]
            for action in found
        ]


@pytest.fixture
async def line():
    asterisk = FakeAsterisk()
    await asterisk.start()
    line = Line(asterisk)
    await line.telephone.lead(NUMBER, AGI)
    running = asyncio.create_task(line.telephone.run())
    try:
        await until(lambda: line.ups)
        yield line
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asterisk.stop()


async def test_first_the_contexts_then_a_picture_then_service(line: Line) -> None:
    shown = [field(action, "Context") for action in line.asterisk.sent("ShowDialPlan")]
    assert shown == list(CONTEXTS)
    (picture,) = line.heard
    assert isinstance(picture, PictureTaken)
    assert [leg.contact for leg in picture.legs] == ["huawu-1.1"]
    assert picture.phones == {"8002"}
    assert line.telephone.is_reconciled


async def test_an_offer_sets_the_label_and_then_redirects(line: Line) -> None:
    line.telephone.carry_out(OFFER)
    await until(lambda: line.actions("Redirect"))
    assert line.actions("Setvar", "Redirect") == [
        ["Action: Setvar", "Channel: PJSIP/trunk-1", "Variable: HUAWU_LABEL", "Value: 物流"],
        ["Action: Redirect", "Channel: PJSIP/trunk-1", "Context: huawu-offer",
         "Exten: 8001*2*15", "Priority: 1"],
    ]  # fmt: skip


async def test_back_to_waiting(line: Line) -> None:
    line.telephone.carry_out(ReturnToWaiting(contact="huawu-1.1", channel="PJSIP/trunk-1"))
    await until(lambda: line.actions("Redirect"))
    assert line.actions("Redirect")[0][2:4] == ["Context: huawu-wait", "Exten: w"]


async def test_a_limit_ends_the_waiting_at_once(line: Line) -> None:
    caller = {"contact": "huawu-1.1", "channel": "PJSIP/trunk-1"}
    line.telephone.carry_out(MoveCaller(**caller, step=LeaveMessage(language="en")))
    await until(lambda: line.actions("Redirect"))
    line.telephone.carry_out(MoveCaller(**caller, step=SayGoodbye(say=("closed",), language="en")))
    await until(lambda: len(line.actions("Redirect")) == 2)
    message, words, bye = line.actions("Setvar", "Redirect")
    assert message[2:4] == ["Context: huawu-message", "Exten: s"]
    assert words[2:] == ["Variable: HUAWU_SAY", f"Value: {prompt_path('closed', 'en')}"]
    assert bye[2:4] == ["Context: huawu-bye", "Exten: s"]


async def test_a_moved_entry_is_on_the_channel_before_the_offer(line: Line) -> None:
    line.telephone.carry_out(
        KeepEntry(
            contact="huawu-1.1", channel="PJSIP/trunk-1", queue="order", queued=1000.5,
            priority=7, language="en", music="default",
        )
    )  # fmt: skip
    line.telephone.carry_out(OFFER)
    await until(lambda: line.actions("Redirect"))
    sent = [" ".join(part.split(": ")[1] for part in action[2:])
            for action in line.actions("Setvar", "Redirect")]  # fmt: skip
    assert [word for word in sent[:-1] if not word.startswith("HUAWU_LABEL")] == [
        "HUAWU_ENQUEUED 1000.500", "HUAWU_PRIORITY 7", "HUAWU_LANGUAGE en",
        "HUAWU_MUSIC default", "HUAWU_RECORD ", "HUAWU_QUEUE order",
    ]  # fmt: skip
    assert sent[-1].startswith("huawu-offer")


async def test_a_refused_move_is_not_repeated_but_looked_at(line: Line) -> None:
    line.asterisk.answers["Redirect"] = (
        "Response: Error\r\nActionID: {id}\r\nMessage: Channel does not exist\r\n\r\n"
    )
    line.telephone.carry_out(OFFER)
    await until(lambda: len(line.heard) == 2)
    assert isinstance(line.heard[1], PictureTaken)
    assert len(line.actions("Redirect")) == 1


async def test_a_caller_whose_dialplan_is_just_told_something_is_moved_after_it(line: Line) -> None:
    line.told.add(OFFER.channel)
    line.telephone.carry_out(OFFER)
    other = ReturnToWaiting(contact="huawu-1.2", channel="PJSIP/trunk-2")
    line.telephone.carry_out(other)
    await until(lambda: line.actions("Redirect"))
    assert [action[1] for action in line.actions("Redirect")] == ["Channel: PJSIP/trunk-2"]
    line.told.clear()
    await until(lambda: len(line.actions("Redirect")) == 2)


GETVAR = "Response: Success\r\nActionID: {{id}}\r\nVariable: BRIDGEPEER\r\nValue: {}\r\n\r\n"
TAKE_OVER = EnterRoom(
    contact="huawu-1.1", legs=("PJSIP/agent8002-1",), released="PJSIP/agent8001-1"
)


async def test_a_leg_that_has_just_answered_is_moved_when_it_is_in_its_bridge(line: Line) -> None:
    line.asterisk.answers["Getvar"] = GETVAR.format("")
    line.telephone.carry_out(TAKE_OVER)
    await until(lambda: len(line.actions("Getvar")) > 1)
    assert line.actions("Getvar")[0][1:] == [
        "Channel: PJSIP/agent8002-1", "Variable: BRIDGEPEER",
    ]  # fmt: skip
    assert not line.actions("Redirect")
    line.asterisk.answers["Getvar"] = GETVAR.format("PJSIP/agent8001-1")
    await until(lambda: line.actions("Redirect"))


async def test_a_leg_that_is_in_no_bridge_is_moved_a_little_later(line: Line) -> None:
    line.asterisk.answers["Getvar"] = GETVAR.format("")
    line.telephone.carry_out(TAKE_OVER)
    await until(lambda: line.actions("Redirect"))


async def test_a_row_of_the_queue_log(line: Line) -> None:
    line.telephone.carry_out(
        WriteQueueLog(contact="huawu-1.1", queue="order", agent="", event="ABANDON", words="1|1|9")
    )
    await until(lambda: line.actions("QueueLog"))
    assert line.actions("QueueLog")[0][1:] == [
        "Queue: huawu-order", "Event: ABANDON", "Uniqueid: huawu-1.1", "Interface: NONE",
        "Message: 1|1|9",
    ]  # fmt: skip


async def test_a_picture_on_request(line: Line) -> None:
    line.telephone.carry_out(TakePicture(why="test"))
    await until(lambda: len(line.heard) == 2)


async def test_events_are_heard_and_a_lost_phone_is_looked_at_first(line: Line) -> None:
    line.asterisk.send(
        "Event: Hangup\r\nChannel: PJSIP/trunk-1\r\nUniqueid: huawu-1.1\r\nCause: 16\r\n"
        "ChanVariable: HUAWU_CONTACT=huawu-1.1\r\n\r\n"
        "Event: ContactStatus\r\nEndpointName: agent8001\r\nContactStatus: Removed\r\n\r\n"
    )
    await until(lambda: len(line.heard) == 3)
    assert isinstance(line.heard[1], LegHungUp)
    assert isinstance(line.heard[2], PictureTaken)


async def test_the_mirror_tells_what_changed_and_no_more(line: Line) -> None:
    def mirror(*queues: str, paused: bool) -> None:
        line.telephone.carry_out(
            MirrorAgent(agent="8001", queues=frozenset(queues), paused=paused, reason="")
        )

    def told() -> list[str]:
        return [
            " ".join(word.split(": ")[1] for word in action)
            for action in line.actions("QueueAdd", "QueueRemove", "QueuePause")
        ]

    phone = "PJSIP/agent8001"
    mirror("order", paused=True)
    first = [f"QueueRemove huawu-vip {phone}", f"QueueAdd huawu-order {phone}",
             f"QueuePause {phone} 1 "]  # fmt: skip
    await until(lambda: len(told()) == 3)
    assert told() == first
    mirror("order", paused=False)
    await until(lambda: len(told()) == 4)
    assert told()[3] == f"QueuePause {phone} 0 "
    mirror(paused=False)
    await until(lambda: len(told()) == 5)
    assert told()[4] == f"QueueRemove huawu-order {phone}"


async def test_after_a_loss_everything_is_compared_anew(line: Line) -> None:
    line.asterisk.cut()
    await until(lambda: not line.telephone.is_reconciled)
    await until(lambda: line.ups == 2)
    assert line.telephone.is_reconciled
    assert len([event for event in line.heard if isinstance(event, PictureTaken)]) == 2


async def test_a_strange_dialplan_is_never_served() -> None:
    asterisk = FakeAsterisk()
    await asterisk.start()
    line = Line(asterisk)
    asterisk.answers["ShowDialPlan"] = (
        "Response: Error\r\nActionID: {id}\r\nMessage: Did not find context\r\n\r\n"
    )
    running = asyncio.create_task(line.telephone.run())
    await until(lambda: len(asterisk.sent("Login")) >= 2)  # dropped, and tried again
    assert line.ups == 0
    assert not line.telephone.is_reconciled
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await asterisk.stop()


def globals_told(asterisk: FakeAsterisk) -> list[tuple[str, str]]:
    """The global variables that were set, with their values."""
    return [
        (field(action, "Variable"), field(action, "Value"))
        for action in asterisk.sent("Setvar")
        if "Channel:" not in action
    ]


async def test_who_leads_points_the_dialplan_at_itself(line: Line) -> None:
    assert globals_told(line.asterisk) == [("HUAWU_LEADER", "7"), ("AGI", AGI)]


async def test_who_stands_by_changes_nothing_until_it_leads() -> None:
    asterisk = FakeAsterisk()
    await asterisk.start()
    line = Line(asterisk)
    running = asyncio.create_task(line.telephone.run())
    try:
        await until(lambda: line.telephone.link.is_up)
        assert not line.telephone.is_reconciled
        assert not asterisk.sent("Setvar")
        assert not asterisk.sent("Status")
        await line.telephone.lead(NUMBER, AGI)
        assert line.telephone.is_reconciled
        assert line.ups == 1
        assert globals_told(asterisk) == [("HUAWU_LEADER", "7"), ("AGI", AGI)]
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asterisk.stop()


async def test_who_lost_the_lease_sends_nothing_more(line: Line) -> None:
    sent = len(line.asterisk.actions)
    line.may_act = False
    line.telephone.carry_out(OFFER)
    line.telephone.carry_out(ReturnToWaiting(contact="huawu-1.1", channel="PJSIP/trunk-1"))
    await until(lambda: len(line.heard) == 2)  # both failed, so a picture was taken
    assert {field(action, "Action") for action in line.asterisk.actions[sent:]} <= {
        "Status", "DeviceStateList",
    }  # fmt: skip


async def test_a_newer_leader_is_heard_of_and_not_overwritten() -> None:
    asterisk = FakeAsterisk()
    asterisk.answers["Getvar"] = (
        "Response: Success\r\nActionID: {id}\r\nVariable: x\r\nValue: 8\r\n\r\n"
    )
    await asterisk.start()
    line = Line(asterisk)
    await line.telephone.lead(NUMBER, AGI)
    running = asyncio.create_task(line.telephone.run())
    try:
        await until(lambda: line.ups)
        assert line.heard_of_newer
        assert await line.telephone.leader_told() == 8
        assert not globals_told(asterisk)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asterisk.stop()


async def test_callers_in_a_hung_controllers_menu_begin_it_anew() -> None:
    asterisk = FakeAsterisk()
    await asterisk.start()
    line = Line(asterisk)
    asterisk.answers["Status"] = listing(
        "Status\r\nChannel: PJSIP/trunk-9\r\nUniqueid: huawu-9.9\r\nContext: huawu-menu\r\n"
        "Application: AGI\r\nChanVariable: HUAWU_CONTACT=huawu-9.9"
    )
    await line.telephone.lead(NUMBER, AGI)
    running = asyncio.create_task(line.telephone.run())
    try:
        await until(lambda: line.actions("Redirect"))
        assert line.actions("Redirect") == [
            ["Action: Redirect", "Channel: PJSIP/trunk-9", "Context: huawu-menu", "Exten: s",
             "Priority: 1"]
        ]  # fmt: skip
        asterisk.cut()  # ours by now: a lost link is no reason to begin anew
        await until(lambda: line.ups == 2)
        await asyncio.sleep(0.2)
        assert len(line.actions("Redirect")) == 1
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await asterisk.stop()
