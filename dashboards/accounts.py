"""Who may sign in: argon2id hashes, and a throttle on guessing by account and by address.

The throttle is pure (time is an argument) and lives in one process: a guesser who spreads over
several controllers gains a factor of their number, not more.
"""

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from store.accounts import Account, Accounts

# RFC 9106, second recommended option: 64 MiB, 3 passes; about 50 ms on a common core.
_HASHER = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
# Checked when the account does not exist, so that an answer's delay tells nothing.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$bI12/CHV+6cOWZo88zKCfQ"
    "$2zrBmxtpvbhzuiUjN23KgKMlVX+tKZc789I/TEXrKds"
)

FIRST_PAUSE = 5.0
"""Seconds after the last free try; doubles with every further failure."""
LONGEST_PAUSE = 900.0
FORGET = 3600.0
"""Seconds after which a failure counts no more."""
_TRACKED = 10_000


def hash_password(password: str) -> str:
    """An argon2id hash to keep; takes about 50 ms of one core."""
    return _HASHER.hash(password)


def password_fits(password_hash: str, password: str) -> bool:
    """Whether the password belongs to the hash; a damaged hash fits nothing."""
    with contextlib.suppress(VerificationError, InvalidHashError):
        return _HASHER.verify(password_hash, password)
    return False


async def authenticate(accounts: Accounts, name: str, password: str) -> Account | None:
    """The account, if the password is right and it is not disabled."""
    account = await accounts.get(name)
    password_hash = account.password_hash if account else _NOBODY
    fits = await asyncio.to_thread(password_fits, password_hash, password)
    return account if account and fits and not account.disabled else None


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who tries: each of these keys has its own count of free tries.

    An account at one address is closed soon; a whole address late, because an office shares one;
    an account everywhere later still, or anybody could lock anybody out.
    """

    account: str
    address: str

    def counted(self) -> tuple[tuple[str, int], ...]:
        """(key, free tries) pairs."""
        return (
            (f"both:{self.account}@{self.address}", 5),
            (f"address:{self.address}", 30),
            (f"account:{self.account}", 100),
        )


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0


class Throttle:
    """Slows down who guesses: some free tries, then pauses that double."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait(self, guesser: Guesser, now: float) -> float:
        """Seconds until this guesser may try again; 0.0 when now."""
        return max(self._wait(key, free, now) for key, free in guesser.counted())

    def failed(self, guesser: Guesser, now: float) -> None:
        """Count a wrong password."""
        for key, _ in guesser.counted():
            known = self._failures.setdefault(key, _Failures())
            if now - known.last > FORGET:
                known.count = 0
            known.count += 1
            known.last = now
            self._failures.move_to_end(key)
        while len(self._failures) > _TRACKED:
            self._failures.popitem(last=False)

    def succeeded(self, guesser: Guesser) -> None:
        """Take back the last ``failed``, and forget this account's failures at this address."""
        own, *shared = (key for key, _ in guesser.counted())
        self._failures.pop(own, None)
        for key in shared:
            if known := self._failures.get(key):
                known.count -= 1

    def _wait(self, key: str, free: int, now: float) -> float:
        known = self._failures.get(key)
        if known is None or known.count < free:
            return 0.0
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(known.count - free, 16))
        return max(0.0, known.last + pause - now)
