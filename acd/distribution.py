"""Distribution: what happens to contacts and agents, as one pure step per event.

``Distribution.handle(event, now)`` is the only way in and the ``Decision`` it returns the only way
out: recorded events for the log, commands for the telephone, an answer for whoever asked, and the
contacts and agents that changed. No I/O, no clock, no randomness: the live controller, a replayed
day and the tests run this very code.

This module holds the dialogue with the dialplan; offers, talks, wishes and the comparison with
Asterisk have modules of their own.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from acd.adoption import adopt, settle
from acd.agent import Agent
from acd.announcements import announcement
from acd.callbacks import (
    agent_waits,
    callback_timer,
    cancel_callback,
    customer_dials,
    customer_is_there,
    customer_reached,
    key_pressed,
    queue_gone,
    restore_callback,
    resume_place,
)
from acd.company import Company
from acd.consults import (
    colleague_answered,
    consult_begun,
    consult_overdue,
    consult_returned,
    leg_joined,
    restore_consult,
    wait_again_alone,
)
from acd.contact import Contact
from acd.domain import Decision, Domain
from acd.follow_ups import follow_up_due
from acd.holds import leg_held
from acd.inputs import changes_in_silence, keep
from acd.limits import enforce, longest_wait_over, step_in_answer, turn_away_closed
from acd.offers import (
    caller_landed,
    end_offer,
    match_all,
    offer_overdue,
    offer_returned,
    ride_in_answer,
)
from acd.picture import adopt_waiting, fetch_back, picture_taken
from acd.placing import hold_over, led_to, open_rings, place, release_holds, wait_again
from acd.supervision import place_wished
from acd.surveys import survey_of
from acd.takeover import follow_offers
from acd.talks import agent_answered, leg_hung_up, pair_parted, part
from acd.transfers import (
    bring_to_waiting,
    consult_step_wished,
    outside_chosen,
    outside_returned,
    transfer_wished,
)
from acd.wishes import (
    ActionRefused,
    agent_wished,
    break_over,
    phone_changed,
    remind_of_break,
    wrap_up_over,
)
from telephony.commands import KeepWaiting, NextStep, SayGoodbye, WakeAt
from telephony.events import (
    AgentAnswered,
    AgentState,
    AgentWaits,
    AgentWished,
    CallbackCancelled,
    CallerArrived,
    CallerLanded,
    CallerLeftOver,
    CallStage,
    ColleagueAnswered,
    ConsultBegun,
    ConsultReturned,
    ConsultStepWished,
    ContactArrived,
    CustomerReached,
    FollowUpDue,
    KeyPressed,
    LegHeld,
    LegHungUp,
    LegJoined,
    MenuFinished,
    NextStepAsked,
    OfferEnd,
    OfferReturned,
    OutsideChosen,
    OutsideReturned,
    PairParted,
    Party,
    PhoneChanged,
    PictureTaken,
    PlaceWished,
    Question,
    QueueEnd,
    TimerFired,
    TransferWished,
    WireEvent,
)

#: Questions that a waiting caller's dialplan asks.
_ASKED_BY_CALLERS = (
    MenuFinished,
    OutsideChosen,
    NextStepAsked,
    KeyPressed,
    OfferReturned,
    OutsideReturned,
)


#: Where a caller is whose question the step itself has answered.
_ANSWERED_IN = (CallStage.WAITING, CallStage.OUTSIDE)


class Distribution:
    """The rules of one routing domain.

    Args:
        company: queues, agents and skills.
        is_open: whether hours of this name include a moment (Unix seconds).
    """

    def __init__(
        self,
        company: Company,
        is_open: Callable[[str, float], bool] = lambda hours, now: True,
    ) -> None:
        self.domain = Domain(company)
        self.domain.is_open = is_open

    def handle(self, event: WireEvent | Question, now: float) -> Decision:
        """Take one event at ``now`` (Unix seconds) and say what follows from it.

        Raises:
            acd.wishes.ActionRefused: what a person asks for cannot be; nothing has changed.
        """
        domain = self.domain
        silent = changes_in_silence(domain, event)
        domain.begin(now)
        try:
            STEPS[type(event)](domain, event)
        except ActionRefused as refused:
            domain.refusals[refused.code] += 1
            raise
        if domain.leaving_agents or domain.leaving_queues:
            settle(domain)
        turn_away_closed(domain)
        release_holds(domain)
        match_all(domain)
        asked = event.contact if isinstance(event, _ASKED_BY_CALLERS) else ""
        while enforce(domain, asked):
            match_all(domain)
        bring_to_waiting(domain)
        if isinstance(event, PictureTaken):
            fetch_back(domain, event)
        if asked and not _has_its_answer(domain, asked):
            domain.out.answer = next_step(domain, asked)
        keep(domain, event, silent)
        return domain.out

    def restore(self, contacts: Iterable[Contact], agents: Iterable[Agent], now: float) -> Decision:
        """Begin from what the live store remembers; a picture must follow before serving.

        Agents who are no longer in the company's files are forgotten.
        """
        domain = self.domain
        domain.begin(now)
        domain.contacts = {}
        domain.callbacks.clear()
        domain.engaged.clear()
        for contact in contacts:
            if not contact.queue or contact.queue in domain.company.queues:
                domain.contacts[contact.id] = contact
            else:  # its queue went while nobody watched: the caller is seen in the picture
                domain.out.contacts.add(contact.id)
                if contact.promised:
                    queue_gone(domain, contact)
                elif contact.stage in (CallStage.WAITING, CallStage.OFFERED):
                    domain.end_entry(contact, QueueEnd.REFUSED, "unknown_queue")
                domain.stray("unknown_queue")
        domain.agents.update({agent.id: agent for agent in agents if agent.id in domain.agents})
        domain.reindex()
        for agent in domain.agents.values():
            if agent.state is AgentState.WRAP_UP:
                domain.order(WakeAt(key=f"wrap_up:{agent.id}", at=agent.until))
            elif agent.state is AgentState.NOT_READY:
                remind_of_break(domain, agent)
        for contact in domain.contacts.values():
            # Another host's clock may be ahead of ours: what is remembered is older than a picture.
            contact.changed = min(contact.changed, now)
        follow_offers(domain)
        for contact in list(domain.contacts.values()):
            wait_again(domain, contact)
            restore_callback(domain, contact)
            restore_consult(domain, contact)
        return domain.out

    def adopt(
        self, company: Company, now: float, *, version: int = 0, author: str = ""
    ) -> Decision:
        """Go by other rules from ``now`` on; contacts keep their place (``acd/adoption.py``)."""
        domain = self.domain
        domain.begin(now)
        adopt(domain, company, version=version, author=author)
        turn_away_closed(domain)
        release_holds(domain)
        match_all(domain)
        while enforce(domain):
            match_all(domain)
        return domain.out

    def mirror_everybody(self, now: float) -> Decision:
        """Tell app_queue about every agent, after a start of Asterisk or of this controller."""
        self.domain.begin(now)
        self.domain.mirror_everybody()
        return self.domain.out


def _caller_arrived(domain: Domain, event: CallerArrived) -> None:
    if known := domain.contacts.get(event.contact):  # a controller died in mid-menu
        known.channel = event.channel
        return
    arrived = Contact(event.contact, event.channel, caller=event.caller, changed=domain.now)
    domain.touch(arrived)
    customer_dials(domain, arrived)
    domain.record(
        ContactArrived(
            at=domain.now,
            contact=event.contact,
            channel=event.channel,
            caller=event.caller,
            dialled=event.dialled,
        )
    )


def _menu_finished(domain: Domain, event: MenuFinished) -> None:
    contact = domain.contacts.get(event.contact)
    if contact is None:
        domain.stray("MenuFinished")
        return
    if not domain.move(contact, "queued"):
        return
    contact.language = event.language
    queue, why = led_to(domain, contact, event.queue, event.attributes)
    kept = resume_place(domain, contact, queue)
    why = why if kept is None else "resumed"
    place(domain, contact, queue, why=why, place=kept, attributes=event.attributes)


def _has_its_answer(domain: Domain, contact_id: str) -> bool:
    """Has the step itself answered, and did nothing happen to the caller since?"""
    contact = domain.contacts.get(contact_id)
    return bool(domain.out.answer and contact and contact.stage in _ANSWERED_IN)


def _next_step_asked(domain: Domain, event: NextStepAsked) -> None:
    contact = domain.contacts.get(event.contact)
    if contact is None or contact.stage is CallStage.MENU:
        adopt_waiting(domain, event.contact, event.channel, event.variables, changed=domain.now)
        return
    contact.channel = event.channel
    called_back = contact.stage is CallStage.CALLBACK and not contact.exit
    if called_back or contact.stage is CallStage.CALLING:
        customer_is_there(domain, contact, event.channel)  # nobody heard of the answer
    if contact.stage is CallStage.TALKING:
        wait_again_alone(domain, contact)  # nobody was left in the talk, or it came to nothing
    if contact.doubtful:
        contact.doubtful = False
        domain.touch(contact)
    if contact.stage is CallStage.OFFERED and contact.landed:
        end_offer(domain, contact, OfferEnd.NOT_LANDED)  # Dial ended and nobody heard how


def _caller_left_over(domain: Domain, event: CallerLeftOver) -> None:
    contact = domain.contacts.get(event.contact)
    if contact and contact.stage is CallStage.TALKING:
        part(domain, contact, Party.AGENT)
    elif contact and contact.stage is CallStage.OUTSIDE:
        domain.move(contact, "parted")
        contact.talk = 0  # it was not the last to speak with them
    elif contact and contact.stage in (CallStage.WAITING, CallStage.OFFERED):
        domain.out.answer = KeepWaiting(language=contact.language)  # was passed on just now
        return
    if contact is None:
        domain.stray("CallerLeftOver")
    language = contact.language if contact else "zh-CN"
    survey = survey_of(domain, contact) if contact else None
    domain.out.answer = survey or SayGoodbye(say=("goodbye",), language=language)


def _timer_fired(domain: Domain, event: TimerFired) -> None:
    kind, _, name = event.key.partition(":")
    if kind == "wrap_up" and name in domain.agents:
        wrap_up_over(domain, domain.agents[name])
    elif kind == "break" and name in domain.agents:
        break_over(domain, domain.agents[name])
    elif contact := domain.contacts.get(name):
        _contact_timer_fired(domain, contact, kind)


def _contact_timer_fired(domain: Domain, contact: Contact, kind: str) -> None:
    match kind:
        case "widen":
            open_rings(domain, contact)
        case "preferred":
            hold_over(domain, contact)
        case "limit":
            longest_wait_over(domain, contact)
        case "consult":
            consult_overdue(domain, contact)
        case "retry" | "expire" | "calling":
            callback_timer(domain, contact, kind)
        case _:
            offer_overdue(domain, contact, kind)


STEPS: Mapping[type, Callable[[Domain, Any], None]] = {
    CallerArrived: _caller_arrived,
    MenuFinished: _menu_finished,
    NextStepAsked: _next_step_asked,
    KeyPressed: key_pressed,
    CallbackCancelled: cancel_callback,
    FollowUpDue: follow_up_due,
    CustomerReached: customer_reached,
    AgentWaits: agent_waits,
    OfferReturned: offer_returned,
    CallerLeftOver: _caller_left_over,
    AgentWished: agent_wished,
    PlaceWished: place_wished,
    TimerFired: _timer_fired,
    CallerLanded: caller_landed,
    AgentAnswered: agent_answered,
    PairParted: pair_parted,
    LegHungUp: leg_hung_up,
    LegHeld: leg_held,
    ConsultBegun: consult_begun,
    ColleagueAnswered: colleague_answered,
    ConsultReturned: consult_returned,
    LegJoined: leg_joined,
    TransferWished: transfer_wished,
    ConsultStepWished: consult_step_wished,
    OutsideChosen: outside_chosen,
    OutsideReturned: outside_returned,
    PhoneChanged: phone_changed,
    PictureTaken: picture_taken,
}


def next_step(domain: Domain, contact_id: str) -> NextStep:
    """What the dialplan does with a caller who is, or should be, waiting."""
    contact = domain.contacts.get(contact_id)
    if contact is None:
        return SayGoodbye(say=("apology",))
    if contact.stage is CallStage.OFFERED:
        return ride_in_answer(domain, contact) or KeepWaiting(language=contact.language)
    if contact.exit:
        return step_in_answer(domain, contact)
    if contact.stage is not CallStage.WAITING:
        return SayGoodbye(say=("goodbye",), language=contact.language)
    return KeepWaiting(say=announcement(domain, contact), language=contact.language)
