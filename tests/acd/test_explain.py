"""Why still waiting, why not this agent: every obstacle has its code, and matches the routing."""

from typing import Any

from acd.company import Company
from acd.explain import WhyWaiting, why_not, why_not_then, why_waiting
from acd.rules import AgentProfile, Queue, Routing
from telephony.events import AgentWish, OfferEnd, OfferMade, PlaceWished
from tests.acd.playbook import Playbook


def made(agents: dict[str, dict[str, int]], routing: dict[str, Any] | None = None, **queue: Any):
    """A playbook of one queue ``order``."""
    return Playbook(
        Company(
            queues={
                "order": Queue.model_validate(
                    {"id": "order", "name": {"en": "order"}, "skills": {"order": 3}, **queue}
                )
            },
            agents={
                name: AgentProfile.model_validate({"id": name, "name": {"en": name}, "skills": s})
                for name, s in agents.items()
            },
            language_skills={},
            routing=Routing.model_validate(routing or {}),
        )
    )


def asked(book: Playbook, contact: str = "c1") -> WhyWaiting:
    return why_waiting(book.domain, book.domain.contacts[contact], book.at)


def codes(why: WhyWaiting) -> list[str]:
    return [clue.code for clue in why.clues]


def obstacles(why: WhyWaiting) -> dict[str, str]:
    return {row.agent: row.code for row in why.agents}


def test_nobody_is_signed_in() -> None:
    book = made({"8001": {"order": 5}})
    book.call("c1", "order")
    why = asked(book)
    assert (why.position, codes(why)[0]) == (1, "nobody_signed_in")
    assert obstacles(why) == {"8001": "signed_out"}


def test_everybody_is_busy_and_others_are_ahead() -> None:
    book = made({"8001": {"order": 5}, "8002": {"order": 2}})
    book.ready("8001", "8002")
    for contact in ("c1", "c2", "c3"):
        book.call(contact, "order")
    why = asked(book, "c3")
    assert codes(why)[:2] == ["all_busy", "ahead"]
    busy = why.clues[0].values
    assert (busy["able"], busy["offered"], busy["talking"]) == (1, 1, 0)
    assert why.clues[1].values == {"count": 2}
    assert obstacles(why) == {"8001": "offered", "8002": "skill:order:2<3"}


def test_nobody_has_the_skill() -> None:
    book = made({"8001": {"order": 1}})
    book.call("c1", "order")
    assert codes(asked(book))[0] == "nobody_able"


def test_a_hold_is_named_with_the_time_that_is_left() -> None:
    rule = {"name": "own", "when": {"tier": "vip"}, "preferred": "8001", "wait": 30}
    book = made(
        {"8001": {"order": 5}, "8002": {"order": 5}},
        {"attributes": {"tier": ["vip"]}, "rules": [rule]},
    )
    book.ready("8001")
    book.call("c0", "order")
    book.answer("c0")
    book.ready("8002")
    book.call("c1", "order", attributes={"tier": "vip"})
    book.pass_(10)
    why = asked(book)
    held = why.clues[0]
    assert (held.code, held.values["agent"], held.values["seconds"]) == ("held", "8001", 20)
    assert obstacles(why) == {"8001": "talking", "8002": "held:8001"}


def test_what_is_to_come() -> None:
    book = made(
        {"8001": {"order": 1}},
        rings=[{"after": 30, "skills": {"order": 1}}],
        limits={"wait": {"max": 120, "exit": {"voicemail": True}}},
        aging=90,
    )
    book.call("c1", "order")
    book.pass_(10)
    found = {clue.code: clue.values for clue in asked(book).clues}
    assert found["next_ring"]["seconds"] == 20
    assert found["aging"]["seconds"] == 80
    assert (found["limit"]["seconds"], found["limit"]["exit"]) == (110, "voicemail")
    book.pass_(90)
    assert "next_ring" not in codes(asked(book))
    assert "aged" in codes(asked(book))


def test_do_not_route() -> None:
    pair = {"caller": "13900000001", "agent": "8001"}
    book = made({"8001": {"order": 5}}, {"do_not_route": [pair]})
    book.ready("8001")
    book.call("c1", "order", caller="13900000001")
    why = asked(book)
    assert obstacles(why) == {"8001": "do_not_route"}
    assert "avoid" in codes(why)


def test_a_supervisors_wish_needs_no_skill() -> None:
    book = made({"8001": {"order": 1}})
    book.call("c1", "order")
    book.wish("8001", AgentWish.SIGN_IN)
    book.tell(PlaceWished(contact="c1", author="supervisor:chen", preferred="8001"))
    assert obstacles(asked(book)) == {"8001": "not_ready"}


def test_who_is_talking_wants_nobody() -> None:
    book = made({"8001": {"order": 5}})
    book.ready("8001")
    book.call("c1", "order")
    assert codes(asked(book))[0] == "ringing"
    book.answer("c1")
    why = asked(book)
    assert (why.position, codes(why)) == (0, ["not_waiting"])
    domain = book.domain
    answer = why_not(domain, domain.contacts["c1"], domain.agents["8001"], book.at)
    assert answer.code == "stage:talking"


def test_a_past_decision_tells_everybody_why_not() -> None:
    book = made({"8001": {"order": 5}, "8002": {"order": 5}, "8003": {"order": 1}, "8004": {}})
    book.ready("8001", "8002", "8003")
    book.call("c1", "order")
    reason = next(e for e in book.events if isinstance(e, OfferMade)).reason
    assert why_not_then(reason, "8001") == "chosen"
    assert why_not_then(reason, "8002") == "later:2"
    assert why_not_then(reason, "8003") == "skill:order:1<3"
    assert why_not_then(reason, "8004") == "skill:order:0<3"
    assert why_not_then(reason, "9999") is None


def test_an_agent_with_no_obstacle_has_the_contact_at_once() -> None:
    book = made({"8001": {"order": 5}, "8002": {"order": 5}})
    book.ready("8001")
    book.call("c1", "order")
    book.land("c1")
    book.returned("c1", OfferEnd.DECLINED)
    for _ in range(3):
        book.pass_(1)
        assert all(code for code in obstacles(asked(book)).values())
