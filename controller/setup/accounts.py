"""Web accounts in the database that match the passwords made at first start."""

import asyncio
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
    missing = [
        name for name in passwords if name not in known and (name in agents or name in WEB_ROLES)
    ]
    # A hash takes 50 ms of a core on purpose; all cores work at once.
    hashes = await asyncio.gather(
        *(asyncio.to_thread(hash_password, passwords[name]) for name in missing)
    )
    for name, password_hash in zip(missing, hashes, strict=True):
        is_agent = name in agents
        await accounts.add(
            Account(
                name=name,
                role=Role.AGENT if is_agent else Role(name),
                password_hash=password_hash,
                agent=name if is_agent else "",
            )
        )
    return len(missing)
