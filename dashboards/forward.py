"""What a controller that stands by is asked to change, it hands on to the one that decides.

Both share accounts and sessions, so the leader checks the very same cookie again. What is only
read is answered here: the live figures come from the stream of events, which both follow.
"""

import aiohttp
from aiohttp import web

from dashboards.problems import Refusal

#: Seconds that the leader may take.
PATIENCE = 3.0
#: Of the request: who asks, what for, and the proof that no other site's page sent it.
_HEADERS = ("Cookie", "Content-Type", "X-Huawu")


def nobody_decides() -> Refusal:
    """No controller can do it now; in a moment one will."""
    return Refusal(
        503,
        "no-leader",
        "no controller decides just now; try again",
        headers={"Retry-After": "2"},
    )


async def forward(request: web.Request, leader: str) -> web.Response:
    """The leader's answer to this request.

    Args:
        leader: address of the leader's pages, ``http://HOST:PORT``.

    Raises:
        Refusal: it cannot be reached; the problem names its address.
    """
    headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                request.method,
                leader + request.path_qs,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as answer,
        ):
            body = await answer.read()
            kind = answer.content_type if body else None
            kept = {"Cache-Control": "no-store"}
            return web.Response(status=answer.status, body=body, content_type=kind, headers=kept)
    except (TimeoutError, aiohttp.ClientError, OSError):
        raise Refusal(
            503,
            "no-leader",
            f"the controller that decides, {leader}, does not answer; try again",
            headers={"Retry-After": "2"},
        ) from None
