"""Calling back: which calls an attempt makes, and to which numbers one may be made. Pure.

An attempt always holds a reserved agent. The customer's channel bears the contact's own id, and
Asterisk has only one channel of an id: whatever a controller forgets, nobody is called twice at a
time. ``acd/callbacks.py`` knows the tickets and what comes of an attempt.
"""

import re

from acd.contact import Contact
from acd.domain import Domain
from acd.rules import Callback
from telephony.commands import CallAgentFirst, CallCustomer, WakeAt
from telephony.numbers import plain_number

#: A call that was ordered is to be seen in Asterisk after so many seconds.
UNDER_WAY = 2.5
#: Then it is looked at every so many seconds, should its end have been missed.
LOOK_AGAIN = 15.0

_FOREIGN = re.compile(r"(\+|00)(?!86)")
_NATIONAL = re.compile(r"[0-9]{5,12}")


def dialable(caller: str) -> str:
    """The digits under which this caller can be called back; "" when that is not possible.

    Withheld numbers, numbers abroad (whoever forges a caller's number would choose the one that
    is paid for each call) and anything that is no telephone number are not called.
    """
    if _FOREIGN.match(caller) or re.search(r"[^0-9+]", caller):
        return ""
    number = plain_number(caller)
    return number if _NATIONAL.fullmatch(number) else ""


def callback_rules(domain: Domain, contact: Contact) -> Callback:
    """The queue's rules for callbacks; the usual ones where a limit led to one unasked."""
    return domain.company.queue(contact.queue).callback or Callback()


def call_back(domain: Domain, contact: Contact) -> None:
    """Begin an attempt: an agent is reserved, the queue says who is called first."""
    contact.reached, contact.partner, contact.exit = False, "", ""
    if callback_rules(domain, contact).first == "agent":
        queue = domain.company.queue(contact.queue)
        domain.order(
            CallAgentFirst(
                contact=contact.id,
                agent=contact.agent,
                offer=contact.offer,
                ring=queue.ring,
                label=queue.name.get("zh-CN", queue.id),
                number=dialable(contact.caller),
                queue=queue.id,
            )
        )
    else:
        call_customer(domain, contact)
    domain.order(WakeAt(key=f"calling:{contact.id}", at=domain.now + UNDER_WAY))


def call_customer(domain: Domain, contact: Contact) -> None:
    """Have the customer called; counts as an attempt."""
    contact.attempts += 1
    domain.touch(contact)
    queue = domain.company.queue(contact.queue)
    domain.order(
        CallCustomer(
            contact=contact.id,
            number=dialable(contact.caller),
            ring=callback_rules(domain, contact).ring,
            agent=contact.agent,
            offer=contact.offer,
            agent_ring=queue.ring,
            partner=contact.partner,
            label=queue.name.get("zh-CN", queue.id),
            queue=contact.queue,
            queued=contact.queued,
            priority=contact.priority,
            language=contact.language,
            music=queue.music,
            attributes=dict(contact.attributes),
        )
    )
