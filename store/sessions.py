"""Web sessions: random tokens for the browser, kept in Redis only as their hash.

Who reads Redis or its file cannot sign in with what is found there. A session ends after
``idle`` seconds without a request, and after ``absolute`` seconds in any case (a long shift).
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

_SESSION = "huawu:session:"
_OF_ACCOUNT = "huawu:sessions:"
_TOKEN_BYTES = 32  # 256 bits; OWASP ASVS 5.0, 7.2.3 asks for 128

IDLE = 4 * 3600.0
ABSOLUTE = 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in. ``csrf`` goes to the page and must come back with each change."""

    account: str
    role: str
    agent: str
    csrf: str
    made_at: float  # Unix seconds


class Sessions:
    """Makes, finds and ends sessions. Every method raises ``redis.RedisError`` without Redis."""

    def __init__(
        self,
        redis: Redis,
        *,
        idle: float = IDLE,
        absolute: float = ABSOLUTE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._idle = idle
        self._absolute = absolute
        self._clock = clock

    async def create(self, *, account: str, role: str, agent: str = "") -> tuple[str, Session]:
        """A new session and the token for its cookie; the token is not kept."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        csrf = secrets.token_urlsafe(16)
        made_at = self._clock()
        session = Session(account=account, role=role, agent=agent, csrf=csrf, made_at=made_at)
        value = {"account": account, "role": role, "agent": agent, "csrf": csrf, "at": made_at}
        key, index = _key(token), _OF_ACCOUNT + account
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, json.dumps(value), px=_milliseconds(min(self._idle, self._absolute)))
            pipe.sadd(index, key)
            pipe.pexpire(index, _milliseconds(self._absolute))
            await pipe.execute()
        return token, session

    async def read(self, token: str) -> Session | None:
        """The live session of a token, whose idle time begins again; None when there is none."""
        key = _key(token)
        text = await self._redis.get(key)
        if text is None:
            return None
        kept: dict[str, Any] = json.loads(text)
        left = kept["at"] + self._absolute - self._clock()
        if left <= 0:
            await self.delete(token)
            return None
        # Fails harmlessly when the session was ended between the two commands.
        await self._redis.pexpire(key, _milliseconds(min(self._idle, left)))
        return Session(
            account=kept["account"],
            role=kept["role"],
            agent=kept["agent"],
            csrf=kept["csrf"],
            made_at=kept["at"],
        )

    async def delete(self, token: str) -> None:
        """End one session (sign-out); an unknown token is ignored."""
        key = _key(token)
        text = await self._redis.getdel(key)
        if text is not None:
            await cast(Any, self._redis.srem(_OF_ACCOUNT + json.loads(text)["account"], key))

    async def delete_all_for(self, account: str) -> None:
        """End every session of an account: its password or its rights changed."""
        index = _OF_ACCOUNT + account
        keys = await cast(Any, self._redis.smembers(index))
        await self._redis.delete(index, *keys)


def _key(token: str) -> str:
    return _SESSION + hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
