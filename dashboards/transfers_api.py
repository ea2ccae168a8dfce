"""Passing callers on: agents their own, supervisors any. What is refused says why."""

from collections.abc import Awaitable

import structlog

from acd.wishes import ActionRefused
from dashboards.problems import Refusal, refused
from dashboards.routes import Answer, Call, Route
from dashboards.views import TransferTargets, WantedConsult, WantedTransfer
from telephony.events import ConsultStep, TransferTarget

audit = structlog.get_logger("audit")


async def read_transfer_targets(call: Call) -> Answer:
    """Nodes of the menu and numbers outside that calls may be passed on to."""
    return TransferTargets(
        nodes=list(call.ports.nodes()), outside=list(call.ports.company.routing.outside)
    )


async def transfer_contact(call: Call) -> Answer:
    """Pass the caller on at once."""
    wanted = call.body_as(WantedTransfer)
    return await _do(call, "transfer", _transfer(call, wanted.target, wanted.to, attended=False))


async def consult(call: Call) -> Answer:
    """Ask somebody first; the caller hears music meanwhile."""
    wanted = call.body_as(WantedConsult)
    return await _do(call, "consult", _transfer(call, wanted.target, wanted.to, attended=True))


async def complete_consult(call: Call) -> Answer:
    """Whom was asked takes the caller over."""
    return await _step(call, ConsultStep.COMPLETE)


async def cancel_consult(call: Call) -> Answer:
    """Back to the caller."""
    return await _step(call, ConsultStep.CANCEL)


async def start_conference(call: Call) -> Answer:
    """All three talk."""
    return await _step(call, ConsultStep.CONFERENCE)


def _transfer(call: Call, target: str, to: str, *, attended: bool) -> Awaitable[None]:
    return call.ports.transfers.transfer(
        call.part("contact"), TransferTarget(target), to, _author(call), attended=attended
    )


async def _step(call: Call, step: ConsultStep) -> Answer:
    done = call.ports.transfers.consult_step(call.part("contact"), step, _author(call))
    return await _do(call, step.value, done)


def _author(call: Call) -> str:
    """A supervisor acts as one; an agent as oneself, which the rules hold against the talk."""
    if call.supervises:
        return f"supervisor:{call.who.account}"
    if not call.who.agent:
        raise Refusal(403, "forbidden", "only agents and supervisors may pass callers on")
    return f"agent:{call.who.agent}"


async def _do(call: Call, what: str, done: Awaitable[None]) -> Answer:
    try:
        await done
    except ActionRefused as refusal:
        if refusal.code == "not_yours":
            raise Refusal(403, "forbidden", str(refusal)) from None
        raise refused(refusal) from None
    audit.info(what, account=call.who.account, contact=call.part("contact"))
    return None


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/transfer-targets",
        run=read_transfer_targets,
        summary="Menu nodes and numbers that calls may be passed on to",
        answer=TransferTargets,
    ),
    Route(
        method="POST",
        path="/api/v1/contacts/{contact}/transfer",
        run=transfer_contact,
        summary="Pass a talk's caller on to an agent, queue, menu node or number; 409 says why not",
        body=WantedTransfer,
    ),
    Route(
        method="POST",
        path="/api/v1/contacts/{contact}/consult",
        run=consult,
        summary="Ask an agent, a queue's best free agent or a number while the caller is on hold",
        body=WantedConsult,
    ),
    Route(
        method="POST",
        path="/api/v1/contacts/{contact}/consult/complete",
        run=complete_consult,
        summary="Whom was asked takes the caller over",
    ),
    Route(
        method="POST",
        path="/api/v1/contacts/{contact}/consult/cancel",
        run=cancel_consult,
        summary="Let go whom was asked, and talk with the caller again",
    ),
    Route(
        method="POST",
        path="/api/v1/contacts/{contact}/conference",
        run=start_conference,
        summary="Caller, agent and whom was asked talk together",
    ),
)
