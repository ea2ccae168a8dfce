"""The emergency switch: seen, put on and taken away by supervisors, at once for new callers."""

import structlog

from dashboards.problems import Refusal, not_found
from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import (
    EmergencyPreset,
    EmergencyScope,
    EmergencyState,
    EmergencySwitchView,
    WantedEmergency,
)
from ivr.emergency import CannotSwitch, Switch, pieces

audit = structlog.get_logger("audit")

#: Switches of the past that are shown.
SHOWN = 100


def switch_view(switch: Switch) -> EmergencySwitchView:
    """A switch as pages show it."""
    return EmergencySwitchView(**pieces(switch))


async def read_emergency(call: Call) -> Answer:
    """What is switched on, what can be, and who switched before."""
    emergency = call.ports.emergency
    return EmergencyState(
        on=[switch_view(switch) for switch in emergency.state()],
        presets=[
            EmergencyPreset(
                name=name,
                say=action.say,
                text=emergency.texts(action),
                then=action.then,
                flow=action.flow,
            )
            for name, action in emergency.presets.items()
        ],
        flows=list(emergency.flows),
        history=[switch_view(switch) for switch in reversed(emergency.history()[-SHOWN:])],
    )


async def switch_on(call: Call) -> Answer:
    """Put an announcement or another flow in front of everything or of a queue."""
    wanted, author = call.body_as(WantedEmergency), f"supervisor:{call.who.account}"
    emergency = call.ports.emergency
    try:
        action = emergency.wanted(
            preset=wanted.preset, say=wanted.say, flow=wanted.flow, then=wanted.then
        )
        switch = emergency.switch_on(wanted.scope, action, author=author, note=wanted.note)
    except CannotSwitch as fault:
        raise Refusal(422, "cannot-switch", f"{fault.text}; {fault.mend}") from None
    audit.warning("emergency on", account=call.who.account, scope=switch.scope, note=switch.note)
    return switch_view(switch)


async def switch_off(call: Call) -> Answer:
    """Take away what stands in front of everything or of a queue."""
    scope = call.query_as(EmergencyScope).scope
    try:
        call.ports.emergency.switch_off(scope, author=f"supervisor:{call.who.account}")
    except CannotSwitch:
        raise not_found("switch") from None
    audit.warning("emergency off", account=call.who.account, scope=scope)
    return None


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/emergency",
        run=read_emergency,
        summary="What is switched on in front of callers, what can be, who switched before",
        answer=EmergencyState,
        roles=SUPERVISORS,
    ),
    Route(
        method="PUT",
        path="/api/v1/emergency",
        run=switch_on,
        summary="Put an announcement or another flow in front of everything or of a queue",
        body=WantedEmergency,
        answer=EmergencySwitchView,
        roles=SUPERVISORS,
    ),
    Route(
        method="DELETE",
        path="/api/v1/emergency",
        run=switch_off,
        summary="Take it away again; 404 when nothing is switched on there",
        query=EmergencyScope,
        roles=SUPERVISORS,
    ),
)
