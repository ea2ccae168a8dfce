"""`huawu user`: the web accounts, from the terminal of the machine that runs the system."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from controller.problems import ProblemError
from controller.settings import Settings
from dashboards.accounts import hash_password
from store.accounts import Account, AccountExistsError, Accounts, Role
from store.database import open_database
from store.live import connect
from store.sessions import Sessions


async def list_accounts(settings: Settings) -> list[Account]:
    """Every account, by name."""
    async with _accounts(settings) as accounts:
        return await accounts.all()


async def add_account(settings: Settings, name: str, role: str, agent: str) -> str:
    """Make an account; returns its generated password. ProblemError when the name is taken."""
    if role not in list(Role):
        raise ProblemError(f"{role!r} is no role; there are: {', '.join(Role)}")
    password = secrets.token_urlsafe(9)
    account = Account(
        name=name, role=Role(role), password_hash=hash_password(password), agent=agent
    )
    async with _accounts(settings) as accounts:
        try:
            await accounts.add(account)
        except AccountExistsError as error:
            raise ProblemError(str(error)) from None
    return password


async def renew_password(settings: Settings, name: str) -> str:
    """Give a new generated password and end the account's sessions; returns the password."""
    password = secrets.token_urlsafe(9)
    async with _sessions(settings) as sessions, _accounts(settings) as accounts:
        _must_exist(name, await accounts.set_password_hash(name, hash_password(password)))
        await sessions.delete_all_for(name)
    return password


async def set_disabled(settings: Settings, name: str, disabled: bool) -> None:
    """Close an account and end its sessions, or open it again."""
    async with _sessions(settings) as sessions, _accounts(settings) as accounts:
        _must_exist(name, await accounts.set_disabled(name, disabled))
        await sessions.delete_all_for(name)


def _must_exist(name: str, found: bool) -> None:
    if not found:
        raise ProblemError(f"there is no account named {name!r}; `./huawu user list` shows all")


@asynccontextmanager
async def _sessions(settings: Settings) -> AsyncIterator[Sessions]:
    """The signed-in sessions; ProblemError when Redis is down, before anything was changed."""
    client = connect(settings.effective_redis_url)
    try:
        await client.ping()
        yield Sessions(client)
    except (RedisError, OSError) as error:
        raise ProblemError(
            f"Redis does not answer ({error}), so open sessions could not be ended. Do it again "
            "while the system runs: ./huawu up"
        ) from None
    finally:
        await client.aclose()


@asynccontextmanager
async def _accounts(settings: Settings) -> AsyncIterator[Accounts]:
    database = open_database(settings.effective_database_url)
    try:
        yield Accounts(database)
    finally:
        await database.close()
