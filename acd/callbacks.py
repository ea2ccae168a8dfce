"""Callbacks that keep the place: a caller hangs up, the ticket stays where it was in the queue.

The ticket is the contact itself: the same id, place, priority, requirement and rings, in the
stage ``callback``; only its queue entry has ended. When an agent is found for it the customer (or
first the agent) is called (``acd/calling.py``); who answers goes on as an ordinary offer. What
fails is tried again by the queue's rule. One number has one ticket, one ticket one call.

Timers of a ticket: ``retry:ID``, ``expire:ID`` and, during an attempt, ``calling:ID``; its rings
go on opening (``widen:ID``).
"""

from dataclasses import dataclass

from acd.calling import LOOK_AGAIN, UNDER_WAY, call_customer, callback_rules, dialable
from acd.contact import Contact
from acd.domain import Domain
from acd.offers import RING_GRACE, end_offer
from acd.placing import open_rings
from acd.wishes import ActionRefused
from telephony.commands import (
    CancelWake,
    EndCall,
    KeepWaiting,
    SayGoodbye,
    TakePicture,
    WakeAt,
)
from telephony.events import (
    AgentWaits,
    CallbackCancelled,
    CallbackEnd,
    CallbackEnded,
    CallbackRequested,
    CallbackTried,
    CallResult,
    CallStage,
    CustomerReached,
    KeyPressed,
    LegFound,
    LegHungUp,
    OfferEnd,
    PlaceResumed,
    QueueEnd,
)

#: Seconds until another agent calls when the first one has spoiled the attempt.
PAUSE = 5.0
#: The dialplan's context in which an agent who was called first waits.
AGENT_FIRST = "huawu-agent-first"
#: Those in which a customer who was reached is offered, and waits.
OFFER, WAITING = "huawu-offer", ("huawu-wait", "huawu-fallback")
#: What callers hear.
PROMISED, NO_NUMBER = "callback_promised", "callback_no_number"
#: Stages in which a customer is on the line with us.
_ON_THE_LINE = frozenset(
    {CallStage.MENU, CallStage.WAITING, CallStage.OFFERED, CallStage.TALKING, CallStage.AFTER}
)
#: Q.850: user busy, call rejected.
_BUSY = frozenset({17, 21})
#: Q.850: nothing said, normal clearing, no user responding, no answer.
_NO_ANSWER = frozenset({0, 16, 18, 19})


# --- asking for it -------------------------------------------------------------------------------


def request_callback(domain: Domain, contact: Contact, why: str) -> SayGoodbye | None:
    """A waiting contact becomes a callback and keeps its place.

    Args:
        why: "key:1" for a key that the caller pressed, else the name of the limit.

    Returns:
        What the dialplan says to the caller; ``None``, and nothing changes, when this number
        cannot be called.
    """
    number = dialable(contact.caller)
    if not number or contact.stage is not CallStage.WAITING:
        return None
    other = domain.contacts.get(domain.callbacks.get(number, ""))
    merged = other if other is not None and other.id != contact.id else None
    domain.record(
        CallbackRequested(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            why=why,
            first=callback_rules(domain, contact).first,
            merged=merged.id if merged else "",
        )
    )
    domain.end_entry(contact, QueueEnd.CALLBACK, why)
    domain.order(CancelWake(key=f"limit:{contact.id}"))
    contact.exit = f"announce:{PROMISED}"
    if merged:
        _merge(domain, contact, merged)
    else:
        domain.move(contact, "called_back")
        become_ticket(domain, contact, number)
    return SayGoodbye(say=(PROMISED,), language=contact.language)


def become_ticket(domain: Domain, contact: Contact, number: str) -> None:
    """A contact in the stage ``callback`` is to be called under this number from now on."""
    contact.promised = contact.promised or domain.now
    contact.attempts, contact.not_before = 0, 0.0
    domain.callbacks[number] = contact.id
    _look_for_the_customer(domain, contact, number)
    expires = contact.promised + callback_rules(domain, contact).expires
    domain.order(WakeAt(key=f"expire:{contact.id}", at=expires))


