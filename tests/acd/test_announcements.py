"""What a waiting caller is told, when, and what is recorded of it."""

from dataclasses import replace

import pytest

from acd.announcements import MINUTES, _wait_prompt
from acd.rules import Announcements, Callback
from ivr.prompts import prompt_path
from telephony.commands import KeepWaiting, OfferContact
from telephony.events import AgentWish, EstimateTold
from tests.acd.playbook import Playbook
from tests.acd.test_placing import call, changed, events


def busy(**announcements: object) -> Playbook:
    """A book whose only seller has just begun to talk."""
    book = Playbook(changed("presale", announcements=Announcements(**announcements)))  # type: ignore[arg-type]
    book.ready("8001")
    book.call("talk")
    book.answer("talk")
    return book


def said(step: object) -> tuple[str, ...]:
    assert isinstance(step, KeepWaiting)
    return step.say


def test_the_first_comes_at_once_the_next_after_the_interval() -> None:
    book = busy(every=45)
    assert said(book.call("c1")) == ("position_next", "wait_2")
    book.pass_(44)
    assert said(book.tick("c1")) == ()
    book.pass_(1)
    assert said(book.tick("c1"))[0] == "position_next"
    told = events(book, EstimateTold)
    assert [(e.contact, e.position) for e in told] == [("c1", 1), ("c1", 1)]
    assert 100 < told[0].seconds < 180


def test_each_part_may_be_left_out() -> None:
    assert said(busy(wait=False).call("c1")) == ("position_1",)
    assert said(busy(position=False).call("c1")) == ("wait_2",)
    silent = busy(position=False, wait=False)
    assert said(silent.call("c1")) == ()
    assert events(silent, EstimateTold) == []


def test_a_key_alone_is_told_without_a_place() -> None:
    book = busy(position=False, wait=False)
    queue = book.company.queues["presale"].model_copy(update={"callback": Callback(key="2")})
    book.domain.company = replace(book.company, queues={**book.company.queues, "presale": queue})
    assert said(call(book, "c1", "13800138000")) == ("callback_key_2",)
    assert events(book, EstimateTold) == []


def test_positions_and_waits_grow_with_the_queue() -> None:
    book = busy()
    steps = [said(book.call(f"c{n:02}")) for n in range(12)]
    assert steps[1][0] == "position_2"
    assert steps[11][0] == "position_more"
    waits = [MINUTES.index(int(step[1].removeprefix("wait_"))) for step in steps]
    assert waits == sorted(waits)
    assert steps[11][1] == "wait_30"


def test_nobody_there_is_said_so_and_no_number_is_made_up() -> None:
    book = Playbook()
    assert said(book.call("c1")) == ("nobody_signed_in",)
    book.wish("8001", AgentWish.SIGN_IN)  # not ready: there, but not at work
    book.pass_(30)
    assert said(book.tick("c1")) == ("position_1",)
    (told,) = events(book, EstimateTold)
    assert told.seconds is None


def test_an_offer_goes_out_while_an_announcement_plays() -> None:
    book = busy()
    assert said(book.call("c1"))
    book.ready("8002")  # the next moment, not the next tick
    assert [c.agent for c in book.commands if isinstance(c, OfferContact)] == ["8002"]


@pytest.mark.parametrize(
    "seconds, prompt",
    [(0, "wait_1"), (84, "wait_1"), (86, "wait_2"), (730, "wait_10"), (740, "wait_15"),
     (3600, "wait_60"), (4400, "wait_60"), (4600, "wait_more")],
)  # fmt: skip
def test_the_nearest_minutes_are_said(seconds: float, prompt: str) -> None:
    assert _wait_prompt(seconds) == prompt


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_prompt_has_its_recording(language: str) -> None:
    names = [f"wait_{n}" for n in MINUTES] + ["wait_more", "position_next"]
    for name in names:
        assert prompt_path(name, language)
