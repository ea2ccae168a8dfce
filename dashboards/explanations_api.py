"""Why is this caller still waiting, why not me: asked of the distribution and of the log."""

from dashboards.explanations import Explainer
from dashboards.problems import Refusal, not_found
from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import WhyNotView, WhyWaitingView
from telephony.events import OfferMade


async def why_waiting(call: Call) -> Answer:
    """Why a contact that is on the line, or is to be called back, has no agent yet."""
    why = call.ports.explanations.why_waiting(call.part("contact"))
    if why is None:
        raise not_found("contact on the line")
    return Explainer(call.ports.company).waiting(why)


async def why_not(call: Call) -> Answer:
    """Why this agent does not get a waiting contact, or why the last decision was another."""
    contact, agent = call.part("contact"), call.part("agent")
    if agent not in call.ports.company.agents:
        raise not_found("agent")
    if not (call.supervises or call.who.agent == agent):
        raise Refusal(403, "forbidden", "only the agent and supervisors may ask this")
    explainer = Explainer(call.ports.company)
    now = call.ports.explanations.why_not(contact, agent)
    if now is not None:
        return explainer.agent(now, contact, call.ports.now())
    # Nothing of the contact is told but this, so any agent may ask about any contact.
    entries = await call.ports.log.of_contact(contact)
    offer = next((e for _, e in reversed(entries) if isinstance(e, OfferMade)), None)
    if offer is None:
        raise not_found("decision about this contact")
    changed = await call.ports.log.agent_state(agent, offer.at)
    return explainer.agent_then(offer, agent, changed.state if changed else None)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/contacts/{contact}/waiting",
        run=why_waiting,
        summary="Why this contact is still waiting, and what keeps every agent from it",
        answer=WhyWaitingView,
        roles=SUPERVISORS,
        of_leader=True,
    ),
    Route(
        method="GET",
        path="/api/v1/contacts/{contact}/why-not/{agent}",
        run=why_not,
        summary="Why this agent does not get the contact, or did not at its last decision",
        answer=WhyNotView,
        of_leader=True,
    ),
)
