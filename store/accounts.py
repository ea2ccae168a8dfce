"""Web accounts: who may sign in, as what. Passwords arrive here already hashed."""

import enum
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from store.database import Database
from store.schema import accounts


class Role(enum.StrEnum):
    """What an account may do."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"


class AccountExistsError(ValueError):
    """The name is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One web account; ``agent`` is the agent id, "" for people without a phone."""

    name: str
    role: Role
    password_hash: str
    agent: str = ""
    disabled: bool = False


class Accounts:
    """The table of accounts. Ending the sessions of a changed account is the caller's part."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: Account) -> None:
        """Store a new account.

        Raises:
            AccountExistsError: the name is taken.
        """
        try:
            await self._database.change(insert(accounts).values(**asdict(account)))
        except IntegrityError as error:
            raise AccountExistsError(
                f"there is already an account named {account.name!r}"
            ) from error

    async def get(self, name: str) -> Account | None:
        """The account of that name."""
        row = await self._database.first(select(accounts).where(accounts.c.name == name))
        return None if row is None else _account(row)

    async def all(self) -> list[Account]:
        """Every account, by name."""
        rows = await self._database.rows(select(accounts).order_by(accounts.c.name))
        return [_account(row) for row in rows]

    async def set_password_hash(self, name: str, password_hash: str) -> bool:
        """Replace the password; False when there is no such account."""
        return await self._change(name, password_hash=password_hash)

    async def set_disabled(self, name: str, disabled: bool) -> bool:
        """Close or reopen an account; False when there is no such account."""
        return await self._change(name, disabled=disabled)

    async def set_role(self, name: str, role: Role, agent: str = "") -> bool:
        """Give another role (and agent id); False when there is no such account."""
        return await self._change(name, role=role, agent=agent)

    async def remove(self, name: str) -> bool:
        """Delete an account; False when there is no such account."""
        return bool(await self._database.change(delete(accounts).where(accounts.c.name == name)))

    async def _change(self, name: str, **values: Any) -> bool:
        named = update(accounts).where(accounts.c.name == name)
        return bool(await self._database.change(named.values(**values)))


def _account(row: Row[Any]) -> Account:
    fields = dict(row._mapping)
    return Account(**{**fields, "role": Role(fields["role"])})
