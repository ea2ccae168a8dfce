"""How a request becomes a call of one function: who may, what is read, what is answered.

A ``Route`` says all of that once; the server's routing, the access checks and the OpenAPI document
are made from it, so that none of them can forget what another one knows.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from dashboards.forward import forward, nobody_decides
from dashboards.ports import WebPorts
from dashboards.problems import Refusal, invalid
from dashboards.record import ShowCaller, masked, whole
from store.accounts import Role
from store.sessions import Session

PORTS = web.AppKey("ports", WebPorts)
LOOKUPS = web.AppKey("lookups", asyncio.Semaphore)
"""How many sessions may be looked up at once."""

EVERYBODY = frozenset(Role)
SUPERVISORS = frozenset({Role.ADMIN, Role.SUPERVISOR})

COOKIE = "huawu_session"
SECURE_COOKIE = "__Host-huawu_session"
"""Name over HTTPS: a browser then refuses it from anywhere but this very host."""
PROOF = "X-Huawu"
"""Header of every request that changes something: no form of another site can send it."""

_SAFE = frozenset({"GET", "HEAD"})

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked: who asks and what for."""

    request: web.Request
    ports: WebPorts
    session: Session | None
    body: BaseModel | None
    query: BaseModel | None

    @property
    def who(self) -> Session:
        """The session; only for routes that are not public."""
        assert self.session is not None
        return self.session

    @property
    def supervises(self) -> bool:
        """Whether the reader may see everybody's contacts and act for any agent."""
        return self.session is not None and Role(self.session.role) in SUPERVISORS

    @property
    def show(self) -> ShowCaller:
        """How callers' numbers look to this reader."""
        return whole if self.supervises else masked

    def body_as(self, model: type[M]) -> M:
        """The body, as the model that the route names."""
        assert isinstance(self.body, model)
        return self.body

    def query_as(self, model: type[M]) -> M:
        """The query, as the model that the route names."""
        assert isinstance(self.query, model)
        return self.query

    def part(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]


Answer = BaseModel | web.StreamResponse | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API. ``roles`` is None where nobody needs to be signed in."""

    method: str
    path: str
    run: Callable[[Call], Awaitable[Answer]]
    summary: str
    answer: type[BaseModel] | None = None
    media_type: str = "application/json"
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    roles: frozenset[Role] | None = EVERYBODY
    anywhere: bool = False
    """Changes something that every controller may change; else only the one that decides does."""
    of_leader: bool = False
    """Reads what only the controller that decides knows."""

    @property
    def name(self) -> str:
        """Unique name of the operation."""
        return self.run.__name__

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Check, read, run, answer. Raises Refusal."""
        ports = request.app[PORTS]
        check_origin(request, ports)
        session = await session_of(request) if self.roles is not None else None
        if self.roles is not None:
            if session is None:
                raise Refusal(401, "not-signed-in", "sign in first")
            if Role(session.role) not in self.roles:
                raise Refusal(403, "forbidden", f"not for the role {session.role}")
        changes = request.method not in _SAFE and not self.anywhere
        if (changes or self.of_leader) and ports.role() != "leader":
            if not (leader := ports.leader()):
                raise nobody_decides()
            return await forward(request, leader)
        call = Call(
            request=request,
            ports=ports,
            session=session,
            body=await read_body(request, self.body) if self.body else None,
            query=read_query(request, self.query) if self.query else None,
        )
        answer = await self.run(call)
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer is None:
            return web.Response(status=204, headers={"Cache-Control": "no-store"})
        return web.Response(
            body=answer.model_dump_json().encode(),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )


def is_secure(request: web.Request, ports: WebPorts) -> bool:
    """Whether the browser speaks HTTPS, to us or to a proxy that we trust."""
    if request.remote in ports.trusted_proxies:
        return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
    return request.scheme == "https"


def address_of(request: web.Request, ports: WebPorts) -> str:
    """The client's address; a header may say it only through a proxy that we trust."""
    if request.remote in ports.trusted_proxies:
        forwarded = request.headers.get("X-Forwarded-For", "")
        return forwarded.rpartition(",")[2].strip() or str(request.remote)
    return str(request.remote)


def check_origin(request: web.Request, ports: WebPorts) -> None:
    """Refuse what another site's page makes a browser send. Raises Refusal."""
    changes = request.method not in _SAFE
    upgrades = request.headers.get("Upgrade", "").lower() == "websocket"
    if not (changes or upgrades):
        return
    if changes and request.headers.get(PROOF) != "1":
        raise Refusal(403, "cross-site", f"send the header {PROOF}: 1")
    origin = request.headers.get("Origin")
    scheme = "https" if is_secure(request, ports) else "http"
    if origin is not None and origin != f"{scheme}://{request.host}":
        raise Refusal(403, "cross-site", "this page comes from another site")


def token_of(request: web.Request) -> str:
    """The session's token, "" without one."""
    ports = request.app[PORTS]
    return request.cookies.get(SECURE_COOKIE if is_secure(request, ports) else COOKIE, "")


async def session_of(request: web.Request) -> Session | None:
    """The live session behind a request's cookie; a few are looked up at a time.

    When a controller starts, every open page comes back at once: without a limit they would take
    all connections to Redis, which the distribution needs too.
    """
    token = token_of(request)
    if not token:
        return None
    async with request.app[LOOKUPS]:
        return await request.app[PORTS].sessions.read(token)


async def read_body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """The JSON body as a model. Raises Refusal that names the field."""
    try:
        plain = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid-request", "the body is not JSON") from None
    return _checked(model, plain, "body")


def read_query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """The query string as a model. Raises Refusal that names the field."""
    return _checked(model, dict(request.query), "query")


def _checked(model: type[BaseModel], plain: Any, where: str) -> BaseModel:
    try:
        return model.model_validate(plain)
    except ValidationError as error:
        raise invalid(error, where) from None
