"""Why a caller still waits and why not this agent, in sentences of both languages. Pure."""

from collections.abc import Mapping
from typing import Any

from acd.company import Company
from acd.explain import Clue, WhyNot, WhyWaiting, why_not_then
from acd.requirement import Requirement
from dashboards.record import Teller, duration, whole
from dashboards.texts import both, find, named, say
from dashboards.views import ClueView, WhyNotView, WhyWaitingView
from telephony.events import AgentState, OfferMade

#: Values of a clue that are told as a length of time.
_TIMES = frozenset({"seconds"})


class Explainer:
    """Turns the distribution's codes into sentences, with the company's own names."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._teller = Teller(company, whole)

    def waiting(self, why: WhyWaiting) -> WhyWaitingView:
        """Why this contact is still waiting."""
        return WhyWaitingView(
            contact=why.contact,
            at=why.at,
            queue=why.queue,
            stage=why.stage,
            position=why.position,
            waited=why.waited,
            clues=[self._clue(clue) for clue in why.clues],
            agents=[self.agent(row, why.contact, why.at) for row in why.agents],
        )

    def agent(self, why: WhyNot, contact: str, at: float, offer: int = 0) -> WhyNotView:
        """Why this agent does not get that contact, or did not."""
        return WhyNotView(
            contact=contact,
            agent=why.agent,
            name=self._teller.agent_name(why.agent),
            at=at,
            offer=offer,
            code=why.code,
            text=both(lambda language: self._teller.obstacle(language, why.code)),
        )

    def agent_then(self, offer: OfferMade, agent: str, state: AgentState | None) -> WhyNotView:
        """Why a decision of the past did not fall on this agent.

        ``state`` is what the agent was doing then, for a reason that names only the best.
        """
        code = why_not_then(offer.reason, agent)
        if code is None:
            code = self._in_a_large_company(offer.reason, agent, state)
        return self.agent(WhyNot(agent=agent, code=code), offer.contact, offer.at, offer.offer)

    def _in_a_large_company(
        self, reason: Mapping[str, Any], agent: str, state: AgentState | None
    ) -> str:
        profile = self._company.agents.get(agent)
        asked = {name: reason[name] for name in ("any", "others", "avoid") if name in reason}
        requirement = Requirement.from_plain({"every": reason.get("requires", {}), **asked})
        if lacks := requirement.obstacle(agent, profile.skills if profile else {}):
            return lacks
        if state is None:
            return AgentState.SIGNED_OUT.value
        return "behind" if state is AgentState.READY else state.value

    def _clue(self, clue: Clue) -> ClueView:
        def tell(language: str) -> str:
            values = {
                name: self._value(language, name, value) for name, value in clue.values.items()
            }
            exit_ = str(clue.values.get("exit", "")).partition(":")[0]
            for key in (f"{clue.code}.{exit_}", clue.code):
                if find(language, "clue", key) is not None:
                    return say(language, ("clue", key), values)
            return clue.code

        return ClueView(code=clue.code, values=dict(clue.values), text=both(tell))

    def _value(self, language: str, name: str, value: object) -> str:
        if name in _TIMES and isinstance(value, int | float):
            return duration(language, value)
        if name == "agents" and isinstance(value, list):
            return "、".join(self._teller.agent_name(str(one))[language] for one in value)
        if name == "agent":
            return self._teller.agent_name(str(value))[language]
        if name == "stage":
            return say(language, ("stage", str(value)))
        if name == "exit":
            value = str(value).partition(":")[2]
        if (queue := self._company.queues.get(str(value))) is not None:
            return named(queue.name, language)
        return str(value)
