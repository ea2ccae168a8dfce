"""What a controller that was killed had begun: offers that ring, and entries that no store has."""

from telephony.events import (
    AgentState,
    CallStage,
    ContactQueued,
    OfferEnded,
    OfferMade,
    PictureTaken,
)
from tests.acd.playbook import Playbook
from tests.acd.test_picture import leg, restarted, see


def test_a_phone_that_rings_for_an_unrecorded_offer_is_an_offer() -> None:
    book = Playbook()
    book.call("c1")
    book.ready("8001")  # the offer of this moment was lost with its controller
    contact, agent = book.domain.contacts["c1"], book.domain.agents["8001"]
    contact.stage, contact.offer, contact.agent = CallStage.WAITING, 0, ""
    agent.state, agent.contact, agent.queue = AgentState.READY, "", ""
    again = restarted(book)
    rings = leg("c1", agent="8001", context="from-agents", application="AppDial")
    see(again, leg("c1", context="huawu-offer", application="Dial", HUAWU_OFFER="1"), rings)
    assert again.state("8001") is AgentState.OFFERED
    assert again.domain.contacts["c1"].offer == 1
    assert len([event for event in again.events if isinstance(event, OfferMade)]) == 1


def test_an_offer_that_rings_is_not_given_up_after_a_restart() -> None:
    book = Playbook()
    book.ready("8001")
    book.call("c1")
    again = restarted(book)
    rings = leg("c1", agent="8001", context="from-agents", application="AppDial")
    caller = leg("c1", context="huawu-offer", application="Dial", HUAWU_OFFER="1")
    # No timer fires before the first picture.
    again.tell(PictureTaken(at=again.at, legs=(caller, rings), phones=frozenset({"8001"})))
    again.pass_(3.0)
    assert again.domain.contacts["c1"].landed
    assert not [event for event in again.events if isinstance(event, OfferEnded)]


def test_an_adopted_caller_has_an_entry_that_counts() -> None:
    book = Playbook()
    see(book, leg("c9", HUAWU_QUEUE="presale", HUAWU_ENQUEUED=f"{book.at - 30}"))
    (entry,) = [event for event in book.events if isinstance(event, ContactQueued)]
    assert (entry.why, entry.counts_from) == ("adopted", book.domain.contacts["c9"].queued)
