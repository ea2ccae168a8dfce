"""What agents, and supervisors for them, ask for: granted now, after the call, or refused."""

from acd import agent as agent_table
from acd.agent import Agent
from acd.domain import Domain
from telephony.events import AgentState, AgentWish, AgentWished, PhoneChanged


class ActionRefused(Exception):
    """A wish cannot be granted; nothing has changed.

    ``code`` is a stable word (``unknown_agent``, ``not_signed_in``, ``already``, ``no_phone``),
    the message is English for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def agent_wished(domain: Domain, event: AgentWished) -> None:
    """Grant a wish, or keep it for after the call. Raises ActionRefused."""
    check_wish(domain, event.agent, event.wish)
    agent = domain.agents[event.agent]
    if agent.state in agent_table.BUSY:
        agent.wish = event.wish
        agent.wish_reason, agent.wish_author = event.reason, event.author
        domain.out.agents.add(agent.id)
    else:
        domain.change(agent, event.wish, reason=event.reason, author=event.author)


def check_wish(domain: Domain, agent_id: str, wish: AgentWish) -> None:
    """Could this wish be granted now, or be kept for after the call? Raises ActionRefused."""
    agent = domain.agents.get(agent_id)
    if agent is None:
        raise ActionRefused("unknown_agent", f"there is no agent {agent_id}")
    if agent.state in agent_table.BUSY:
        return
    if (agent.state, wish) not in agent_table.TRANSITIONS:
        code = "not_signed_in" if agent.state is AgentState.SIGNED_OUT else "already"
        raise ActionRefused(code, f"agent {agent.id} is {agent.state}: cannot {wish}")
    if wish is AgentWish.READY and not agent.reachable:
        raise ActionRefused("no_phone", f"no phone is registered for agent {agent.id}")


def grant_kept_wish(domain: Domain, agent: Agent) -> bool:
    """Carry out what was asked for during the call, once it can be. False if nothing was."""
    wish, reason, author = agent.wish, agent.wish_reason, agent.wish_author
    agent.wish, agent.wish_reason, agent.wish_author = None, "", ""
    if wish is None or (agent.state, wish) not in agent_table.TRANSITIONS:
        return False
    return domain.change(agent, wish, reason=reason, author=author)


def wrap_up_over(domain: Domain, agent: Agent) -> None:
    """The time for notes is used up: ready again, or what was asked for during the call."""
    if agent.state is AgentState.WRAP_UP and not grant_kept_wish(domain, agent):
        domain.change(agent, "wrap_up_over", reason="", author="rule:wrap_up")


def phone_changed(domain: Domain, event: PhoneChanged) -> None:
    """An agent's phone registered or went away."""
    if agent := domain.agents.get(event.agent):
        set_reachable(domain, agent, event.reachable)
    else:
        domain.stray("PhoneChanged")


def set_reachable(domain: Domain, agent: Agent, reachable: bool) -> None:
    """A ready agent without a phone is not ready; a registered phone alone changes no state."""
    agent.reachable = reachable
    domain.out.agents.add(agent.id)
    if not reachable and agent.state is AgentState.READY:
        domain.change(agent, "phone_gone", reason="phone_gone", author="rule:phone_gone")
