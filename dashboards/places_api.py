"""A waiting contact's place: changed live by supervisors, each change with its author."""

import structlog

from acd.wishes import ActionRefused
from dashboards.problems import refused
from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import WantedPlace

audit = structlog.get_logger("audit")


async def change_place(call: Call) -> Answer:
    """Give a waiting contact another priority, queue or agent; an offer follows if it can."""
    contact, wanted = call.part("contact"), call.body_as(WantedPlace)
    author = f"supervisor:{call.who.account}"
    asked = wanted.model_dump(exclude_none=True)
    try:
        await call.ports.actions.change_place(contact, author, **asked)
    except ActionRefused as refusal:
        raise refused(refusal, 404 if refusal.code == "unknown_contact" else 409) from None
    audit.info("contact place", account=call.who.account, contact=contact, **asked)
    return None


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/contacts/{contact}/place",
        run=change_place,
        summary="Change a waiting contact's priority, queue or preferred agent; 409 says why not",
        body=WantedPlace,
        roles=SUPERVISORS,
    ),
)