def _merge(domain: Domain, contact: Contact, ticket: Contact) -> None:
    """The number has a ticket: it stands for both, with the better place of one queue."""
    if ticket.queue == contact.queue and contact.queued < ticket.queued:
        ticket.queued = contact.queued
    domain.move(contact, "timed_out")
    for kind in ("widen", "preferred"):
        domain.order(CancelWake(key=f"{kind}:{contact.id}"))
    _engage(domain, ticket, contact.id)


def key_pressed(domain: Domain, event: KeyPressed) -> None:
    """A waiting caller pressed a key: the queue's own key asks for a callback."""
    contact = domain.contacts.get(event.contact)
    if contact is None or contact.stage is not CallStage.WAITING:
        return
    contact.channel, contact.doubtful = event.channel, False
    domain.touch(contact)
    rules = domain.company.queue(contact.queue).callback
    if rules is None or event.key != rules.key:
        domain.out.answer = KeepWaiting(language=contact.language)
    elif request_callback(domain, contact, f"key:{event.key}") is None:
        domain.out.answer = KeepWaiting(say=(NO_NUMBER,), language=contact.language)


def callback_key(domain: Domain, contact: Contact) -> str:
    """The key by which this waiting caller may ask to be called back; "" when there is none."""
    rules = domain.company.queue(contact.queue).callback
    return rules.key if rules and dialable(contact.caller) else ""


# --- the customer by themselves ------------------------------------------------------------------


def customer_dials(domain: Domain, contact: Contact) -> None:
    """A caller arrives: one who is to be called back is not called while on the line."""
    number = dialable(contact.caller)
    ticket = domain.contacts.get(domain.callbacks.get(number, "")) if number else None
    if ticket is not None:
        _engage(domain, ticket, contact.id)


def resume_place(domain: Domain, contact: Contact, queue_id: str) -> float | None:
    """The place of the caller's own ticket in this queue, which ends by it; ``None`` without one.

    Returns Unix seconds from which the wait counts.
    """
    number = dialable(contact.caller)
    ticket = domain.contacts.get(domain.callbacks.get(number, "")) if number else None
    if ticket is None or ticket.stage is not CallStage.CALLBACK or ticket.queue != queue_id:
        return None
    if domain.now - ticket.promised > callback_rules(domain, ticket).resume * 60:
        return None
    domain.record(PlaceResumed(at=domain.now, contact=contact.id, earlier=ticket.id))
    end_callback(domain, ticket, CallbackEnd.RESUMED)
    return ticket.queued


def _engage(domain: Domain, ticket: Contact, contact_id: str) -> None:
    ticket.engaged = contact_id
    domain.engaged[contact_id] = ticket.id
    domain.touch(ticket)


def _look_for_the_customer(domain: Domain, ticket: Contact, number: str) -> None:
    """Is the same customer on the line with another call?"""
    ticket.engaged = ""
    for other in domain.contacts.values():
        here = other.id != ticket.id and other.stage in _ON_THE_LINE
        if here and dialable(other.caller) == number:
            _engage(domain, ticket, other.id)
            return


# --- an attempt ----------------------------------------------------------------------------------


def agent_waits(domain: Domain, event: AgentWaits) -> None:
    """The agent who was called first has answered: now the customer is called."""
    contact = domain.contacts.get(event.contact)
    if contact is None or not _is_attempt(contact, event) or contact.partner:
        domain.stray("AgentWaits")
        domain.order(EndCall(contact=event.contact, channel=event.channel))
        return
    _call_for(domain, contact, event.channel)


def _call_for(domain: Domain, contact: Contact, partner: str) -> None:
    """Call the customer for an agent who waits on this channel."""
    contact.partner, contact.changed = partner, domain.now
    call_customer(domain, contact)
    domain.order(WakeAt(key=f"calling:{contact.id}", at=domain.now + UNDER_WAY))


