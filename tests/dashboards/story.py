"""A believable day of the example company, as events: for pages, figures and screenshots.

``Day`` is a small writer of histories that keeps the order of the log and uses the words of the
router; ``busy_day`` fills the hours before a moment and leaves a lively picture at its end.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from acd.company import Company
from telephony.events import (
    AgentState,
    AgentStateChanged,
    CallStage,
    ContactAnswered,
    ContactArrived,
    ContactEnded,
    ContactQueued,
    MenuStepTaken,
    OfferEnd,
    OfferEnded,
    OfferMade,
    Party,
    QueueEnd,
    QueueEntryEnded,
    RecordedEvent,
    RecordingFinished,
    TalkEnded,
    TranscriptFinished,
)

DIGITS = {"presale": "1", "order": "2", "logistics": "3", "returns": "4", "complaints": "5"}


@dataclass
class Day:
    """Writes events; each method is one thing that happens."""

    company: Company
    events: list[RecordedEvent] = field(default_factory=list)
    states: dict[str, AgentState] = field(default_factory=dict)
    queues: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def state(
        self, at: float, agent: str, state: AgentState, reason: str = "", contact: str = ""
    ) -> None:
        self.events.append(
            AgentStateChanged(
                at=at,
                agent=agent,
                state=state,
                previous=self.states.get(agent, AgentState.SIGNED_OUT),
                reason=reason,
                author=f"agent:{agent}",
                contact=contact,
            )
        )
        self.states[agent] = state

    def sign_in(self, at: float, agent: str) -> None:
        self.state(at, agent, AgentState.NOT_READY, "signed_in")
        self.state(at + 1, agent, AgentState.READY)

    def arrive(self, at: float, caller: str = "13800138000") -> str:
        self.count += 1
        contact = f"huawu-{int(at)}.{self.count}"
        self.events.append(
            ContactArrived(
                at=at,
                contact=contact,
                channel=f"PJSIP/trunk-{self.count:08x}",
                caller=caller,
                dialled="8000",
            )
        )
        self.events.append(MenuStepTaken(at=at + 0.1, contact=contact, node="main", key=""))
        return contact

    def queue(self, at: float, contact: str, queue: str, language: str = "zh-CN") -> None:
        self.queues[contact] = queue
        key = DIGITS.get(queue, "0")
        self.events.append(MenuStepTaken(at=at - 0.1, contact=contact, node="main", key=key))
        self.events.append(
            ContactQueued(
                at=at,
                contact=contact,
                queue=queue,
                language=language,
                priority=self.company.priority_of(self.company.queue(queue).priority),
                requires=dict(self.company.requirement(queue, language).every),
            )
        )

    def reason(self, contact: str, agent: str, waited: float) -> dict[str, Any]:
        queue = self.queues[contact]
        requires = dict(self.company.requirement(queue, "zh-CN").every)
        able, others = [], []
        for profile in self.company.agents.values():
            lacking = [
                f"skill:{skill}:{profile.skills.get(skill, 0)}<{level}"
                for skill, level in requires.items()
                if profile.skills.get(skill, 0) < level
            ]
            state = self.states.get(profile.id, AgentState.SIGNED_OUT)
            if profile.id == agent or (not lacking and state is AgentState.READY):
                levels = {skill: profile.skills.get(skill, 0) for skill in requires}
                idle = 94.2 if profile.id == agent else 31.7
                able.append({"agent": profile.id, "idle": idle, "levels": levels})
            else:
                others.append({"agent": profile.id, "why": (lacking or [state.value])[0]})
        able.sort(key=lambda row: row["agent"] != agent)
        return {
            "rule": "longest_idle",
            "queue": queue,
            "requires": requires,
            "priority": 0,
            "waited": waited,
            "considered": able,
            "not_considered": others,
            "agents": len(able) + len(others),
        }

    def offer(self, at: float, contact: str, agent: str, offer: int = 1) -> None:
        queue = self.queues[contact]
        reason = self.reason(contact, agent, 3.0)
        self.state(at, agent, AgentState.OFFERED, queue, contact)
        self.events.append(
            OfferMade(at=at, contact=contact, queue=queue, agent=agent, offer=offer, reason=reason)
        )

    def miss(self, at: float, contact: str, agent: str, offer: int = 1) -> None:
        queue = self.queues[contact]
        self.events.append(
            OfferEnded(
                at=at,
                contact=contact,
                queue=queue,
                agent=agent,
                offer=offer,
                result=OfferEnd.TIMED_OUT,
                rang=15.0,
            )
        )
        self.state(at, agent, AgentState.NOT_READY, "rona")

    def answer(self, at: float, contact: str, agent: str, waited: float, offer: int = 1) -> None:
        queue = self.queues[contact]
        self.events.append(
            ContactAnswered(
                at=at, contact=contact, queue=queue, agent=agent, offer=offer, waited=waited
            )
        )
        self.end_entry(at, contact, QueueEnd.ANSWERED, waited)
        self.state(at, agent, AgentState.TALKING, queue, contact)

    def end_entry(self, at: float, contact: str, end: QueueEnd, waited: float) -> None:
        self.events.append(
            QueueEntryEnded(
                at=at, contact=contact, queue=self.queues[contact], end=end, waited=waited
            )
        )

    def part(self, at: float, contact: str, agent: str, talked: float, offer: int = 1) -> None:
        queue = self.queues[contact]
        self.events.append(
            TalkEnded(
                at=at,
                contact=contact,
                queue=queue,
                agent=agent,
                offer=offer,
                by=Party.CALLER,
                talked=talked,
            )
        )
        self.state(at, agent, AgentState.WRAP_UP, queue, contact)
        self.events.append(
            ContactEnded(at=at + 0.1, contact=contact, stage=CallStage.TALKING, cause=16)
        )

    def give_up(self, at: float, contact: str, waited: float) -> None:
        end = QueueEnd.SHORT_ABANDONED if waited < 5 else QueueEnd.ABANDONED
        self.end_entry(at, contact, end, waited)
        self.events.append(ContactEnded(at=at, contact=contact, stage=CallStage.WAITING, cause=16))

    def record(self, at: float, contact: str, agent: str, folder: str, seconds: float) -> None:
        self.events.append(
            RecordingFinished(
                at=at,
                contact=contact,
                offer=1,
                agent=agent,
                folder=folder,
                seconds=seconds,
                talked=seconds,
                fault="",
            )
        )
        self.events.append(
            TranscriptFinished(
                at=at + 9,
                contact=contact,
                offer=1,
                engine="faster-whisper",
                model="base",
                characters=74,
            )
        )

    def in_order(self) -> list[RecordedEvent]:
        """All events by time, as the log holds them."""
        return sorted(self.events, key=lambda event: event.at)


def busy_day(company: Company, now: float, hours: float = 5.0, seed: int = 7) -> Day:
    """Hours of calls before ``now``, and at ``now`` callers waiting, ringing and talking."""
    dice = random.Random(seed)
    day = Day(company)
    start = now - hours * 3600
    free_at = {}
    for agent in list(company.agents)[:7]:  # the last one is at home
        day.sign_in(start + dice.uniform(0, 60), agent)
        free_at[agent] = start + 70.0
    able = {
        queue: [a for a in free_at if queue in company.queues_of(a)] for queue in company.queues
    }
    weights = {"order": 5, "logistics": 5, "returns": 4, "presale": 3, "complaints": 2}
    names = [queue for queue in company.queues if queue != "vip"]
    at = start + 90.0
    while at < now - 620:
        at += dice.expovariate(1 / 36.0)
        queue = dice.choices(names, [weights.get(q, 2) for q in names])[0]
        _one_call(day, dice, queue, at, able[queue], free_at, now - 330)
    _lively_end(day, now)
    return day


def _one_call(
    day: Day,
    dice: random.Random,
    queue: str,
    at: float,
    able: list[str],
    free_at: dict[str, float],
    latest: float,
) -> None:
    contact = day.arrive(at, f"1{dice.choice('35789')}{dice.randrange(10**9):09d}")
    queued = at + dice.uniform(6, 14)
    day.queue(queued, contact, queue)
    agent = min(able, key=free_at.__getitem__)
    ring = max(queued + 0.2, free_at[agent])
    patience = dice.expovariate(1 / 110.0)
    talked = dice.uniform(25, 150)
    if ring - queued > patience or ring + talked + 40 > latest:
        day.give_up(queued + min(patience, 90.0), contact, min(patience, 90.0))
        return
    day.offer(ring, contact, agent)
    answered = ring + dice.uniform(2, 6)
    day.answer(answered, contact, agent, answered - queued)
    ended = answered + talked
    day.part(ended, contact, agent, talked)
    free_at[agent] = ended + dice.uniform(8, 25)
    day.state(free_at[agent], agent, AgentState.READY)


def _lively_end(day: Day, now: float) -> None:
    """What is going on at this moment: the same every time."""

    def waiting(ago: float, queue: str, caller: str) -> str:
        contact = day.arrive(now - ago - 12, caller)
        day.queue(now - ago, contact, queue)
        return contact

    def talking(ago: float, queue: str, agent: str, caller: str) -> None:
        contact = waiting(ago + 6, queue, caller)
        day.offer(now - ago - 4, contact, agent)
        day.answer(now - ago, contact, agent, 6.0)

    talking(42, "presale", "8001", "13912340001")
    talking(228, "order", "8003", "13712340003")
    talking(95, "logistics", "8004", "18612340004")
    talking(171, "complaints", "8007", "15012340006")
    ringing = waiting(9, "returns", "13612340007")
    day.offer(now - 5, ringing, "8005")
    day.state(now - 310, "8006", AgentState.NOT_READY, "meal")
    wrapping = waiting(52, "order", "13312340009")
    day.offer(now - 48, wrapping, "8002")
    day.answer(now - 46, wrapping, "8002", 6.0)
    day.part(now - 11, wrapping, "8002", 35.0)
    waiting(14, "logistics", "13812340010")
    waiting(4, "logistics", "15912340011")
    waiting(34, "complaints", "18812340012")
    waiting(7, "order", "17712340013")
    day.arrive(now - 6, "13512340014")
    day.arrive(now - 2, "13112340015")
