"""What must hold of any log of events, however often its writers died."""

from collections.abc import Iterable, Sequence

from acd.figures import Figures
from telephony.events import (
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    OfferEnded,
    OfferMade,
    QueueEntryEnded,
    RecordedEvent,
    TalkEnded,
)


def overlapping_offers(events: Iterable[RecordedEvent]) -> list[OfferMade]:
    """Offers made while their contact or their agent had another offer, or a talk."""
    contacts: dict[str, str] = {}  # contact -> agent it is offered to or talks with
    wrong = []
    for event in events:
        match event:
            case OfferMade():
                if event.contact in contacts or event.agent in contacts.values():
                    wrong.append(event)
                contacts[event.contact] = event.agent
            case ContactAnswered():
                contacts[event.contact] = event.agent
            case OfferEnded() | TalkEnded() | ContactEnded():
                contacts.pop(event.contact, None)
    return wrong


def faults_of(events: Sequence[RecordedEvent]) -> list[str]:
    """What does not balance: entries without an end, ends without an entry, contacts lost."""
    figures = Figures({})
    figures.extend(events)
    faults = [f"imbalance {figures.imbalance}"] if figures.imbalance else []
    arrived = [event.contact for event in events if isinstance(event, ContactArrived)]
    ended = [event.contact for event in events if isinstance(event, ContactEnded)]
    queued = [event.contact for event in events if isinstance(event, ContactQueued)]
    entries = [event.contact for event in events if isinstance(event, QueueEntryEnded)]
    if len(set(arrived)) != len(arrived):
        faults.append("a contact arrived twice")
    if sorted(arrived) != sorted(ended):
        faults.append(f"arrived {sorted(arrived)}, ended {sorted(ended)}")
    if sorted(queued) != sorted(entries):
        faults.append(f"queued {sorted(queued)}, left {sorted(entries)}")
    return faults