def customer_reached(domain: Domain, event: CustomerReached) -> None:
    """The customer has answered, and hears the greeting; an offer follows."""
    contact = domain.contacts.get(event.contact)
    if contact is None or contact.stage not in (CallStage.CALLING, CallStage.CALLBACK):
        domain.stray("CustomerReached")
        return
    contact.channel, contact.reached, contact.exit = event.channel, True, ""
    _tried(domain, contact, event.agent, CallResult.REACHED)
    if _is_attempt(contact, event):
        domain.touch(contact)
    else:  # an attempt that was given up: the customer is there, and waits on the line
        domain.stray("CustomerReached")
        customer_is_there(domain, contact, event.channel)


def _is_attempt(contact: Contact, event: CustomerReached | AgentWaits) -> bool:
    return contact.stage is CallStage.CALLING and (
        (contact.agent, contact.offer) == (event.agent, event.offer)
    )


def callback_answered(domain: Domain, contact: Contact) -> None:
    """Customer and agent talk: the callback has come to its good end."""
    end_callback(domain, contact, CallbackEnd.ANSWERED)


def callback_leg_gone(domain: Domain, contact: Contact, event: LegHungUp) -> None:
    """A channel of a ticket is gone: the first caller's own, or one of an attempt's."""
    if contact.stage is CallStage.CALLBACK:
        if not event.agent:
            contact.channel = ""  # has heard the promise and hung up: may be called
            domain.touch(contact)
    elif not event.agent:
        _customer_gone(domain, contact, event.cause)
    elif event.agent == contact.agent:
        _agent_gone(domain, contact, event.cause)
    else:
        domain.stray("LegHungUp")


def _customer_gone(domain: Domain, contact: Contact, cause: int) -> None:
    result = CallResult.FAILED
    if contact.reached:
        result = CallResult.HUNG_UP
    elif cause in _BUSY:
        result = CallResult.BUSY
    elif cause in _NO_ANSWER:
        result = CallResult.NO_ANSWER
    _not_reached(domain, contact, result)


def _not_reached(domain: Domain, contact: Contact, result: CallResult) -> None:
    agent = contact.agent
    if contact.partner:
        domain.order(EndCall(contact=contact.id, channel=contact.partner))
    end_offer(domain, contact, OfferEnd.NOT_REACHED)
    _try_again(domain, contact, agent, result)


def _agent_gone(domain: Domain, contact: Contact, cause: int) -> None:
    """The agent who was called first has gone before the customer was there."""
    if contact.partner or cause in _BUSY:
        result = OfferEnd.DECLINED
    elif cause in _NO_ANSWER:
        result = OfferEnd.TIMED_OUT
    else:
        result = OfferEnd.UNREACHABLE
    if contact.reached:  # is on the line, and waits there for another agent
        domain.move(contact, "reached")
        end_offer(domain, contact, result)
        _forget_attempt(domain, contact)
        return
    called = bool(contact.partner)
    if called:
        domain.order(EndCall(contact=contact.id, channel=contact.id))
        contact.attempts -= 1  # not the customer's fault
    end_offer(domain, contact, result)
    _forget_attempt(domain, contact)
    if called:  # until the customer's phone has stopped ringing
        contact.not_before = domain.now + PAUSE
        domain.order(WakeAt(key=f"retry:{contact.id}", at=contact.not_before))


def hung_up_again(domain: Domain, contact: Contact) -> None:
    """A customer who was called back hung up before an agent answered: the ticket is kept."""
    agent = contact.agent
    if contact.stage is CallStage.OFFERED:
        end_offer(domain, contact, OfferEnd.CALLER_GONE)
    domain.move(contact, "called_back")
    domain.order(CancelWake(key=f"limit:{contact.id}"))
    _try_again(domain, contact, agent, CallResult.HUNG_UP)


def _try_again(domain: Domain, contact: Contact, agent: str, result: CallResult) -> None:
    """After an attempt: again by the rule, or the end."""
    _forget_attempt(domain, contact)
    contact.channel = ""
    rules = callback_rules(domain, contact)
    following = domain.now + rules.retry
    end = None
    if contact.attempts >= rules.attempts:
        end = CallbackEnd.GAVE_UP
    elif following >= contact.promised + rules.expires:
        end = CallbackEnd.EXPIRED
    _tried(domain, contact, agent, result, 0.0 if end else following)
    if end:
        end_callback(domain, contact, end)
        return
    contact.not_before = following
    domain.order(WakeAt(key=f"retry:{contact.id}", at=following))
    _look_for_the_customer(domain, contact, dialable(contact.caller))
    domain.touch(contact)


