"""Consultation and conference: a second voice on a contact's talk, and every way in which it ends.

The agent asks a colleague, or a number outside, while the caller hears music. Then the colleague
takes over, all three talk, or the agent goes back. All of it goes on in Asterisk by itself: what
is decided here is told by the legs that enter the contact's room (``LegJoined``) or are gone. A
caller whom nobody is left to talk to is put back into the same place of the queue.

The colleague is reserved as by an offer, and is free again without a wrap-up unless there was a
talk with the caller. Timer: ``consult:ID``. Pure.
"""

from acd.contact import Consult, ConsultStage, Contact
from acd.domain import Domain
from acd.holds import end_hold, start_hold
from acd.offers import LANDING, MISSES, RING_GRACE, blame
from acd.parting import begin_wrap_up, leave_talk, record_transfer
from acd.placing import place
from acd.wishes import grant_kept_wish
from telephony.commands import (
    CancelWake,
    EndCall,
    EnterRoom,
    FollowIntoRoom,
    StartConsult,
    TakePicture,
    WakeAt,
)
from telephony.events import (
    OUTSIDE,
    AgentJoined,
    AgentState,
    CallStage,
    ColleagueAnswered,
    ConsultAnswered,
    ConsultBegun,
    ConsultEnd,
    ConsultEnded,
    ConsultReturned,
    ConsultStarted,
    LegJoined,
    OfferEnd,
    Party,
    TalkEnded,
)

#: Seconds for which a colleague's phone, or one outside, rings.
RING, RING_OUTSIDE = 20, 40
#: Stages in which the caller hears music.
ON_HOLD = frozenset({ConsultStage.RINGING, ConsultStage.TALKING, ConsultStage.GATHERING})


def begin_consult(domain: Domain, contact: Contact, target: str, to: str, author: str) -> None:
    """The contact's agent asks somebody; whether that may be has been checked."""
    contact.count = max(contact.count, contact.offer) + 1
    consult = Consult(target, to, contact.count, author, domain.now)
    start_hold(domain, contact, "consult")
    contact.consult = consult
    _touch(domain, contact)
    domain.record(
        ConsultStarted(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=contact.agent,
            offer=consult.offer,
            target=target,
            to=to,
            author=author,
        )
    )
    if colleague := domain.agents.get(consult.agent):
        colleague.contact, colleague.queue = contact.id, contact.queue
        domain.change(colleague, "offered", reason="consult", author=author)
    queue = domain.company.queue(contact.queue)
    domain.order(
        StartConsult(
            contact=contact.id,
            channel=contact.channel,
            leg=contact.leg,
            agent=consult.agent,
            number="" if consult.agent else to,
            offer=consult.offer,
            ring=_ring(consult),
            label=queue.name.get("zh-CN", queue.id),
        )
    )
    domain.order(WakeAt(key=f"consult:{contact.id}", at=domain.now + LANDING))


def _touch(domain: Domain, contact: Contact) -> None:
    """Something has happened: a picture asked for before it is older."""
    contact.changed = domain.now
    domain.touch(contact)


def _ring(consult: Consult) -> int:
    return RING if consult.agent else RING_OUTSIDE


# --- steps that somebody wants -------------------------------------------------------------------


def take_over(domain: Domain, contact: Contact, consult: Consult) -> None:
    """The colleague is brought to the caller; it is done when the leg has entered the room."""
    domain.order(EnterRoom(contact=contact.id, legs=(consult.leg,), released=contact.leg))
    _watch(domain, contact)


def gather(domain: Domain, contact: Contact, consult: Consult) -> None:
    """All three are brought together."""
    consult.stage = ConsultStage.GATHERING
    _touch(domain, contact)
    domain.order(EnterRoom(contact=contact.id, legs=(contact.leg, consult.leg)))
    _watch(domain, contact)


def go_back(domain: Domain, contact: Contact, consult: Consult) -> None:
    """The agent is brought back to the caller, the colleague is let go.

    An agent whose colleague is gone comes back by itself; one who left a colleague behind would
    send that one to the caller.
    """
    if consult.leg:
        domain.order(EndCall(contact=contact.id, channel=consult.leg))
    else:
        domain.order(EnterRoom(contact=contact.id, legs=(contact.leg,)))
    end_consult(domain, contact, ConsultEnd.CANCELLED)
    _watch(domain, contact)


def _watch(domain: Domain, contact: Contact) -> None:
    domain.order(WakeAt(key=f"consult:{contact.id}", at=domain.now + LANDING))


def consult_overdue(domain: Domain, contact: Contact) -> None:
    """A leg has not landed in time, or the ringing has no end: Asterisk is asked what there is."""
    if contact.stage is CallStage.TALKING:
        domain.order(TakePicture(why=f"consult:{contact.id}"))


def restore_consult(domain: Domain, contact: Contact) -> None:
    """After a restart: what has become of a consultation is looked at soon."""
    if contact.consult:
        _watch(domain, contact)


