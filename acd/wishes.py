"""What agents, and supervisors for them, ask for: granted now, after the call, or refused."""

from acd import agent as agent_table
from acd.agent import Agent
from acd.domain import Domain
from telephony.commands import CancelWake, WakeAt
from telephony.events import (
    AgentState,
    AgentWish,
    AgentWished,
    BreakOverran,
    PhoneChanged,
    WrapUpExtended,
)


class ActionRefused(Exception):
    """A wish cannot be granted; nothing has changed.

    ``code`` is a stable word (``unknown_agent``, ``not_signed_in``, ``already``, ``no_phone``,
    ``break_used_up``, ``break_full``, ``no_wrap_up``, ``extended_enough``), the message is
    English for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def agent_wished(domain: Domain, event: AgentWished) -> None:
    """Grant a wish, or keep it for after the call. Raises ActionRefused."""
    check_wish(domain, event.agent, event.wish, event.reason)
    agent = domain.agents[event.agent]
    if event.wish is AgentWish.EXTEND:
        _extend_wrap_up(domain, agent, event.author)
    elif agent.state in agent_table.BUSY:
        agent.wish = event.wish
        agent.wish_reason, agent.wish_author = event.reason, event.author
        domain.out.agents.add(agent.id)
    else:
        _grant(domain, agent, event.wish, event.reason, event.author)


def check_wish(domain: Domain, agent_id: str, wish: AgentWish, reason: str = "") -> None:
    """Could this wish be granted now, or be kept for after the call? Raises ActionRefused."""
    agent = domain.agents.get(agent_id)
    if agent is None:
        raise ActionRefused("unknown_agent", f"there is no agent {agent_id}")
    if wish is AgentWish.EXTEND:
        _check_extension(domain, agent)
        return
    if wish is AgentWish.NOT_READY and agent.state is not AgentState.SIGNED_OUT:
        _check_break(domain, agent, reason)
    if agent.state in agent_table.BUSY:
        return
    if (agent.state, wish) not in agent_table.TRANSITIONS:
        code = "not_signed_in" if agent.state is AgentState.SIGNED_OUT else "already"
        raise ActionRefused(code, f"agent {agent.id} is {agent.state}: cannot {wish}")
    if wish is AgentWish.READY and not agent.reachable:
        raise ActionRefused("no_phone", f"no phone is registered for agent {agent.id}")


def _grant(domain: Domain, agent: Agent, wish: AgentWish, reason: str, author: str) -> bool:
    """Change the state; a break with a limited time gets its timer."""
    if wish is AgentWish.SIGN_IN:
        agent.breaks, agent.misses = {}, 0
    changed = domain.change(agent, wish, reason=reason, author=author)
    if changed and agent.state is AgentState.NOT_READY and domain.company.break_rule(reason):
        agent.breaks = {**agent.breaks, reason: agent.breaks.get(reason, 0) + 1}
    remind_of_break(domain, agent)
    return changed


def remind_of_break(domain: Domain, agent: Agent) -> None:
    """Set the timer of a break whose time is limited; without such a break there is none."""
    rule = domain.company.break_rule(agent.reason) if agent.state is AgentState.NOT_READY else None
    key = f"break:{agent.id}"
    if rule and rule.minutes:
        domain.order(WakeAt(key=key, at=agent.since + rule.minutes * 60))
    else:
        domain.order(CancelWake(key=key))


def _check_break(domain: Domain, agent: Agent, reason: str) -> None:
    """Breaks that colleagues have been promised for after their calls count as taken."""
    rule = domain.company.break_rule(reason)
    if rule is None:
        return
    if rule.times and agent.breaks.get(rule.id, 0) >= rule.times:
        raise ActionRefused(
            "break_used_up", f"agent {agent.id} has had {rule.id} {rule.times} times since sign-in"
        )
    others = sum(
        (other.state is AgentState.NOT_READY and other.reason == rule.id)
        or (other.wish is AgentWish.NOT_READY and other.wish_reason == rule.id)
        for other in domain.agents.values()
        if other is not agent
    )
    if rule.at_once and others >= rule.at_once:
        raise ActionRefused("break_full", f"{others} agents have {rule.id}, which is the most")


def break_over(domain: Domain, agent: Agent) -> None:
    """The time of a break is used up: say so; only people end a break."""
    rule = domain.company.break_rule(agent.reason)
    if agent.state is AgentState.NOT_READY and rule:
        domain.record(
            BreakOverran(at=domain.now, agent=agent.id, reason=rule.id, minutes=rule.minutes)
        )


def _check_extension(domain: Domain, agent: Agent) -> None:
    if agent.state is not AgentState.WRAP_UP:
        raise ActionRefused("no_wrap_up", f"agent {agent.id} is {agent.state}: nothing to extend")
    if agent.extended >= domain.company.routing.wrap_up.times:
        raise ActionRefused(
            "extended_enough",
            f"this wrap-up was extended {agent.extended} times, which is the most",
        )


def _extend_wrap_up(domain: Domain, agent: Agent, author: str) -> None:
    seconds = domain.company.routing.wrap_up.extend
    agent.extended += 1
    agent.until += seconds
    domain.out.agents.add(agent.id)
    domain.order(WakeAt(key=f"wrap_up:{agent.id}", at=agent.until))
    domain.record(
        WrapUpExtended(
            at=domain.now, agent=agent.id, contact=agent.contact, seconds=seconds, author=author
        )
    )


def grant_kept_wish(domain: Domain, agent: Agent) -> bool:
    """Carry out what was asked for during the call, once it can be. False if nothing was."""
    wish, reason, author = agent.wish, agent.wish_reason, agent.wish_author
    agent.wish, agent.wish_reason, agent.wish_author = None, "", ""
    if wish is None or (agent.state, wish) not in agent_table.TRANSITIONS:
        return False
    return _grant(domain, agent, wish, reason, author)


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
    if agent.reachable == reachable:
        return
    agent.reachable = reachable
    domain.touch_agent(agent)
    if not reachable and agent.state is AgentState.READY:
        domain.change(agent, "phone_gone", reason="phone_gone", author="rule:phone_gone")
