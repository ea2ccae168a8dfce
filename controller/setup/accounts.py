"""Web accounts in the database that match the passwords made at first start."""

from collections.abc import Container, Mapping

from controller.credentials import WEB_ROLES
from dashboards.accounts import hash_password
from store.accounts import Account, Accounts, Role


async def add_missing(
    accounts: Accounts, passwords: Mapping[str, str], agents: Container[str]
) -> int:
    """Add an account for each name that has none, with its first password; returns how many.

    Accounts that exist are left alone: their people may have changed the password since.
    """
    known = {account.name for account in await accounts.all()}
    added = 0
    for name, password in passwords.items():
        is_agent = name in agents
        if name in known or not (is_agent or name in WEB_ROLES):
            continue
        await accounts.add(
            Account(
                name=name,
                role=Role.AGENT if is_agent else Role(name),
                password_hash=hash_password(password),
                agent=name if is_agent else "",
            )
        )
        added += 1
    return added
