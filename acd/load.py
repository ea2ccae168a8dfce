"""How a queue stands for somebody who would enter it now: what a menu branches on. Pure."""

from dataclasses import dataclass

from acd.domain import Domain
from acd.estimate import estimate
from telephony.events import CallStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A queue at one moment."""

    waiting: int
    ready: int
    """Agents who could take a call of it at once."""
    signed_in: int
    """Agents who may serve it and are at work, ready or not."""
    wait: float | None
    """Seconds that a newcomer will wait; None when nobody can tell."""


def load_of(domain: Domain, queue: str, now: float) -> Load | None:
    """A queue's load; None when there is no such queue.

    A newcomer waits at least as long as the last who waits there now.
    """
    if queue not in domain.company.queues:
        return None
    roster = domain.router.roster
    able = roster.able(domain.company.requirement(queue, "", {}, 0, ""))
    there = [
        contact
        for contact in domain.contacts.values()
        if contact.queue == queue and contact.stage is CallStage.WAITING
    ]
    ready = (able & roster.ready).bit_count()
    last = max(there, key=lambda contact: contact.queued, default=None)
    wait = 0.0 if ready and not there else estimate(domain, last, now) if last else None
    signed_in = (able & roster.signed_in).bit_count()
    return Load(waiting=len(there), ready=ready, signed_in=signed_in, wait=wait)
