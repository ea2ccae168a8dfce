"""A playbook in which callers are passed on: what people want, and what the dialplan tells."""

import dataclasses

from acd.company import Company
from acd.contact import Consult
from acd.rules import Routing
from telephony.commands import Command
from telephony.events import (
    OUTSIDE,
    ColleagueAnswered,
    ConsultBegun,
    ConsultReturned,
    ConsultStep,
    ConsultStepWished,
    LegHeld,
    LegHungUp,
    LegJoined,
    OfferEnd,
    TransferTarget,
    TransferWished,
)
from tests.acd.playbook import Playbook, company


def transfer_company(credit: float = 1.0) -> Company:
    """The playbook's company, which may call 95588 and what begins with 4001."""
    made = company()
    queues = {
        name: queue.model_copy(update={"transfer_credit": credit})
        for name, queue in made.queues.items()
    }
    routing = Routing(outside=["95588", "4001*"])
    return dataclasses.replace(made, queues=queues, routing=routing)


class TransferBook(Playbook):
    """8002 serves presale and logistics, 8003 logistics, 8001 presale."""

    def __init__(self, credit: float = 1.0) -> None:
        super().__init__(transfer_company(credit))

    def talk(self, contact: str = "c1", queue: str = "presale", agent: str = "8001") -> None:
        """A caller talks with an agent, after no wait."""
        self.ready(agent)
        self.call(contact, queue)
        self.answer(contact)
        self.joined_leg(contact, agent)

    def joined_leg(self, contact: str, agent: str) -> None:
        self.domain.contacts[contact].leg = f"leg-{agent}"

    def pass_on(
        self, target: str, to: str, *, attended: bool = False, by: str = "supervisor:boss"
    ) -> None:
        self.tell(
            TransferWished(
                contact="c1",
                attended=attended,
                target=TransferTarget(target),
                to=to,
                author=by,
            )
        )

    def ask(self, to: str = "8002", target: str = "agent") -> None:
        """The agent asks first; the agent's leg rings there."""
        self.pass_on(target, to, attended=True)
        self.tell(ConsultBegun(at=self.at, contact="c1", offer=self.consult.offer))

    def step(self, step: str, by: str = "agent:8001") -> None:
        self.tell(ConsultStepWished(contact="c1", step=ConsultStep(step), author=by))

    @property
    def consult(self) -> Consult:
        consult = self.domain.contacts["c1"].consult
        assert consult is not None
        return consult

    def colleague_answers(self) -> None:
        consult = self.consult
        who = consult.agent or OUTSIDE
        self.tell(
            ColleagueAnswered(
                at=self.at, contact="c1", agent=who, offer=consult.offer, channel=f"leg-{who}"
            )
        )

    def comes_back(self, result: OfferEnd | None) -> None:
        """The colleague is gone: the dialplan's word, then the agent's leg in the room."""
        self.tell(
            ConsultReturned(at=self.at, contact="c1", offer=self.consult.offer, result=result)
        )
        self.joins(self.domain.contacts["c1"].agent)

    def joins(self, agent: str, offer: int = 1) -> None:
        self.tell(
            LegJoined(at=self.at, contact="c1", agent=agent, offer=offer, channel=f"leg-{agent}")
        )

    def leg_gone(self, agent: str) -> None:
        self.tell(
            LegHungUp(at=self.at, contact="c1", channel=f"leg-{agent}", agent=agent, cause=16)
        )

    def hold(self, *, on: bool, agent: str = "8001") -> None:
        self.tell(LegHeld(at=self.at, contact="c1", agent=agent, on=on))

    def conference(self, to: str = "8002") -> None:
        """All three talk."""
        self.ask(to)
        self.colleague_answers()
        self.step("conference")
        self.joins("8001")
        self.joins(to, 2)

    def ordered(self, *kinds: type[Command]) -> list[Command]:
        return [command for command in self.commands if type(command) in kinds]