def _tried(
    domain: Domain, contact: Contact, agent: str, result: CallResult, next_try: float = 0.0
) -> None:
    domain.record(
        CallbackTried(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=agent,
            attempt=contact.attempts,
            result=result,
            next_try=next_try,
        )
    )


def _forget_attempt(domain: Domain, contact: Contact) -> None:
    contact.reached, contact.partner = False, ""
    domain.order(CancelWake(key=f"calling:{contact.id}"))
    domain.touch(contact)


# --- the end of a ticket -------------------------------------------------------------------------


def end_callback(
    domain: Domain, contact: Contact, result: CallbackEnd, *, author: str = ""
) -> None:
    """Give a ticket its single end; all but ``answered`` end the contact, too."""
    domain.record(
        CallbackEnded(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            result=result,
            attempts=contact.attempts,
            waited=domain.now - contact.promised,
            author=author,
        )
    )
    number = dialable(contact.caller)
    if domain.callbacks.get(number) == contact.id:
        del domain.callbacks[number]
    domain.engaged.pop(contact.engaged, None)
    contact.promised, contact.engaged, contact.exit = 0.0, "", ""
    contact.reached, contact.partner = False, ""
    for kind in ("retry", "expire", "calling", "widen", "preferred"):
        domain.order(CancelWake(key=f"{kind}:{contact.id}"))
    domain.touch(contact)
    if result is not CallbackEnd.ANSWERED:
        domain.end_contact(contact, 0, f"callback {result.value}")


def cancel_callback(domain: Domain, event: CallbackCancelled) -> None:
    """A supervisor ends a ticket; a call that is under way is hung up.

    Raises:
        ActionRefused: ``no_callback``: nobody is to be called back for this contact;
            ``on_the_line``: the customer has answered.
    """
    contact = domain.contacts.get(event.contact)
    if contact is None or not contact.promised:
        raise ActionRefused("no_callback", f"no callback is promised to {event.contact}")
    if contact.stage not in (CallStage.CALLBACK, CallStage.CALLING) or contact.reached:
        raise ActionRefused("on_the_line", "the customer has answered")
    if contact.stage is CallStage.CALLING:
        for channel in filter(None, (contact.id, contact.partner)):
            domain.order(EndCall(contact=contact.id, channel=channel))
        end_offer(domain, contact, OfferEnd.CALLER_GONE)
    end_callback(domain, contact, CallbackEnd.CANCELLED, author=event.author)


def queue_gone(domain: Domain, contact: Contact) -> None:
    """A ticket's queue is no longer in the rules: nobody can be asked to call."""
    domain.contacts[contact.id] = contact
    end_callback(domain, contact, CallbackEnd.CANCELLED, author="rule:unknown_queue")


def callback_timer(domain: Domain, contact: Contact, kind: str) -> None:
    """``retry``, ``expire`` or ``calling`` is due."""
    match kind:
        case "retry":
            contact.not_before = 0.0
            domain.touch(contact)
        case "expire" if contact.stage is CallStage.CALLBACK:
            end_callback(domain, contact, CallbackEnd.EXPIRED)
        case "calling" if contact.stage is CallStage.CALLING:
            domain.order(TakePicture(why=f"calling:{contact.id}"))
            domain.order(WakeAt(key=f"calling:{contact.id}", at=domain.now + LOOK_AGAIN))


# --- who is to be called back --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A promised callback as supervisors see it."""

    contact: str
    caller: str
    queue: str
    stage: CallStage
    promised: float  # Unix seconds
    queued: float  # Unix seconds: the place
    position: int  # 1-based in its queue; 0 when no agent is wanted now
    attempts: int
    next_try: float  # Unix seconds; 0.0: as soon as an agent is free
    agent: str  # reserved for it, or ""


