"""Signing in and out on a browser."""

import structlog
from aiohttp import web

from dashboards.accounts import Guesser, Throttle, authenticate
from dashboards.problems import Refusal
from dashboards.routes import (
    COOKIE,
    SECURE_COOKIE,
    Answer,
    Call,
    Route,
    address_of,
    is_secure,
    session_of,
    token_of,
)
from dashboards.views import LogIn, Me
from store.sessions import ABSOLUTE, Session

audit = structlog.get_logger("audit")

THROTTLE = web.AppKey("throttle", Throttle)


async def sign_in(call: Call) -> Answer:
    """Check the password, make a fresh session, set its cookie."""
    wanted = call.body_as(LogIn)
    ports, throttle = call.ports, call.request.app[THROTTLE]
    guesser = Guesser(wanted.name, address_of(call.request, ports))
    if (wait := throttle.wait(guesser, ports.now())) > 0:
        seconds = str(int(wait) + 1)
        raise Refusal(
            429, "too-many-attempts", f"try again in {seconds} s", headers={"Retry-After": seconds}
        )
    # Counted before the slow check, or a hundred guesses at once would all be free.
    throttle.failed(guesser, ports.now())
    account = await authenticate(ports.accounts, wanted.name, wanted.password)
    if account is None:
        audit.warning("sign-in refused", address=guesser.address)
        raise Refusal(401, "wrong-credentials", "the account or the password is wrong")
    throttle.succeeded(guesser)
    if old := token_of(call.request):
        await ports.sessions.delete(old)
    token, session = await ports.sessions.create(
        account=account.name, role=account.role, agent=account.agent
    )
    audit.info("signed in", account=account.name, address=guesser.address)
    response = _answer(call, session)
    secure = is_secure(call.request, ports)
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        token,
        max_age=int(ABSOLUTE),
        httponly=True,
        samesite="Lax",
        secure=secure,
        path="/",
    )
    return response


async def who_am_i(call: Call) -> Answer:
    """Who is signed in on this browser; nothing (204) for nobody, which is no error for a page."""
    session = await session_of(call.request)
    return me(call, session) if session else None


async def sign_out(call: Call) -> Answer:
    """End this browser's session."""
    await call.ports.sessions.delete(token_of(call.request))
    audit.info("signed out", account=call.who.account)
    response = web.Response(status=204)
    secure = is_secure(call.request, call.ports)
    response.del_cookie(
        SECURE_COOKIE if secure else COOKIE, path="/", httponly=True, secure=secure, samesite="Lax"
    )
    return response


def me(call: Call, session: Session) -> Me:
    """A session as its own page sees it."""
    profile = call.ports.company.agents.get(session.agent)
    return Me.model_validate(
        {
            "name": session.account,
            "role": session.role,
            "agent": session.agent,
            "display": dict(profile.name) if profile else {},
        }
    )


def _answer(call: Call, session: Session) -> web.Response:
    return web.Response(
        body=me(call, session).model_dump_json().encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/session",
        run=sign_in,
        summary="Sign in; sets the session cookie",
        body=LogIn,
        answer=Me,
        roles=None,
        anywhere=True,
    ),
    Route(
        method="GET",
        path="/api/v1/session",
        run=who_am_i,
        summary="Who is signed in; 204 when nobody is",
        answer=Me,
        roles=None,
    ),
    Route(
        method="DELETE",
        path="/api/v1/session",
        run=sign_out,
        summary="Sign out",
        anywhere=True,
    ),
)
