"""A shop's own system behind the menu, over HTTP as ``docs/shop-openapi.json`` describes it.

The other side is trusted with nothing: an answer that is late, large, redirected, or not exactly
what was declared is no answer, and a caller hears that instead of silence.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

import aiohttp
import orjson
import stamina
from pydantic import BaseModel, ConfigDict, ValidationError

from ivr.ports import Answer, Service, Unavailable
from ivr.shop.breaker import Breaker
from ivr.shop.services import KNOWN, SERVICES, Values, answer, checked

MAX_ANSWER = 64 * 1024
"""Bytes; the largest answer there can be has about 1 kB."""
_CONNECTIONS = 32
#: Answers that may be better a moment later.
_AGAIN_LATER = {429, 500, 502, 503, 504}

_V = TypeVar("_V", bound=Values)


class _Head(BaseModel):
    result: str


class _Envelope(BaseModel, Generic[_V]):
    model_config = ConfigDict(extra="forbid", strict=True)

    result: str
    values: _V


class _NoAnswer(Exception):
    """Why there is none, and whether a moment later there may be one."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


class RestShop:
    """Asks a shop's own system. Close it before the event loop ends.

    Args:
        url: where the services are; ``{url}/order`` is the first.
        token: sent as ``Authorization: Bearer …``; "" for none.
        zone: of the company; moments are told in it.
        seconds: for one attempt, from connecting to the last byte.
        attempts: how often one question is asked at most.
        breaker: when the shop is left alone.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        zone: ZoneInfo,
        seconds: float = 1.5,
        attempts: int = 2,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._zone = zone
        self._seconds = seconds
        self._attempts = attempts
        self.breaker = breaker or Breaker()
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    @property
    def known(self) -> Mapping[str, Service]:
        """The services by name."""
        return KNOWN

    async def close(self) -> None:
        """Give all connections back."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, service: str, arguments: Mapping[str, str]) -> Answer:
        """Ask one.

        Raises:
            Unavailable: no answer, nonsense, or the shop is left alone for a while.
        """
        good = checked(service, arguments)
        if isinstance(good, Answer):
            return good
        begun = self._clock()
        if not self.breaker.may_ask(begun):
            raise Unavailable("the shop did not answer lately and is left alone for a while")
        try:
            said = await self._persist(service, good)
        except _NoAnswer as error:
            self.breaker.failed(self._clock())
            raise Unavailable(str(error)) from None
        except BaseException:
            # The caller hung up, or the menu would not wait any longer: then the shop was slow.
            if self._clock() - begun >= self._seconds:
                self.breaker.failed(self._clock())
            else:
                self.breaker.let_go()
            raise
        self.breaker.answered()
        return said

    async def _persist(self, service: str, arguments: Mapping[str, str]) -> Answer:
        """Ask, and ask again what may be better a moment later; all attempts bear one key."""
        headers = {"Idempotency-Key": uuid.uuid4().hex} if SERVICES[service].changes else {}
        async for attempt in stamina.retry_context(
            on=lambda error: isinstance(error, _NoAnswer) and error.again,
            attempts=self._attempts,
            timeout=None,
            wait_initial=0.1,
            wait_max=0.5,
            wait_jitter=0.1,
        ):
            with attempt:
                raw = await self._post(service, arguments, headers)
                return self._read(service, arguments, raw)
        raise AssertionError("the last attempt returns or raises")

    async def _post(
        self, service: str, arguments: Mapping[str, str], headers: Mapping[str, str]
    ) -> bytes:
        """One attempt; the answer's body."""
        try:
            async with self._connections().post(
                f"{self._url}/{service}",
                data=orjson.dumps(arguments),
                headers={**headers, "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    again = response.status in _AGAIN_LATER
                    raise _NoAnswer(f"the shop answers {response.status}", again=again)
                if response.content_type != "application/json":
                    raise _NoAnswer(f"the shop answers {response.content_type}", again=False)
                return await _body(response.content)
        except TimeoutError:
            raise _NoAnswer(f"no answer within {self._seconds:g} s", again=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _NoAnswer(f"no connection: {type(error).__name__}", again=True) from None

    def _read(self, service: str, arguments: Mapping[str, str], raw: bytes) -> Answer:
        """The answer, if it is one of those declared, about what was asked."""
        try:
            result = _Head.model_validate_json(raw).result
            model = SERVICES[service].results.get(result)
            if model is None:
                raise _NoAnswer(f"{service} has no result {result[:40]!r}", again=False)
            values = _Envelope[model].model_validate_json(raw).values  # type: ignore[valid-type]
        except ValidationError as error:
            places = {".".join(str(step) for step in fault["loc"]) for fault in error.errors()}
            why = f"{service} is answered wrongly at {', '.join(sorted(places))[:200]}"
            raise _NoAnswer(why, again=False) from None
        for name in ("number", "application"):
            asked = arguments.get(name)
            if asked is not None and getattr(values, name, asked) != asked:
                raise _NoAnswer(f"{service} is answered about another {name}", again=False)
        return answer(result, values, zone=self._zone)

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._seconds),
                auto_decompress=False,  # none was asked for
            )
        return self._session


async def _body(stream: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in stream.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise _NoAnswer(f"the answer has more than {MAX_ANSWER} bytes", again=False)
    return bytes(body)
