"""How long a waiting contact will still wait: a model of the agents at work, not of past waits.

Each agent who may serve the contact, and is at work, becomes free after what is left of the talk
and notes at hand (``acd/pace.py``), and again after each further contact. The expected number of
times that one of them has become free grows with time; callers who go before, and those of other
queues who will overtake, take their share of it. The estimate is the time at which the rest is
enough for this contact. Half of the callers are answered sooner.

Because it looks at talks under way, it does not freeze when nobody answers any more: their ages
grow, and it grows with them. With nobody at work there is no estimate. Pure, and cheap: see
``tests/acd/test_estimate.py``.
"""

from bisect import bisect_left
from dataclasses import dataclass
from math import exp, log1p

from acd.contact import Contact
from acd.domain import Domain
from acd.order import key_of, urgency
from acd.pace import Lengths
from acd.roster import numbers
from acd.rules import Queue
from telephony.events import AgentState, AgentWish, CallStage

#: The k-th event of a steady stream comes, in half of all cases, before k - 1/3 mean gaps.
MEDIAN = 1 / 3
#: Of more agents than these a sample is looked at.
SAMPLE = 100
#: Others overtake with at most this share of what the agents can do.
MOST_OVERTAKING = 0.9
#: Nobody is told of a longer wait, in seconds.
LONGEST = 6 * 3600.0
#: With these wishes for after the call an agent will not take the next.
AWAY = frozenset({AgentWish.NOT_READY, AgentWish.SIGN_OUT})
#: An offer that is ringing takes so many seconds more, before the talk begins.
RINGING = 5.0


@dataclass(frozen=True, slots=True)
class _Work:
    """What the agents at work have before them; each entry stands for ``scale`` agents."""

    left: list[float]  # seconds until free
    again: float  # seconds of each further contact
    scale: float

    @property
    def rate(self) -> float:
        """How often per second one of them becomes free in the long run."""
        return self.scale * len(self.left) / self.again


def estimate(domain: Domain, contact: Contact, now: float) -> float | None:
    """Seconds until this waiting contact is offered to an agent; ``None`` when nobody can tell.

    0.0 for a contact that is being offered. ``None`` with no agent at work who may serve it.
    """
    if contact.stage is not CallStage.WAITING:
        return 0.0 if contact.stage is CallStage.OFFERED else None
    router = domain.router
    router.position(contact, now)  # the index follows all changes
    able = router.roster.able(contact.requirement)
    if seat := router.roster.by_id.get(contact.preferred):
        able |= seat.bit  # a person's wish needs no skills
    states = router.roster.states
    busy = able & (states[AgentState.OFFERED] | states[AgentState.TALKING])
    busy = (busy | able & states[AgentState.WRAP_UP]) & ~_leaving(domain)
    if able & router.roster.ready:  # kept for the preferred agent
        return max(0.0, contact.preferred_until - now)
    if not busy:
        return None
    wanted = _ahead(domain, contact, able, now) + 1 - MEDIAN
    overtaking = _overtaking(domain, contact, able, now)
    seconds = _when(_work(domain, contact.queue, busy, now), wanted, overtaking)
    patience = domain.pace.giving_up(contact.queue)
    return min(LONGEST, log1p(patience * seconds) / patience if patience else seconds)


def _leaving(domain: Domain) -> int:
    """Agents at work who will go away after it, as a bitset."""
    seats = domain.router.roster.by_id
    return sum(seats[agent.id].bit for agent in domain.agents.values() if agent.wish in AWAY)


def _work(domain: Domain, queue: str, busy: int, now: float) -> _Work:
    seats, pace = domain.router.roster.seats, domain.pace
    members = numbers(busy)
    sample = members[:: -(-len(members) // SAMPLE)]
    known: dict[str, tuple[Lengths, Lengths]] = {}
    left, whole = [], 0.0
    for number in sample:
        agent = seats[number].agent
        work = agent.queue or queue
        lengths = known.get(work)
        if lengths is None:
            lengths = known[work] = pace.talks(work), pace.notes(work)
        talks, notes = lengths
        whole += talks.mean + notes.mean
        if agent.state is AgentState.TALKING:
            seconds = talks.left(now - agent.since) + notes.mean
        elif agent.state is AgentState.WRAP_UP:
            seconds = min(notes.left(now - agent.since), agent.until - now)
        else:
            seconds = RINGING + talks.mean + notes.mean
        left.append(max(1.0, seconds))
    return _Work(left, max(1.0, whole / len(left)), len(members) / len(left))


def _ahead(domain: Domain, contact: Contact, able: int, now: float) -> float:
    """Waiting contacts that go before, each by the share of its agents that are among ``able``."""
    mark = urgency(contact, now)
    found = 0.0
    for bucket in domain.router.buckets():
        shared = (bucket.able & able).bit_count()
        if shared:
            right = bucket.right
            before = bisect_left(bucket.line, mark, key=lambda item: key_of(right, item, now))
            found += before * shared / bucket.able.bit_count()
    return found


def _overtaking(domain: Domain, contact: Contact, able: int, now: float) -> tuple[float, float]:
    """Contacts per second, still to come, that will go before this one; and for how long.

    Those of a higher priority do; of an equal one those whose target is shorter, if they come in
    the last part of this wait. Once this contact has aged nobody does.
    """
    rate = 0.0
    for queue in domain.company.queues.values():
        arrivals = domain.pace.arrivals(queue.id, now) if queue.id != contact.queue else 0.0
        if arrivals and (part := _part(domain, queue, contact)):
            asked = domain.company.requirement(queue.id, contact.language)
            theirs = domain.router.roster.able(asked)
            if shared := (theirs & able).bit_count():
                rate += arrivals * part * shared / theirs.bit_count()
    return rate, max(0.0, contact.queued + contact.aging - now)


def _part(domain: Domain, queue: Queue, contact: Contact) -> float:
    """The part of this queue's arrivals that goes before a contact which waits already."""
    priority = domain.company.priority_of(queue.priority)
    if priority != contact.priority:
        return float(priority > contact.priority)
    return max(0.0, 1 - queue.threshold / contact.threshold)


def _when(work: _Work, wanted: float, overtaking: tuple[float, float]) -> float:
    """The time at which agents have become free ``wanted`` times, less who overtakes.

    An agent with r seconds of work left, exponentially distributed, and h seconds of each further
    one, has become free (1 - e) + (t - r (1 - e)) / h times by t, with e = exp(-t / r).
    """
    rate, until = min(overtaking[0], MOST_OVERTAKING * work.rate), overtaking[1]
    time = wanted / work.rate
    for _ in range(8):
        done, speed = 0.0, 0.0
        for r in work.left:
            gone = 1 - exp(-time / r)
            done += gone + (time - r * gone) / work.again
            speed += (1 - gone) / r + gone / work.again
        missing = wanted + rate * min(time, until) - work.scale * done
        slope = work.scale * speed - (rate if time < until else 0.0)
        step = missing / max(slope, 0.1 * work.scale * speed)
        time = min(LONGEST, max(time / 4, time + step))
        if abs(step) < 0.5:
            break
    return time
