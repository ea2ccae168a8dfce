"""What a waiting caller is told: the place in the queue, how long it will still take, and the key
by which to be called back instead.

Given as the answer to the dialplan's own question, and played there, where a match ends it at
once: no announcement delays one. The first comes when nobody could answer, the others at the
queue's interval.
"""

from bisect import bisect_left
from math import sqrt

from acd.callbacks import callback_key
from acd.contact import Contact
from acd.domain import Domain
from acd.estimate import estimate
from telephony.events import EstimateTold

#: Positions up to this one have a prompt of their own.
LAST_POSITION_PROMPT = 10
#: Minutes that have a prompt of their own, ``wait_N``; beyond them ``wait_more`` is said.
MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 60)


def announcement(domain: Domain, contact: Contact) -> tuple[str, ...]:
    """Names of the prompts to play to a waiting caller now; often none."""
    rules = domain.company.queue(contact.queue).announcements
    key = callback_key(domain, contact)
    says = rules.position or rules.wait or key
    if domain.now - contact.announced < rules.every or not says:
        return ()
    contact.announced = domain.now
    domain.touch(contact)
    if not domain.router.anybody(contact.requirement):
        return ("nobody_signed_in", f"callback_key_{key}") if key else ("nobody_signed_in",)
    told = _tell(domain, contact) if rules.position or rules.wait else ()
    return (*told, f"callback_key_{key}") if key else told


def _tell(domain: Domain, contact: Contact) -> tuple[str, ...]:
    rules = domain.company.queue(contact.queue).announcements
    position = domain.router.position(contact, domain.now)
    seconds = estimate(domain, contact, domain.now)
    domain.record(
        EstimateTold(
            at=domain.now,
            contact=contact.id,
            queue=contact.queue,
            position=position,
            seconds=None if seconds is None else round(seconds, 1),
        )
    )
    wait = _wait_prompt(seconds) if rules.wait and seconds is not None else ""
    place = _position_prompt(position, alone=not wait) if rules.position else ""
    return tuple(prompt for prompt in (place, wait) if prompt)


def _position_prompt(position: int, *, alone: bool) -> str:
    """The first in line hears "in a moment" only when no wait is named."""
    if position == 1 and not alone:
        return "position_next"
    return f"position_{position}" if position <= LAST_POSITION_PROMPT else "position_more"


def _wait_prompt(seconds: float) -> str:
    """The prompt whose minutes are nearest, as a ratio: between 10 and 15 the border is 12.2."""
    minutes = seconds / 60
    index = bisect_left(MINUTES, minutes)
    if index == 0:
        return f"wait_{MINUTES[0]}"
    if index == len(MINUTES):
        return "wait_60" if minutes < MINUTES[-1] * 1.25 else "wait_more"
    low, high = MINUTES[index - 1], MINUTES[index]
    return f"wait_{low if minutes < sqrt(low * high) else high}"
