"""The simulated people's lots, and what they see; the calls themselves are in tests/live."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from redis.asyncio import Redis

from controller.demo import parse
from controller.demo_script import (
    Bought,
    Person,
    choose_agents,
    draw_keys,
    draw_person,
    load_phrases,
    queue_behind,
    wrong_key,
)
from controller.demo_watch import Watch
from telephony.events import (
    AgentState,
    AgentStateChanged,
    CallStage,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    MenuStepTaken,
    Party,
    QueueEnd,
    QueueEntryEnded,
    TalkEnded,
)
from tests.example_company import COMPANY, example_company, example_menu

FLOWS = example_menu().flows
FLOW, SHOP = FLOWS.main, FLOWS.by_name["shop"]


def person(language: str = "zh-CN", order: Bought | None = None) -> Person:
    return Person(
        number="13912345678", language=language, leaves_menu=False, presses_wrong=False,
        patience=60, hangs_up_first=False, rates=True, order=order,
    )  # fmt: skip


def test_words_have_defaults_and_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    assert (parse([]).rate, parse([]).minutes, parse([]).agents) == (12, 5, 6)
    assert parse(["--rate", "30", "--seed", "4"]).seed == 4
    for words in (["--rate", "0"], ["--minutes", "-1"], ["--agents", "-1"], ["--rate", "x"]):
        with pytest.raises(SystemExit):
            parse(words)
    assert "usage" in capsys.readouterr().err


def test_people_differ_and_the_same_seed_draws_the_same() -> None:
    people = [draw_person(Random(seed), ["zh-CN", "en"], ["19900000001"]) for seed in range(300)]
    again = [draw_person(Random(seed), ["zh-CN", "en"], ["19900000001"]) for seed in range(300)]
    assert people == again
    assert len({person.number for person in people}) > 250
    assert all(person.number.isdigit() and len(person.number) == 11 for person in people)
    languages = Counter(person.language for person in people)
    assert languages["zh-CN"] > languages["en"] > 10
    assert any(person.number == "19900000001" for person in people)
    assert min(person.patience for person in people) >= 6
    one_language = {draw_person(Random(seed), ["zh-CN"], []).language for seed in range(50)}
    assert one_language == {"zh-CN"}


def test_every_queue_of_the_menu_is_asked_for() -> None:
    lots = Random(1)
    keys = Counter(draw_keys(lots, FLOW, "main_menu", person()) for _ in range(600))
    assert set(keys) == {"0", "1", "2", "3", "4", "5", "6"}
    assert keys["3"] > keys["5"]
    assert draw_keys(lots, FLOW, "language", person("en")) == "2"
    assert draw_keys(lots, FLOW, "greeting", person("en")) == ""
    assert wrong_key(FLOW, "main_menu") == "9"
    assert wrong_key(FLOW, "language") == ""


def test_customers_know_their_order_and_its_phone() -> None:
    lots, buyer = Random(1), person(order=Bought(number="6600000019", phone="13800000101"))
    assert draw_keys(lots, SHOP, "ask_number", buyer) == "6600000019"
    assert draw_keys(lots, SHOP, "ask_four", buyer, typed="6600000019") == "0101"
    assert draw_keys(lots, SHOP, "newest_four", buyer) == "5678"
    assert draw_keys(lots, SHOP, "ask_number", person()) == ""
    scores = {draw_keys(lots, FLOWS.by_name["survey"], "score", buyer) for _ in range(60)}
    assert scores == set("12345")


def test_a_way_through_the_menu_leads_to_its_queue() -> None:
    assert queue_behind(FLOW, "presale_hours") == "presale"
    assert queue_behind(FLOW, "person") == "general"
    assert queue_behind(FLOW, "main_menu") == ""
    assert queue_behind(FLOW, "shop") == ""
    assert queue_behind(SHOP, "person") == "general"


def test_few_agents_serve_many_queues_and_none_is_taken_from_work() -> None:
    company = example_company()
    three = choose_agents(company, company.agents, 3)
    assert set().union(*(company.queues_of(agent) for agent in three)) == set(company.queues)
    assert sorted(choose_agents(company, company.agents, 99)) == sorted(company.agents)
    assert choose_agents(company, {"8003"}, 5) == ["8003"]
    assert choose_agents(company, set(), 5) == []


def test_phrases_fit_queue_and_language() -> None:
    phrases, lots = load_phrases(COMPANY / "speech"), Random(1)
    for queue in example_company().queues:
        for language in ("zh-CN", "en"):
            question = phrases.customer(lots, queue, language)
            assert question is not None
            assert question.name.startswith("customer_")
            assert question.stem.endswith("_en") == (language == "en")
    assert phrases.named("nothing") is None
    assert phrases.customer(lots, "order", "fr") is None


def test_a_company_without_phrases_is_silent(tmp_path: Path) -> None:
    assert load_phrases(tmp_path).named("agent_hello") is None


async def test_the_watch_counts_its_own_customers_alone(redis: Redis) -> None:
    watch = Watch(redis)
    watch.ours.add("13800000001")
    for number, contact in (("13800000001", "a"), ("13900000009", "stranger")):
        for event in (
            ContactArrived(at=1, contact=contact, channel="c", caller=number, dialled="8000"),
            MenuStepTaken(at=2, contact=contact, node="main_menu", key=""),
            MenuStepTaken(at=3, contact=contact, node="main_menu", key="3"),
            ContactQueued(
                at=3, contact=contact, queue="order", language="zh-CN", priority=0, requires={}
            ),
        ):
            watch.apply(event)
    assert await watch.contact_of("13800000001", 1) == "a"
    assert watch.contacts["a"].nodes == ["main_menu"]
    assert watch.on_the_line("waiting") == 1
    watch.apply(
        ContactAnswered(at=9, contact="a", queue="order", agent="8001", offer=1, waited=6.0)
    )
    watch.apply(QueueEntryEnded(at=9, contact="a", queue="order", end=QueueEnd.ANSWERED, waited=6))
    assert (watch.on_the_line("talking"), watch.answered, watch.waits) == (1, 1, [6.0])
    watch.apply(
        TalkEnded(
            at=19, contact="a", queue="order", agent="8001", offer=1, by=Party.AGENT, talked=10
        )
    )
    watch.apply(ContactEnded(at=20, contact="a", stage=CallStage.AFTER, cause=16))
    assert (watch.contacts, watch.gave_up, watch.talks) == ({}, 0, [10])
    watch.apply(
        AgentStateChanged(
            at=1, agent="8001", state=AgentState.READY, previous=AgentState.NOT_READY, reason="",
            author="agent:8001",
        )
    )  # fmt: skip
    assert watch.agents_who(["8001", "8002"], AgentState.READY) == 1