# --- what the dialplan tells ---------------------------------------------------------------------


def _consulting(
    domain: Domain, event: ConsultBegun | ColleagueAnswered | ConsultReturned
) -> tuple[Contact | None, Consult | None]:
    """The contact of an event, and its consultation if it is the one that the event means."""
    contact = domain.contacts.get(event.contact)
    consult = contact.consult if contact else None
    return contact, consult if consult and consult.offer == event.offer else None


def consult_begun(domain: Domain, event: ConsultBegun) -> None:
    """The agent's leg calls the colleague."""
    contact, consult = _consulting(domain, event)
    if contact is None or consult is None:
        domain.stray("ConsultBegun")
        return
    consult.landed = True
    _touch(domain, contact)
    late = domain.now + _ring(consult) + RING_GRACE
    domain.order(WakeAt(key=f"consult:{contact.id}", at=late))


def colleague_answered(domain: Domain, event: ColleagueAnswered) -> None:
    """Whom the agent asks has answered."""
    contact, consult = _consulting(domain, event)
    if contact is None or consult is None:
        domain.stray("ColleagueAnswered")
        return
    see_answer(domain, contact, consult, event.channel)


def see_answer(domain: Domain, contact: Contact, consult: Consult, leg: str) -> None:
    """The two talk, on this leg of the colleague's; nothing new when that was known."""
    consult.leg = leg
    _touch(domain, contact)
    if consult.stage is not ConsultStage.RINGING:
        return
    consult.stage, consult.answered = ConsultStage.TALKING, domain.now
    domain.order(CancelWake(key=f"consult:{contact.id}"))
    domain.record(
        ConsultAnswered(
            at=domain.now,
            contact=contact.id,
            agent=contact.agent,
            offer=consult.offer,
            target=consult.target,
            to=consult.to,
        )
    )
    if colleague := domain.agents.get(consult.agent):
        domain.change(colleague, "answered", reason="consult", author="rule:answer")


def consult_returned(domain: Domain, event: ConsultReturned) -> None:
    """The colleague did not answer or has hung up; the agent's leg enters the room next.

    After a consultation that was ended here this is its echo.
    """
    contact, consult = _consulting(domain, event)
    if contact is None:
        domain.stray("ConsultReturned")
        return
    if consult is None:
        return
    result = ConsultEnd.LEFT
    if event.result in MISSES:
        result = ConsultEnd(event.result.value)
    elif event.result is not None:
        result = ConsultEnd.LOST
    end_consult(domain, contact, result)
    _watch(domain, contact)


def leg_joined(domain: Domain, event: LegJoined) -> None:
    """A leg enters the room: the agent is back, or the colleague comes."""
    contact = domain.contacts.get(event.contact)
    if contact is None or contact.stage is not CallStage.TALKING:
        domain.stray("LegJoined")
        return
    consult = contact.consult
    if event.agent == contact.agent and not contact.parted:
        contact.leg = event.channel
        if consult and consult.stage in (ConsultStage.RINGING, ConsultStage.TALKING):
            end_consult(domain, contact, ConsultEnd.CANCELLED)
        _come(domain, contact)
    elif consult and event.agent == (consult.agent or OUTSIDE):
        consult.leg = event.channel
        colleague_joined(domain, contact, consult)
    else:
        domain.stray("LegJoined")


def colleague_joined(domain: Domain, contact: Contact, consult: Consult) -> None:
    """The colleague is with the caller: in a conference, or instead of the agent."""
    if consult.stage is ConsultStage.CONFERENCE:
        return
    see_answer(domain, contact, consult, consult.leg)
    gathered = consult.stage is ConsultStage.GATHERING
    _record_end(
        domain, contact, consult, ConsultEnd.CONFERENCE if gathered else ConsultEnd.TRANSFERRED
    )
    if gathered:
        consult.stage, consult.joined = ConsultStage.CONFERENCE, domain.now
        _record_joined(domain, contact, consult, "conference")
        _come(domain, contact)
        return
    _come(domain, contact)
    told = {"target": consult.target, "to": consult.to, "author": consult.author}
    record_transfer(domain, contact, how="attended", **told)
    leave_talk(domain, contact, Party.AGENT)
    consult.joined = domain.now
    _record_joined(domain, contact, consult, "attended")
    _hand_over(domain, contact, consult)


def _record_joined(domain: Domain, contact: Contact, consult: Consult, how: str) -> None:
    if consult.agent:
        domain.served.note(contact.caller, consult.agent, domain.now)
        domain.record(
            AgentJoined(
                at=domain.now,
                contact=contact.id,
                queue=contact.queue,
                agent=consult.agent,
                offer=consult.offer,
                how=how,
            )
        )


