"""Web accounts that match the generated passwords."""

from controller.setup.accounts import add_missing
from dashboards.accounts import password_fits
from store.accounts import Accounts, Role
from store.database import Database


async def test_accounts_are_added_once_and_keep_a_changed_password(database: Database) -> None:
    accounts = Accounts(database)
    passwords = {"admin": "a-password", "8001": "b-password", "4711": "of one who left"}
    assert await add_missing(accounts, passwords, {"8001": None}) == 2
    agent = await accounts.get("8001")
    assert agent is not None
    assert (agent.role, agent.agent) == (Role.AGENT, "8001")
    assert password_fits(agent.password_hash, "b-password")
    assert await accounts.get("4711") is None

    await accounts.set_password_hash("admin", "changed")
    assert await add_missing(accounts, passwords, {"8001": None}) == 0
    admin = await accounts.get("admin")
    assert admin is not None
    assert (admin.role, admin.password_hash) == (Role.ADMIN, "changed")
