"""Web accounts on both databases."""

import pytest

from store.accounts import Account, AccountExistsError, Accounts, Role
from store.database import Database


async def test_an_account_from_beginning_to_end(database: Database) -> None:
    accounts = Accounts(database)
    wang = Account(name="wang", role=Role.AGENT, password_hash="h1", agent="8001")
    await accounts.add(wang)
    await accounts.add(Account(name="boss", role=Role.ADMIN, password_hash="h2"))
    assert await accounts.get("wang") == wang
    assert [account.name for account in await accounts.all()] == ["boss", "wang"]
    assert await accounts.set_password_hash("wang", "h3")
    assert await accounts.set_disabled("wang", True)
    assert await accounts.set_role("wang", Role.SUPERVISOR)
    assert await accounts.get("wang") == Account(
        name="wang", role=Role.SUPERVISOR, password_hash="h3", disabled=True
    )
    assert await accounts.remove("wang")
    assert await accounts.get("wang") is None


async def test_a_name_belongs_to_one_account(database: Database) -> None:
    accounts = Accounts(database)
    await accounts.add(Account(name="a", role=Role.ADMIN, password_hash=""))
    with pytest.raises(AccountExistsError):
        await accounts.add(Account(name="a", role=Role.AGENT, password_hash=""))


async def test_changes_to_nobody_are_told(database: Database) -> None:
    accounts = Accounts(database)
    assert not await accounts.set_password_hash("x", "")
    assert not await accounts.set_disabled("x", True)
    assert not await accounts.set_role("x", Role.ADMIN)
    assert not await accounts.remove("x")
