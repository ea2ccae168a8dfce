"""``follow_ups.yaml``: who is called again after which contacts, and what a low score does.

Pure but for reading the file. Without the file nobody is called, and a score of 1 or 2 opens a
task in the queue of the talk.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from store.source import BadFile, Problem, Source, check_source, read_source
from telephony.numbers import plain_number

FILE = "follow_ups.yaml"

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,20}$")]
Score = Annotated[int, Field(ge=1, le=5)]

#: How a contact can have ended, for ``when: outcomes``.
OUTCOMES = (
    "answered", "abandoned", "short_abandoned", "callback", "overflowed", "timed_out", "refused",
    "self_service", "left_in_menu",
)  # fmt: skip


class Strict(BaseModel):
    """A part of the file: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class When(Strict):
    """Which contacts a rule is for: all that is named must hold; of a list one must."""

    queues: list[Word] = []  # the last queue
    outcomes: list[str] = []
    score_at_most: Score | None = None  # a contact without a score does not fit
    score_at_least: Score | None = None
    attributes: dict[Word, str] = {}  # as ``routing.yaml`` knows them: intent, tier, ...
    nodes: list[str] = []  # of the menu; the caller has been at one of them
    asked: dict[Word, str] = {}  # service of a lookup -> the result that it gave

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one condition: nobody calls everybody again")
        return self


class FollowUpRule(Strict):
    """One reason to call customers again."""

    name: Word
    when: When
    delay: Annotated[int, Field(ge=0, le=90 * 1440)]  # minutes after the contact's end
    queue: Word  # whose agents call
    hours: Word = "always"  # calls are made within these, see ``hours.yaml``
    share: Annotated[float, Field(gt=0, le=1)] = 1  # of the contacts that fit
    days: Annotated[int, Field(ge=0, le=365)] = 30  # one such call to a customer in so many; 0: all


class LowScore(Strict):
    """What an unhappy caller's survey does: a task for a supervisor."""

    at_most: Score = 2
    queue: Word | None = None  # in which the task stands; that of the talk if not given


class FollowUps(Strict):
    """The whole file."""

    low_score: LowScore = LowScore()
    never: list[Number] = []  # customers who are not called by any rule
    rules: list[FollowUpRule] = []

    def rule(self, name: str) -> FollowUpRule | None:
        """The rule of this name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def excludes(self, caller: str) -> bool:
        """Does this customer not want to be called?"""
        return plain_number(caller) in {plain_number(number) for number in self.never}


def load_follow_ups(company: Path, *, queues: Collection[str], hours: Collection[str]) -> FollowUps:
    """Read a company's ``follow_ups.yaml``; the usual rules where there is none.

    Raises:
        store.source.BadFile: with every problem found, each with file, line and mend.
    """
    file = company / FILE
    if not file.exists():
        return FollowUps()
    source = read_source(file)
    rules = check_source(source, FollowUps)
    if problems := list(_problems(source, rules, queues, hours)):
        raise BadFile(problems)
    return rules


def _problems(
    source: Source, rules: FollowUps, queues: Collection[str], hours: Collection[str]
) -> list[Problem]:
    found = []

    def known(where: tuple[str | int, ...], what: str, name: str, names: Collection[str]) -> None:
        if name not in names:
            mend = f"there are {', '.join(sorted(names))}"
            found.append(source.problem(where, f"there is no {what} {name}", mend))

    if rules.low_score.queue:
        known(("low_score", "queue"), "queue", rules.low_score.queue, queues)
    names: Mapping[str, int] = {}
    for index, rule in enumerate(rules.rules):
        at = ("rules", index)
        if rule.name in names:
            found.append(
                source.problem(
                    (*at, "name"), f"there are two rules {rule.name}", "rename one of the two"
                )
            )
        names = {**names, rule.name: index}
        known((*at, "queue"), "queue", rule.queue, queues)
        known((*at, "hours"), "hours", rule.hours, {*hours, "always"})
        for queue in rule.when.queues:
            known((*at, "when", "queues"), "queue", queue, queues)
        for outcome in rule.when.outcomes:
            known((*at, "when", "outcomes"), "outcome", outcome, OUTCOMES)
    return found
