"""The breaker lets one request try, and a hang-up never counts."""

from ivr.shop.breaker import Breaker


def opened() -> Breaker:
    breaker = Breaker(failures=3, rest=10)
    for _ in range(3):
        assert breaker.may_ask(100)
        breaker.failed(100)
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(failures=2)
    for _ in range(5):
        breaker.failed(0)
        breaker.answered()
    assert breaker.may_ask(0)
    assert not opened().may_ask(109.9)


def test_one_tries_at_a_time() -> None:
    breaker = opened()
    assert breaker.may_ask(110)
    assert not breaker.may_ask(110)
    breaker.failed(111)
    assert not breaker.may_ask(120.9)
    assert breaker.may_ask(121)
    breaker.answered()
    assert breaker.may_ask(121)
    assert breaker.may_ask(121)


def test_who_tried_and_hung_up_leaves_it_to_the_next() -> None:
    breaker = opened()
    assert breaker.may_ask(110)
    breaker.let_go()
    assert breaker.is_open
    assert breaker.may_ask(110)