def _hand_over(domain: Domain, contact: Contact, consult: Consult) -> None:
    """From now on the colleague is the one who talks with the caller."""
    contact.consult = None
    contact.agent, contact.offer, contact.leg = consult.agent, consult.offer, consult.leg
    contact.answered, contact.parted, contact.held = consult.joined, 0.0, 0.0
    domain.order(CancelWake(key=f"consult:{contact.id}"))
    if not consult.agent:
        domain.move(contact, "to_outside")
    _touch(domain, contact)


def _come(domain: Domain, contact: Contact) -> None:
    """A caller on hold comes into the room."""
    domain.order(CancelWake(key=f"consult:{contact.id}"))
    _touch(domain, contact)
    if contact.held_since:
        end_hold(domain, contact)
        domain.order(FollowIntoRoom(contact=contact.id, channel=contact.channel))


# --- ends ----------------------------------------------------------------------------------------


def end_consult(domain: Domain, contact: Contact, result: ConsultEnd) -> None:
    """A consultation that led to no talk with the caller is over; the colleague is free."""
    consult = contact.consult
    assert consult is not None
    _record_end(domain, contact, consult, result)
    contact.consult = None
    domain.order(CancelWake(key=f"consult:{contact.id}"))
    _touch(domain, contact)
    colleague = domain.agents.get(consult.agent)
    if colleague is None or colleague.contact != contact.id:
        return
    if colleague.state is AgentState.TALKING:
        domain.change(colleague, "consult_over", reason="", author="rule:consult_over")
    elif result.value in {miss.value for miss in MISSES}:
        blame(domain, colleague, OfferEnd(result.value))
    else:
        blame(domain, colleague, OfferEnd.CALLER_GONE)
    grant_kept_wish(domain, colleague)


def _record_end(domain: Domain, contact: Contact, consult: Consult, result: ConsultEnd) -> None:
    domain.record(
        ConsultEnded(
            at=domain.now,
            contact=contact.id,
            agent=contact.agent,
            offer=consult.offer,
            target=consult.target,
            to=consult.to,
            result=result,
            talked=domain.now - consult.answered if consult.answered else 0.0,
        )
    )


def consult_over_with_caller(domain: Domain, contact: Contact, *, hang_up: bool) -> None:
    """The caller is gone, or has heard the last of both: so ends what the others do.

    ``hang_up``: agent and colleague still talk with each other, and are let go.
    """
    consult = contact.consult
    if consult is None:
        return
    if consult.stage is ConsultStage.CONFERENCE:
        colleague_leaves(domain, contact, Party.CALLER if hang_up else Party.AGENT)
        return
    if hang_up:  # the colleague first: an agent's leg that hangs up would send it on
        for channel in filter(None, (consult.leg, contact.leg)):
            domain.order(EndCall(contact=contact.id, channel=channel))
    end_consult(domain, contact, ConsultEnd.CALLER_GONE)


def colleague_leaves(domain: Domain, contact: Contact, by: Party = Party.AGENT) -> None:
    """A conference goes on as a talk of two, without the colleague."""
    consult = contact.consult
    assert consult is not None
    contact.consult = None
    _touch(domain, contact)
    colleague = domain.agents.get(consult.agent)
    if colleague is None:
        return
    domain.record(
        TalkEnded(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            agent=colleague.id,
            offer=consult.offer,
            by=by,
            talked=domain.now - consult.joined,
        )
    )
    begin_wrap_up(domain, colleague, contact)


def agent_leaves(domain: Domain, contact: Contact) -> None:
    """The agent's leg is gone while a second voice is on the contact."""
    consult = contact.consult
    assert consult is not None
    if consult.stage is ConsultStage.CONFERENCE:
        leave_talk(domain, contact, Party.AGENT)
        _hand_over(domain, contact, consult)
    elif consult.stage is ConsultStage.RINGING:
        end_consult(domain, contact, ConsultEnd.LEFT)
        wait_again_alone(domain, contact, Party.AGENT)
    else:  # the colleague goes on to the caller by itself
        contact.parted = contact.parted or domain.now
        begin_wrap_up(domain, domain.agents[contact.agent], contact)
        _watch(domain, contact)
        _touch(domain, contact)


def colleague_leg_gone(domain: Domain, contact: Contact) -> None:
    """The colleague's leg is gone; of an agent who goes back the dialplan tells by itself."""
    consult = contact.consult
    assert consult is not None
    if consult.stage is ConsultStage.CONFERENCE:
        colleague_leaves(domain, contact)
    elif contact.parted:
        end_consult(domain, contact, ConsultEnd.LEFT)
        wait_again_alone(domain, contact, Party.AGENT)


def wait_again_alone(domain: Domain, contact: Contact, by: Party = Party.SYSTEM) -> None:
    """Nobody is left with the caller of a talk: back to the same place in the queue."""
    if contact.consult:
        end_consult(domain, contact, ConsultEnd.LOST)
    leave_talk(domain, contact, by)
    domain.move(contact, "transferred")
    contact.agent, contact.parted = "", 0.0
    place(domain, contact, contact.queue, why="left_alone", place=contact.queued)
    domain.passed_on.append(contact.id)
