"""Waits in the figures begin with the entry into the queue; the order goes by the kept place."""

import pytest

from acd.rules import Exit, LengthLimit, Ring
from telephony.events import AgentWish, ContactAnswered, QueueEnd, QueueEntryEnded
from tests.acd.playbook import Playbook
from tests.acd.test_limits import limited
from tests.acd.test_placing import changed, events


def overflowing() -> Playbook:
    """A contact has waited 60 s for the VIP queue and 2 s in presale since."""
    book = Playbook(changed("vip", rings=[Ring(after=60, overflow="presale")]))
    book.call("c1", "vip")
    book.pass_(62)
    return book


def test_a_wait_is_that_of_one_entry() -> None:
    book = overflowing()
    book.ready("8001")
    book.pass_(0.5)
    book.answer("c1")
    ends = [(e.queue, e.end, e.waited) for e in events(book, QueueEntryEnded)]
    assert ends == [("vip", QueueEnd.OVERFLOWED, 60), ("presale", QueueEnd.ANSWERED, 3.5)]
    (answered,) = events(book, ContactAnswered)
    assert answered.waited == 3.5
    assert book.figures.queue("presale", book.at).asa == 3.5
    assert book.figures.queue("presale", book.at).service_level == 1
    vip = book.figures.queue("vip", book.at)
    assert (vip.offered, vip.asa, vip.service_level) == (1, None, 0)


def test_a_short_abandon_is_short_in_this_queue() -> None:
    book = overflowing()
    book.caller_hangs_up("c1")
    last = events(book, QueueEntryEnded)[-1]
    assert (last.queue, last.end, last.waited) == ("presale", QueueEnd.SHORT_ABANDONED, 2)


def test_the_board_shows_the_wait_in_this_queue_and_the_order_goes_by_the_place() -> None:
    book = overflowing()
    assert book.figures.queue("presale", book.at).longest_wait == 2
    book.call("later")
    assert book.domain.router.position(book.domain.contacts["c1"], book.at) == 1
    assert book.domain.router.position(book.domain.contacts["later"], book.at) == 2


@pytest.mark.parametrize("chain", [1, 3])
def test_every_entry_of_a_chain_has_one_end(chain: int) -> None:
    """Offered is the sum of the ends and of who waits, over all queues, at every step."""
    full = LengthLimit(max=0, exit=Exit(overflow="logistics"))
    book = Playbook(limited(changed("logistics", rings=[Ring(after=30, overflow="vip")]),
                            "presale", length=full))  # fmt: skip
    for number in range(chain):
        book.call(f"c{number}", "presale")
        assert book.figures.imbalance == 0
        book.pass_(31)
        assert book.figures.imbalance == 0
    queues = {name: book.figures.queue(name, book.at) for name in ("presale", "logistics", "vip")}
    assert [queue.offered for queue in queues.values()] == [chain] * 3
    assert [queue.waiting for queue in queues.values()] == [0, 0, chain]
    book.wish("8001", AgentWish.SIGN_IN)
    book.wish("8001", AgentWish.READY)
    book.answer("c0")
    assert book.figures.imbalance == 0
    assert book.figures.queue("vip", book.at).ends[QueueEnd.ANSWERED] == 1
