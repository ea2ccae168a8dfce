"""Short messages through a gateway over HTTP, one JSON object for each.

Gateways differ in every detail; this is the small form to which a few lines in front of any of
them lead: ``POST {url}`` with ``{"to", "text", "key"}`` and a bearer token. 2xx is taken; 400, 404,
413 and 422 are refused for good; everything else is tried again.
"""

import aiohttp

from ivr.messages import NotDelivered
from ivr.ports import Message

_REFUSED = {400, 404, 413, 422}


class SmsProvider:
    """Hands short messages to one gateway. Close it before the event loop ends."""

    def __init__(self, url: str, *, token: str = "", seconds: float = 10.0) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, message: Message, key: str) -> None:
        """Hand one over.

        Raises:
            NotDelivered: the gateway refused it, or gave no answer in time.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._seconds),
            )
        body = {"to": message.to, "text": message.text, "key": key}
        try:
            async with self._session.post(
                self._url, json=body, headers={"Idempotency-Key": key}, allow_redirects=False
            ) as response:
                status = response.status
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._seconds:g} s", again=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotDelivered(f"gateway: {type(error).__name__}", again=True) from None
        if not 200 <= status < 300:
            raise NotDelivered(f"the gateway answers {status}", again=status not in _REFUSED)

    async def close(self) -> None:
        """Give all connections back."""
        if self._session is not None:
            await self._session.close()
