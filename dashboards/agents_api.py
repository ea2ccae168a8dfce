"""Agents' own state: seen, and changed by themselves or by a supervisor."""

import structlog

from acd.wishes import ActionRefused
from dashboards.live import LIVE
from dashboards.problems import Refusal, not_found, refused
from dashboards.routes import Answer, Call, Route
from dashboards.views import Desk, WantedState

audit = structlog.get_logger("audit")


async def read_my_desk(call: Call) -> Answer:
    """The desk of the agent who asks."""
    if not call.who.agent or call.who.agent not in call.ports.company.agents:
        raise not_found("agent of this account")
    return call.request.app[LIVE].desk(call.who.agent)


async def change_agent_state(call: Call) -> Answer:
    """Ask for another state; during a call the wish is kept for after it."""
    agent, wanted = call.part("agent"), call.body_as(WantedState)
    if agent not in call.ports.company.agents:
        raise not_found("agent")
    if not (call.supervises or call.who.agent == agent):
        raise Refusal(403, "forbidden", "only the agent and supervisors may change this state")
    own = call.who.agent == agent
    author = f"agent:{agent}" if own else f"supervisor:{call.who.account}"
    try:
        await _ask(call, agent, wanted, author)
    except ActionRefused as refusal:
        raise refused(refusal) from None
    if not own:
        audit.info("agent state", account=call.who.account, agent=agent, state=wanted.state)
    return None


async def _ask(call: Call, agent: str, wanted: WantedState, author: str) -> None:
    actions = call.ports.actions
    match wanted.state:
        case "signed_in":
            await actions.sign_in(agent, author)
        case "signed_out":
            await actions.sign_out(agent, author)
        case "ready":
            await actions.ready(agent, author)
        case "not_ready":
            await actions.not_ready(agent, wanted.reason, author)
        case "wrap_up_finished":
            await actions.finish_wrap_up(agent, author)
        case "wrap_up_extended":
            await actions.extend_wrap_up(agent, author)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/agents/me",
        run=read_my_desk,
        summary="The signed-in agent's state, call and last talks",
        answer=Desk,
    ),
    Route(
        method="POST",
        path="/api/v1/agents/{agent}/state",
        run=change_agent_state,
        summary="Ask for another state of an agent; 409 says why it is refused",
        body=WantedState,
    ),
)
