"""Offers: one at a time per contact and per agent, from the match to the answer or the way back.

Reserve, ring, then answered (``acd/talks.py``) or ended here, with the contact back in its place.
"""

from acd.agent import Agent
from acd.calling import call_back
from acd.contact import Contact
from acd.domain import Domain
from acd.placing import wait_again
from acd.routing import Match
from acd.wishes import grant_kept_wish
from telephony.commands import (
    CancelWake,
    OfferContact,
    ReturnToWaiting,
    TakeOffer,
    TakePicture,
    WakeAt,
)
from telephony.events import (
    AgentWish,
    CallerLanded,
    CallStage,
    OfferEnd,
    OfferEnded,
    OfferMade,
    OfferReturned,
)

#: A redirected caller must reach the offer context within so many seconds: Asterisk's "Success"
#: to a Redirect means queued, not arrived.
LANDING = 2.0
#: The dialplan must have reported an offer's end so many seconds after its ring time.
RING_GRACE = 5.0
#: Ends that are the agent's doing; what follows has the same name in ``acd/agent.py``.
MISSES = frozenset({OfferEnd.DECLINED, OfferEnd.TIMED_OUT, OfferEnd.UNREACHABLE})


def match_all(domain: Domain) -> None:
    """Bring together all pairs that can be."""
    while match := domain.router.next_match(domain.now):
        _make(domain, match)


def _make(domain: Domain, match: Match) -> None:
    contact, agent = domain.contacts[match.contact], domain.agents[match.agent]
    queue = domain.company.queue(contact.queue)
    domain.move(contact, "offered")
    contact.offer += 1
    contact.agent, contact.offered, contact.landed = agent.id, domain.now, False
    agent.contact, agent.queue = contact.id, queue.id
    domain.change(agent, "offered", reason=queue.id, author="rule:offer")
    domain.record(
        OfferMade(
            at=domain.now,
            contact=contact.id,
            queue=queue.id,
            agent=agent.id,
            offer=contact.offer,
            reason=match.reason,
        )
    )
    if contact.stage is CallStage.CALLING:
        call_back(domain, contact)
        return
    domain.order(
        OfferContact(
            contact=contact.id,
            channel=contact.channel,
            agent=agent.id,
            offer=contact.offer,
            ring=queue.ring,
            label=queue.name.get("zh-CN", queue.id),
        )
    )
    domain.order(WakeAt(key=f"landing:{contact.id}", at=domain.now + LANDING))


def ride_in_answer(domain: Domain, contact: Contact) -> TakeOffer | None:
    """The offer made in this very decision, taken out of the commands to travel in the answer."""
    for command in domain.out.commands:
        if isinstance(command, OfferContact) and command.contact == contact.id:
            domain.out.commands.remove(command)
            return TakeOffer(
                agent=command.agent, offer=command.offer, ring=command.ring, label=command.label
            )
    return None


def caller_landed(domain: Domain, event: CallerLanded) -> None:
    """The caller reached the offer context; if that offer was given up, send the caller back."""
    contact = domain.contacts.get(event.contact)
    if contact is None:
        domain.stray("CallerLanded")
        return
    if contact.stage is CallStage.CALLING and contact.offer == event.offer:
        domain.order(CancelWake(key=f"calling:{contact.id}"))
        domain.move(contact, "reached")  # called back; from here on an ordinary offer
    if contact.stage is CallStage.OFFERED and contact.offer == event.offer:
        contact.landed = True
        domain.touch(contact)
        ring = domain.company.queue(contact.queue).ring
        domain.order(CancelWake(key=f"landing:{contact.id}"))
        domain.order(WakeAt(key=f"ring:{contact.id}", at=domain.now + ring + RING_GRACE))
    elif contact.stage is CallStage.WAITING:
        domain.stray("CallerLanded")
        domain.order(ReturnToWaiting(contact=contact.id, channel=contact.channel))
    else:
        domain.stray("CallerLanded")


def offer_returned(domain: Domain, event: OfferReturned) -> None:
    """``Dial`` came back without a talk."""
    contact = domain.contacts.get(event.contact)
    if contact and contact.stage is CallStage.OFFERED:
        end_offer(domain, contact, event.result)
    else:
        domain.stray("OfferReturned")


def offer_overdue(domain: Domain, contact: Contact, kind: str) -> None:
    """A redirect got lost (``landing``), or the dialplan never came back (``ring``).

    Nothing is guessed: the contact gets no new offer until the caller's channel is heard of
    again, by its tick or in a picture.
    """
    if contact.stage is not CallStage.OFFERED:
        return
    if kind == "landing" and not contact.landed:
        contact.doubtful = True
        end_offer(domain, contact, OfferEnd.NOT_LANDED)
    domain.order(TakePicture(why=f"{kind}:{contact.id}"))


def end_offer(domain: Domain, contact: Contact, result: OfferEnd) -> None:
    """The offer did not become a talk: the contact is back in its place, the agent is told."""
    agent = domain.agents[contact.agent]
    domain.move(contact, "offer_ended")
    domain.record(
        OfferEnded(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=agent.id,
            offer=contact.offer,
            result=result,
            rang=domain.now - contact.offered,
        )
    )
    contact.agent = ""
    forget_timers(domain, contact)
    if agent.contact == contact.id:
        blame(domain, agent, result)
        grant_kept_wish(domain, agent)
    if result is not OfferEnd.CALLER_GONE:
        wait_again(domain, contact)


def blame(domain: Domain, agent: Agent, result: OfferEnd) -> None:
    """What the end of an offer means for its agent; too many misses in a row end the shift."""
    if result not in MISSES:
        domain.change(agent, "offer_withdrawn", reason="", author="rule:offer_withdrawn")
        return
    rules = domain.company.routing.misses
    reason = rules.reason if result is OfferEnd.TIMED_OUT else result.value
    domain.change(agent, result.value, reason=reason, author=f"rule:{reason}")
    if result is not OfferEnd.DECLINED:
        agent.misses += 1
        if agent.misses == rules.sign_out_after:
            domain.change(agent, AgentWish.SIGN_OUT, reason="misses", author="rule:misses")


def forget_timers(domain: Domain, contact: Contact) -> None:
    """The offer is over: nothing is overdue any more."""
    domain.order(CancelWake(key=f"landing:{contact.id}"))
    domain.order(CancelWake(key=f"ring:{contact.id}"))
