"""What a caller meets where the emergency switch is on, and the feature codes for it."""

import pytest

from ivr.emergency import EVERYTHING, Action, CannotSwitch, Then
from telephony.events import CallStage, EmergencyMet, EmergencySwitched
from tests.controller.test_conversations import Centre, Channel

DELAYS = Action(say="emergency_delays")


@pytest.fixture
def centre() -> Centre:
    return Centre()


async def test_an_announcement_comes_before_the_menu_in_every_language(centre: Centre) -> None:
    centre.emergency.switch_on(EVERYTHING, DELAYS, author="mei")
    channel = await centre.run("menu", Channel(keys="12"))
    assert channel.played[:3] == ["emergency_delays", "emergency_delays", "main-greeting"]
    assert channel.variables["HUAWU_QUEUE"] == "order"
    met = [event for event in centre.told if isinstance(event, EmergencyMet)]
    assert [(m.contact, m.scope, m.say, m.then) for m in met] == [
        (channel.uniqueid, "everything", "emergency_delays", "go_on")
    ]
    centre.emergency.switch_off(EVERYTHING, author="mei")
    centre.service.stop()
    channel.uniqueid = "huawu-2.1"
    again = Channel(keys="12")
    again.uniqueid = "huawu-2.1"
    await centre.run("menu", again)
    assert again.played[0] == "main-greeting"
    centre.service.stop()


@pytest.mark.parametrize("then, word", [(Then.HANG_UP, "hangup"), (Then.VOICEMAIL, "message")])
async def test_after_it_the_call_may_end_or_leave_a_message(
    centre: Centre, then: Then, word: str
) -> None:
    centre.emergency.switch_on(EVERYTHING, Action(say="emergency_system", then=then), author="mei")
    channel = await centre.run("menu", Channel(keys="12"))
    assert channel.played == ["emergency_system", "emergency_system"]
    assert channel.set[-1] == ("HUAWU_NEXT", word)
    assert centre.service.stage(channel.uniqueid) is CallStage.MENU


async def test_in_front_of_one_queue_it_is_heard_by_its_callers_alone(centre: Centre) -> None:
    action = Action(say="emergency_delays", then=Then.HANG_UP)
    centre.emergency.switch_on("order", action, author="mei")
    channel = await centre.run("menu", Channel(keys="22"))
    assert channel.played.count("emergency_delays") == 1  # in the caller's language
    assert channel.set[-1] == ("HUAWU_NEXT", "hangup")
    assert channel.variables["HUAWU_LANGUAGE"] == "en"
    assert centre.service.stage(channel.uniqueid) is CallStage.MENU
    other = Channel(keys="14")
    other.uniqueid = "huawu-2.1"
    await centre.run("menu", other)
    assert "emergency_delays" not in other.played
    assert other.variables["HUAWU_QUEUE"] == "returns"
    centre.service.stop()


async def test_who_waits_already_stays_and_who_was_passed_on_hears_nothing(centre: Centre) -> None:
    channel = await centre.run("menu", Channel(keys="12"))
    action = Action(say="emergency_system", then=Then.HANG_UP)
    for scope in (EVERYTHING, "order"):
        centre.emergency.switch_on(scope, action, author="mei")
    again = await centre.run("menu", Channel())
    assert again.set[-1] == ("HUAWU_NEXT", "wait")
    assert "emergency_system" not in channel.played + again.played
    passed = Channel(keys="4", arguments=("13800000000", "8000", "main_menu"))
    passed.uniqueid = "huawu-2.1"
    await centre.run("menu", passed)
    assert "emergency_system" not in passed.played
    centre.service.stop()


async def test_an_announcement_that_was_lost_since_does_not_stop_the_call(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre.emergency.switch_on(EVERYTHING, DELAYS, author="mei")
    shelf = centre.menus.current.flow.shelf
    for language in shelf.voices:
        monkeypatch.delitem(shelf._prompts, ("emergency_delays", language))
    channel = await centre.run("menu", Channel(keys="12"))
    assert channel.variables["HUAWU_QUEUE"] == "order"
    centre.service.stop()


async def test_what_callers_could_not_hear_is_not_switched_on(centre: Centre) -> None:
    for scope, action, said in (
        ("order", Action(say="no_such_prompt"), "only what was recorded can be heard"),
        ("order", Action(flow="nowhere"), "there is no flow nowhere"),
        ("no_such_queue", DELAYS, "there is no queue no_such_queue"),
    ):
        with pytest.raises(CannotSwitch, match=said) as refused:
            centre.emergency.switch_on(scope, action, author="mei")
        assert refused.value.mend
    with pytest.raises(CannotSwitch, match="nothing is switched on"):
        centre.emergency.switch_off("order", author="mei")
    assert centre.emergency.history() == ()
    assert centre.told == []


async def feature(centre: Centre, code: str, agent: str, keys: str) -> list[str]:
    channel = Channel(keys=keys, arguments=(code,), HUAWU_AGENT_ID=agent)
    return (await centre.run("feature", channel)).played


async def test_a_feature_code_with_the_pin_switches_for_everything(centre: Centre) -> None:
    said = await feature(centre, "*91", "8007", "123456")
    assert said == ["agent_enter_pin", "agent_emergency_on"]
    (switch,) = centre.emergency.state()
    assert (switch.scope, switch.author) == (EVERYTHING, "agent:8007")
    assert switch.action == Action(say="emergency_system", then=Then.HANG_UP)
    assert (await feature(centre, "*90", "8008", "123456"))[-1] == "agent_emergency_off"
    assert centre.emergency.state() == []
    assert (await feature(centre, "*90", "8008", "123456"))[-1] == "agent_emergency_off"
    switches = [event for event in centre.told if isinstance(event, EmergencySwitched)]
    assert [(event.on, event.author) for event in switches] == [
        (True, "agent:8007"), (False, "agent:8008"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "agent, keys", [("8007", "123457"), ("8007", "12345#"), ("8007", "#"), ("8003", "123456"),
                    ("", "123456")],
)  # fmt: skip
async def test_no_others_and_no_wrong_pin(centre: Centre, agent: str, keys: str) -> None:
    assert (await feature(centre, "*91", agent, keys))[-1] == "agent_not_allowed"
    assert centre.emergency.state() == []


async def test_another_flow_in_front_of_a_queue_leads_on_without_meeting_itself(
    centre: Centre,
) -> None:
    centre.emergency.switch_on("order", Action(flow="main"), author="mei")
    channel = await centre.run("menu", Channel(keys="1212"))  # the menu, and the menu again
    assert channel.played.count("main-greeting") == 2
    assert channel.variables["HUAWU_QUEUE"] == "order"
    met = [event for event in centre.told if isinstance(event, EmergencyMet)]
    assert [(event.scope, event.flow, event.say) for event in met] == [("order", "main", "")]
    centre.service.stop()
