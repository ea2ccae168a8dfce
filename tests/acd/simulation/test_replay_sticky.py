"""A day whose callers wait for agents who served them on another day is replayed exactly."""

from acd.rules import Sticky
from acd.simulation.replay import replay
from telephony.commands import NextStep
from telephony.events import AgentWish, ContactQueued, Question, WireEvent
from tests.acd.playbook import Playbook
from tests.acd.test_placing import call, changed, events


class Apart(Playbook):
    """A playbook whose steps lie apart in time, as on the wires."""

    def tell(self, event: WireEvent | Question) -> NextStep | None:
        self.at += 1e-4
        return super().tell(event)


def test_who_served_them_before_the_day_began_is_told_by_the_day() -> None:
    of = changed("presale", sticky=Sticky(wait=60))
    book = Apart(of)
    book.domain.served.note("138", "8001", book.at - 86400)
    book.ready("8001", "8002")
    call(book, "first", "139")
    book.answer("first")  # 8001 talks
    book.pass_(5)
    call(book, "again", "138")  # waits for 8001 though 8002 is free
    assert ("again", "8002") not in book.offers()
    book.pass_(20)
    book.agent_hangs_up("first")
    book.pass_(2)
    book.wish("8001", AgentWish.READY)
    assert ("again", "8001") in book.offers()
    queued = events(book, ContactQueued)[-1]
    assert (queued.preferred, queued.preferred_by) == ("8001", "rule:sticky")
    found = replay(book.events, of)
    assert found.offers == 2
    assert found.differences == found.unexplained == []