def tickets(domain: Domain, now: float) -> list[Ticket]:
    """All promised callbacks, the oldest promise first (``now`` in Unix seconds)."""
    promised = (domain.contacts.get(contact) for contact in domain.callbacks.values())
    found = [
        Ticket(
            contact=contact.id,
            caller=contact.caller,
            queue=contact.queue,
            stage=contact.stage,
            promised=contact.promised,
            queued=contact.queued,
            position=domain.router.position(contact, now),
            attempts=contact.attempts,
            next_try=contact.not_before if contact.stage is CallStage.CALLBACK else 0.0,
            agent=contact.agent,
        )
        for contact in promised
        if contact is not None
    ]
    return sorted(found, key=lambda ticket: (ticket.promised, ticket.contact))


# --- after a restart, and against the truth ------------------------------------------------------


def restore_callback(domain: Domain, contact: Contact) -> None:
    """Take up a ticket that the live store remembers: its index and its timers."""
    if not contact.promised:
        return
    domain.callbacks[dialable(contact.caller)] = contact.id
    if contact.engaged in domain.contacts:
        domain.engaged[contact.engaged] = contact.id
    else:
        contact.engaged = ""
    expires = contact.promised + callback_rules(domain, contact).expires
    domain.order(WakeAt(key=f"expire:{contact.id}", at=expires))
    if contact.not_before:
        domain.order(WakeAt(key=f"retry:{contact.id}", at=contact.not_before))
    if contact.stage is CallStage.CALLING:
        domain.order(WakeAt(key=f"calling:{contact.id}", at=domain.now + UNDER_WAY))
    open_rings(domain, contact)


def compare_callback(
    domain: Domain, contact: Contact, caller: LegFound | None, agent_leg: LegFound | None
) -> bool:
    """A ticket against a picture: what is in flight is found there, what is not has failed.

    True when all is said; False when the customer is on the line like any other caller.
    """
    if contact.engaged not in domain.contacts:
        contact.engaged = ""
    if caller is not None and _is_on_the_line(contact, caller):
        if not caller.bridge:
            landed = caller.context == OFFER and contact.stage is CallStage.CALLING
            customer_is_there(domain, contact, caller.channel, landed=landed)
        return False
    if contact.stage is CallStage.CALLBACK:
        contact.channel = caller.channel if caller else ""
        domain.touch(contact)
    elif caller is None and domain.now - contact.changed >= UNDER_WAY:
        if contact.reached or contact.partner or not _agent_first(domain, contact):
            _not_reached(domain, contact, CallResult.FAILED)
        elif agent_leg is None:
            end_offer(domain, contact, OfferEnd.UNREACHABLE)
            _forget_attempt(domain, contact)
        elif agent_leg.context == AGENT_FIRST:
            _call_for(domain, contact, agent_leg.channel)  # answered while nobody watched
    return True


def _is_on_the_line(contact: Contact, caller: LegFound) -> bool:
    """Has the customer of an attempt come through? The first caller's own channel is none."""
    if contact.stage is CallStage.CALLBACK and caller.channel == contact.channel:
        return False
    return bool(caller.bridge) or caller.context in (OFFER, *WAITING)


def customer_is_there(
    domain: Domain, contact: Contact, channel: str, *, landed: bool = False
) -> None:
    """A customer was reached while nobody watched: is being offered, or waits on the line.

    Args:
        landed: the offer of this attempt is on its way to the agent.
    """
    contact.channel, contact.exit = channel, ""
    _forget_attempt(domain, contact)
    if landed:
        contact.landed = True
        ring = domain.company.queue(contact.queue).ring
        domain.order(WakeAt(key=f"ring:{contact.id}", at=domain.now + ring + RING_GRACE))
    elif contact.stage is CallStage.CALLING:
        end_offer(domain, contact, OfferEnd.NOT_LANDED)
    domain.move(contact, "reached")


def _agent_first(domain: Domain, contact: Contact) -> bool:
    return callback_rules(domain, contact).first == "agent"
