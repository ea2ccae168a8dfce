"""Whom a contact asks for and which place it gets, by queue, language, rules and rings."""

from collections.abc import Mapping

import pytest

from acd.company import Company
from acd.requirement import Requirement
from acd.rules import AgentProfile, DoNotRoute, Queue, Ring, Routing, Rule

AGENTS = {
    "8001": {"sales": 8, "mandarin": 10},
    "8002": {"sales": 2, "mandarin": 10, "legal": 3},
    "8003": {"help": 5, "english": 5},
    "8004": {"mandarin": 10},
}


def company(
    rings: list[Ring] | None = None,
    rules: list[Rule] | None = None,
    skills: Mapping[str, int] | None = None,
    **routing: object,
) -> Company:
    queues = [
        Queue(
            id="sales",
            name={"en": "Sales"},
            skills=dict(skills or {"sales": 5}),
            rings=rings or [],
            priority=1,
        ),
        Queue(id="help", name={"en": "Help"}, skills={"help": 2}),
    ]
    return Company(
        queues={queue.id: queue for queue in queues},
        agents={
            name: AgentProfile(id=name, name={"en": name}, skills=skills)
            for name, skills in AGENTS.items()
        },
        language_skills={"zh-CN": "mandarin", "en": "english"},
        routing=Routing(classes={"vip": 10}, rules=rules or [], **routing),  # type: ignore[arg-type]
    )


def asked(
    rules: Company, ring: int = 0, attributes: Mapping[str, str] | None = None, caller: str = ""
) -> Requirement:
    return rules.requirement("sales", "zh-CN", attributes, ring, caller)


def test_the_queues_skills_and_the_languages() -> None:
    assert asked(company()) == Requirement(every=(("mandarin", 1), ("sales", 5)))
    assert company().requirement("sales", "fr").every == (("sales", 5),)


def test_the_language_never_lowers_what_the_queue_asks() -> None:
    rules = company(skills={"mandarin": 7})
    assert asked(rules).every == (("mandarin", 7),)


@pytest.mark.parametrize(
    "ring, every",
    [
        (Ring(after=10, skills={"sales": 2}), (("mandarin", 1), ("sales", 2))),
        (Ring(after=10, drop=["sales"]), (("mandarin", 1),)),
        (Ring(after=10, drop=["mandarin"]), (("sales", 5),)),
    ],
)
def test_a_ring_lowers_or_drops(ring: Ring, every: tuple[tuple[str, int], ...]) -> None:
    rules = company([ring])
    assert asked(rules).every == (("mandarin", 1), ("sales", 5))
    assert asked(rules, 1).every == every
    assert asked(rules, 9).every == every


def test_one_of_several_takes_the_place_of_the_queues_own() -> None:
    rules = company([Ring(after=10, any={"sales": 5, "legal": 1})])
    opened = asked(rules, 1)
    assert opened == Requirement(every=(("mandarin", 1),), any=(("legal", 1), ("sales", 5)))
    assert opened.obstacle("8002", AGENTS["8002"]) == ""
    assert opened.obstacle("8004", AGENTS["8004"]) == "any_of:legal+sales"


def test_agents_of_another_queue_serve_as_if_the_contact_waited_there() -> None:
    rules = company([Ring(after=10, queues=["help"]), Ring(after=20, drop=["mandarin"])])
    assert asked(rules, 1).others == ((("help", 2), ("mandarin", 1)),)
    assert asked(rules, 1).obstacle("8003", AGENTS["8003"]) != ""
    assert asked(rules, 2).others == ((("help", 2),),)
    assert asked(rules, 2).obstacle("8003", AGENTS["8003"]) == ""


def test_rings_add_up_and_their_conditions_count() -> None:
    rules = company(
        [
            Ring(after=10, skills={"sales": 4}),
            Ring(after=20, skills={"sales": 2}, when={"tier": ["gold", "silver"]}),
            Ring(after=30, skills={"sales": 3}),
        ]
    )
    assert dict(asked(rules, 3).every)["sales"] == 3
    assert dict(asked(rules, 3, {"tier": "gold"}).every)["sales"] == 2
    assert dict(asked(rules, 1, {"tier": "gold"}).every)["sales"] == 4


def test_no_ring_ever_asks_for_more() -> None:
    rules = company([Ring(after=10, skills={"sales": 2}), Ring(after=20, any={"sales": 9})])
    before, after = asked(rules, 1), asked(rules, 2)
    assert before.obstacle("8002", AGENTS["8002"]) == ""
    assert after.any == (("sales", 9),), "such files are refused: see test_rule_mistakes.py"


def test_a_rules_skills_are_asked_for_in_addition() -> None:
    legal = Rule(name="legal", when={"intent": "contract"}, skills={"legal": 2, "sales": 1})
    rules = company(rules=[legal])
    assert asked(rules, attributes={"intent": "contract"}).every == (
        ("legal", 2), ("mandarin", 1), ("sales", 5),
    )  # fmt: skip
    assert asked(rules, attributes={"intent": "other"}) == asked(rules)


def test_a_rule_may_ask_for_language_and_queue() -> None:
    rules = company(
        rules=[Rule(name="x", when={"language": "zh-CN", "queue": "sales"}, skills={"legal": 1})]
    )
    assert "legal" in dict(asked(rules).every)
    assert "legal" not in dict(rules.requirement("sales", "en").every)
    assert "legal" not in dict(rules.requirement("help", "zh-CN").every)


def test_later_rules_override_earlier_ones_and_the_queue() -> None:
    rules = company(
        rules=[
            Rule(name="a", when={}, priority=3, threshold=15, preferred="8001", wait=5),
            Rule(name="b", when={"tier": "gold"}, priority="vip"),
            Rule(name="c", when={}, queues=["help"], priority=99),
        ]
    )
    plain = rules.place_rules("sales", "zh-CN")
    assert (plain.priority, plain.threshold, plain.rules) == (3, 15, ("a",))
    assert (plain.preferred, plain.wait, plain.preferred_by) == ("8001", 5, "rule:a")
    gold = rules.place_rules("sales", "zh-CN", {"tier": "gold"})
    assert (gold.priority, gold.preferred, gold.rules) == (10, "8001", ("a", "b"))
    assert company().place_rules("sales", "zh-CN").priority == 1


@pytest.mark.parametrize("caller", ["13800000001", "+8613800000001", "013800000001"])
def test_those_who_must_not_meet(caller: str) -> None:
    pairs = [
        DoNotRoute(caller="8613800000001", agent="8002"),
        DoNotRoute(caller="13800000001", agent="8001"),
        DoNotRoute(caller="13800000002", agent="8004"),
    ]
    rules = company(do_not_route=pairs)
    assert asked(rules, caller=caller).avoid == ("8001", "8002")
    assert asked(rules, caller="").avoid == ()
    assert asked(rules, caller="13900000000").avoid == ()


def test_whether_anybody_is_able_is_asked_of_the_widest_ring() -> None:
    rules = company(skills={"legal": 9}, rings=[Ring(after=60, skills={"legal": 3})])
    assert not rules.anybody_able(asked(rules))
    assert rules.anybody_able(rules.widest_requirement("sales", "zh-CN"))
    assert not rules.anybody_able(rules.widest_requirement("sales", "en"))


def test_only_declared_attributes_are_believed() -> None:
    rules = company(attributes={"tier": ["gold"], "note": []})
    said = {"tier": "gold", "note": "任意", "evil": "1"}
    assert rules.declared(said) == {"tier": "gold", "note": "任意"}
    assert rules.declared({"tier": "platinum"}) == {}
