"""What ends the waiting: the limits of a queue, and the exit that each of them names.

``closed``, ``nobody_able``, ``nobody_signed_in`` and ``length`` are looked at when a contact comes
into a queue (the first before anybody is offered it, the others when no free agent took it);
``nobody_signed_in`` also whenever an agent signs out, and ``wait`` by a timer. A contact that is
being offered or talks is under no limit.
"""

from collections.abc import Iterable

from acd.callbacks import request_callback
from acd.contact import Contact
from acd.domain import Domain
from acd.placing import fits, leave_queue, overflow
from acd.requirement import Requirement
from acd.rules import Exit
from telephony.commands import LeaveMessage, MoveCaller, NextStep, SayGoodbye
from telephony.events import AgentState, CallStage, LimitReached, QueueEnd

#: What the caller hears when an exit cannot be taken.
LAST_WORDS = "queue_full"
#: How the queue entry ends by each limit, unless it overflows or becomes a callback.
ENDS = {"wait": QueueEnd.TIMED_OUT}
#: The longest chain of overflows in one decision.
MOST_MOVES = 20


def turn_away_closed(domain: Domain) -> None:
    """Contacts queued in this decision whose queue is closed leave before they are offered."""
    for contact in _waiting(domain, domain.placed):
        for _ in range(MOST_MOVES):
            queue = domain.company.queue(contact.queue)
            if queue.limits.closed is None or domain.is_open(queue.hours, domain.now):
                break
            take_exit(domain, contact, queue.limits.closed, "closed")
            if contact.stage is not CallStage.WAITING:
                break


def enforce(domain: Domain, asked: str = "") -> bool:
    """Have contacts leave whose queue's limits are reached. True when one overflowed.

    Looks at who was queued in this decision, at who asks (``asked``) and, when an agent has signed
    out, at everybody. Comes after the matching: a free agent is better than any exit.
    """
    names = [*domain.placed, asked]
    if any(_signed_out(domain, name) for name in domain.out.agents):
        names += domain.contacts
    moved = False
    for contact in _waiting(domain, names):
        if limit := _reached(domain, contact):
            moved |= _leave(domain, contact, limit)
    return moved


def longest_wait_over(domain: Domain, contact: Contact) -> None:
    """The timer of the longest wait has fired."""
    if _waiting(domain, [contact.id]) and _waited_too_long(domain, contact):
        _leave(domain, contact, "wait")


def _leave(domain: Domain, contact: Contact, limit: str) -> bool:
    limits = domain.company.queue(contact.queue).limits
    named = limits.length if limit == "length" else limits.wait if limit == "wait" else None
    exit_ = named.exit if named else getattr(limits, limit)
    take_exit(domain, contact, exit_, limit)
    return contact.stage is CallStage.WAITING


def take_exit(domain: Domain, contact: Contact, exit_: Exit, limit: str) -> NextStep | None:
    """End the queue entry by a named exit.

    The caller is moved by a command; for a caller whose dialplan is asking right now the same step
    is the answer (``step_of``) and the command is taken back.

    Returns:
        The step that the dialplan takes; ``None`` when the contact waits on, in another queue.
    """
    word = exit_word(exit_)
    domain.record(
        LimitReached(at=domain.now, contact=contact.id, queue=contact.queue, limit=limit, exit=word)
    )
    if exit_.overflow and overflow(domain, contact, exit_.overflow, note=limit):
        return None
    if exit_.callback and (said := request_callback(domain, contact, limit)):
        domain.order(MoveCaller(contact=contact.id, channel=contact.channel, step=said))
        return said
    if exit_.overflow or exit_.callback:
        word = f"announce:{LAST_WORDS}"
    domain.end_entry(contact, ENDS.get(limit, QueueEnd.REFUSED), limit)
    leave_queue(domain, contact)
    domain.move(contact, "timed_out")
    contact.exit = word
    step = step_of(contact)
    domain.order(MoveCaller(contact=contact.id, channel=contact.channel, step=step))
    return step


def exit_word(exit_: Exit) -> str:
    """An exit as it is recorded: overflow:QUEUE, callback, voicemail or announce:PROMPT."""
    if exit_.overflow:
        return f"overflow:{exit_.overflow}"
    if exit_.announce:
        return f"announce:{exit_.announce}"
    return "callback" if exit_.callback else "voicemail"


def step_of(contact: Contact) -> SayGoodbye | LeaveMessage:
    """What the dialplan does with a contact that has left by an exit."""
    if contact.exit == "voicemail":
        return LeaveMessage(language=contact.language)
    _, _, prompt = contact.exit.partition(":")
    return SayGoodbye(say=(prompt or LAST_WORDS,), language=contact.language)


def step_in_answer(domain: Domain, contact: Contact) -> NextStep:
    """The step of a contact that has left, as an answer: no command has to carry it as well."""
    for command in domain.out.commands:
        if isinstance(command, MoveCaller) and command.contact == contact.id:
            domain.out.commands.remove(command)
            break
    return step_of(contact)


# --- the limits ----------------------------------------------------------------------------------


def _reached(domain: Domain, contact: Contact) -> str:
    """The limit that this waiting contact has reached; "" when it may wait on."""
    limits = domain.company.queue(contact.queue).limits
    fresh = contact.id in domain.placed
    if fresh and limits.nobody_able and not _somebody_able(domain, contact, signed_in=False):
        return "nobody_able"
    if limits.nobody_signed_in and not _somebody_able(domain, contact, signed_in=True):
        return "nobody_signed_in"
    if fresh and limits.length and _is_full(domain, contact, limits.length.max):
        return "length"
    return "wait" if _waited_too_long(domain, contact) else ""


def _signed_out(domain: Domain, agent_id: str) -> bool:
    """Also true of an agent who has left the files."""
    agent = domain.agents.get(agent_id)
    return agent is None or agent.state is AgentState.SIGNED_OUT


def _waited_too_long(domain: Domain, contact: Contact) -> bool:
    # A timer may fire a hair early; a millisecond is nobody's wait.
    longest = domain.company.queue(contact.queue).limits.wait.max
    return domain.now - contact.entered >= longest - 0.001


def _is_full(domain: Domain, contact: Contact, most: int) -> bool:
    """Do so many others wait on the line in this contact's queue?"""
    if domain.router.waiting_in(contact.queue) <= most:  # all who have a place there, with this one
        return False
    others = sum(
        1
        for other in domain.contacts.values()
        if other.queue == contact.queue
        and other.stage is CallStage.WAITING
        and other.id != contact.id
    )
    return others >= most


def _somebody_able(domain: Domain, contact: Contact, *, signed_in: bool) -> bool:
    """Is there an agent (who is signed in) who could serve this contact in any of its rings?"""
    if not signed_in and _overflows(domain, contact):
        return True
    if contact.preferred and not _signed_out(domain, contact.preferred):
        return True
    return domain.router.anybody(widest_requirement(domain, contact), signed_in=signed_in)


def _overflows(domain: Domain, contact: Contact) -> bool:
    rings = domain.company.queue(contact.queue).rings
    return any(ring.overflow and fits(ring.when, contact) for ring in rings)


def widest_requirement(domain: Domain, contact: Contact) -> Requirement:
    """Whom the contact asks for once all rings have opened."""
    rings = len(domain.company.queue(contact.queue).rings)
    return domain.company.requirement(
        contact.queue, contact.language, contact.attributes, rings, contact.caller
    )


def _waiting(domain: Domain, names: Iterable[str]) -> list[Contact]:
    found = (domain.contacts.get(name) for name in dict.fromkeys(names))
    return [c for c in found if c and c.stage is CallStage.WAITING and not c.promised]
