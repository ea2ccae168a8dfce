"""Messages that were sent to customers, or could not be: seen by supervisors."""

from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import MessageList, MessageView


async def list_messages(call: Call) -> Answer:
    """The newest hundred, each with how far it is and what went wrong."""
    return MessageList(
        messages=[
            MessageView(
                id=letter.id,
                by=letter.way,
                to=letter.recipient,
                subject=letter.subject,
                text=letter.text,
                contact=letter.contact,
                state=letter.state.value,
                attempts=letter.attempts,
                made=letter.made_at,
                next_try=letter.next_at if letter.state == "pending" else None,
                ended=letter.ended_at or None,
                fault=letter.fault,
            )
            for letter in await call.ports.messages()
        ]
    )


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/messages",
        run=list_messages,
        summary="Messages to customers, the newest first",
        answer=MessageList,
        roles=SUPERVISORS,
    ),
)
