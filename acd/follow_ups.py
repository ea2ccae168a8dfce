"""Calls that nobody asked for on the line: a rule, an agent or a supervisor wants one made.

A follow-up call becomes a ticket among the promised callbacks (``acd/callbacks.py``), with a place
of its own in a queue, and goes through the same routing: never two calls to one customer, none
without a reserved agent, tried again by the queue's rule.
"""

from acd.callbacks import become_ticket
from acd.calling import callback_rules, dialable
from acd.contact import Contact
from acd.domain import Domain
from acd.placing import open_rings, prefer, take_up
from acd.wishes import ActionRefused
from telephony.commands import CancelWake
from telephony.events import CallbackRequested, CallStage, FollowUpDue, FollowUpPlaced

#: Seconds for which who asked for the call is waited for.
WAIT_FOR_AUTHOR = 60.0


def follow_up_due(domain: Domain, event: FollowUpDue) -> None:
    """Give a follow-up call its ticket; one that is here already is left alone.

    Raises:
        ActionRefused: ``unknown_queue``; ``not_dialable``: this number cannot be called;
            ``callback_pending``: the customer is to be called already.
    """
    if event.contact in domain.contacts:
        return
    number = dialable(event.caller)
    if event.queue not in domain.company.queues:
        raise ActionRefused("unknown_queue", f"there is no queue {event.queue}")
    if not number:
        raise ActionRefused("not_dialable", "this number cannot be called")
    if number in domain.callbacks:
        raise ActionRefused("callback_pending", "the customer is to be called back already")
    contact = Contact(
        event.contact,
        "",
        caller=event.caller,
        stage=CallStage.CALLBACK,
        changed=domain.now,
        language=event.language,
        attributes=dict(event.attributes),
        entered=domain.now,
        queued=min(event.place or domain.now, domain.now),
    )
    take_up(domain, contact, event.queue)
    domain.order(CancelWake(key=f"limit:{contact.id}"))
    if event.preferred in domain.agents:
        prefer(domain, contact, event.preferred, by=event.why, wait=WAIT_FOR_AUTHOR)
    _record(domain, contact, event)
    become_ticket(domain, contact, number)
    open_rings(domain, contact)


def _record(domain: Domain, contact: Contact, event: FollowUpDue) -> None:
    domain.record(
        FollowUpPlaced(
            at=domain.now,
            contact=contact.id,
            caller=contact.caller,
            queue=contact.queue,
            language=contact.language,
            task=event.task,
            author=event.why,
            attributes=contact.attributes,
        )
    )
    domain.record(
        CallbackRequested(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            why="follow_up",
            first=callback_rules(domain, contact).first,
        )
    )
