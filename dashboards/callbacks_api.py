"""Promised callbacks: seen and cancelled by supervisors."""

import structlog

from acd.wishes import ActionRefused
from dashboards.problems import not_found, refused
from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import CallbackList, CallbackView

audit = structlog.get_logger("audit")


async def list_callbacks(call: Call) -> Answer:
    """Who is to be called back, with the place and what was tried."""
    return CallbackList(
        callbacks=[
            CallbackView(
                contact=ticket.contact,
                caller=call.show(ticket.caller),
                queue=ticket.queue,
                stage=ticket.stage,
                promised=ticket.promised,
                queued=ticket.queued,
                position=ticket.position,
                attempts=ticket.attempts,
                next_try=ticket.next_try or None,
                agent=ticket.agent,
            )
            for ticket in call.ports.callbacks.callbacks()
        ]
    )


async def cancel_callback(call: Call) -> Answer:
    """Nobody is called back for this contact any more; a call that rings is hung up."""
    contact = call.part("contact")
    try:
        await call.ports.callbacks.cancel_callback(contact, f"supervisor:{call.who.account}")
    except ActionRefused as refusal:
        if refusal.code == "no_callback":
            raise not_found("callback") from None
        raise refused(refusal) from None
    audit.info("callback cancelled", account=call.who.account, contact=contact)
    return None


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/callbacks",
        run=list_callbacks,
        summary="Customers who are to be called back, the oldest promise first",
        answer=CallbackList,
        roles=SUPERVISORS,
        of_leader=True,
    ),
    Route(
        method="DELETE",
        path="/api/v1/callbacks/{contact}",
        run=cancel_callback,
        summary="Cancel a promised callback; 409 when the customer has answered",
        roles=SUPERVISORS,
    ),
)
