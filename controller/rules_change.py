"""`huawu rules reload` and `rollback`: from changed files to rules in use, without losing a call.

The order matters: checked, kept as a version, known to Asterisk (phones of new agents, new queues
of the fallback), and only then the controllers are asked to go by it.
"""

import asyncio

from acd.company import Company, load_company
from acd.rules import AgentProfile
from controller.asterisk_node import (
    NO_PREDIAL,
    AsteriskNodeError,
    ask_asterisk,
    find_asterisk,
    predial,
)
from controller.change import Change
from controller.credentials import ensure_credentials
from controller.lifecycle import tell_controllers
from controller.menus import menu_files
from controller.rules import check_rules, load_rules, rule_versions
from controller.settings import Settings
from controller.setup.accounts import add_missing
from controller.setup.steps import configure_asterisk
from store.accounts import Accounts
from store.database import open_database
from store.source import BadFile
from store.versions import Version

#: Asterisk reads the phones and the queues anew; calls and signed-in members stay as they are.
RELOADS = ("module reload res_pjsip.so", "queue reload parameters")


def reload_rules(settings: Settings, author: str) -> Change:
    """Take the files of the company folder into use."""
    if problems := check_rules(settings.company):
        return Change(problems=problems)
    versions = rule_versions(settings.rules_dir)
    before = versions.newest
    version = versions.keep(settings.company, author=author)
    change = Change(version=version)
    change.compare(before)
    return _take_into_use(settings, before, change)


def roll_back_rules(settings: Settings, number: int | None, author: str) -> Change:
    """Go back to an earlier version. Raises NoSuchVersion when there is none."""
    versions = rule_versions(settings.rules_dir)
    before = versions.newest
    try:
        version = versions.roll_back(settings.company, number, author=author, check=check_rules)
    except BadFile as error:
        return Change(problems=error.problems)
    return _take_into_use(settings, before, Change(version=version))


def _take_into_use(settings: Settings, before: Version | None, change: Change) -> Change:
    company = load_rules(settings.company)
    try:
        old = load_company(before.folder) if before else None
    except BadFile:
        old = None
    if settings.secrets_file.exists() and _asterisk_must_know(company, old):
        change.notes += _tell_asterisk(settings, company, old)
    if not menu_files(settings).kept.holds(settings.company):
        change.notes.append("the menu's files have changed as well: ./huawu ivr reload")
    change.controllers = tell_controllers(settings)
    return change


def _asterisk_must_know(company: Company, old: Company | None) -> bool:
    """Asterisk knows queues by their ids, and agents by number, name and how their phones ring."""
    if old is None:
        return True
    known = {name: _as_asterisk_knows(agent) for name, agent in old.agents.items()}
    return not company.queues.keys() <= old.queues.keys() or any(
        known.get(name) != _as_asterisk_knows(agent) for name, agent in company.agents.items()
    )


def _as_asterisk_knows(agent: AgentProfile) -> tuple[object, ...]:
    return agent.name, agent.auto_answer, agent.call_headers


def _tell_asterisk(settings: Settings, company: Company, old: Company | None) -> list[str]:
    """Accounts, phones and queues of who is new; who has gone keeps theirs until the next `up`,
    because a call in hand needs them.
    """
    credentials, new = ensure_credentials(settings.secrets_file, company.agents)
    asyncio.run(_add_accounts(settings, company, credentials.web))
    both = company if old is None else _together(company, old)
    configure_asterisk(settings, both, credentials)
    notes = [f"new accounts: {', '.join(new)}; passwords are in {settings.secrets_file}"] * bool(
        new
    )
    try:
        program = find_asterisk(settings)
        for command in (*RELOADS, *_phones_told(company, old)):
            ask_asterisk(program, settings, command)
    except AsteriskNodeError as error:
        notes.append(
            f"Asterisk was not told ({error}); new phones and queues need "
            f"`asterisk -rx '{RELOADS[0]}'` and `asterisk -rx '{RELOADS[1]}'`"
        )
    return notes


def _phones_told(company: Company, old: Company | None) -> list[str]:
    """Console commands for agents whose phones are told more, or less, than before.

    A reload of the dialplan would do it, too, but it also forgets who leads.
    """
    before = {name: _predial(agent) for name, agent in old.agents.items()} if old else {}
    return [
        f"dialplan set global HUAWU_PREDIAL_{name} {_predial(agent)}"
        for name, agent in company.agents.items()
        if before.get(name, NO_PREDIAL) != _predial(agent)
    ]


def _predial(agent: AgentProfile) -> str:
    return predial(auto_answer=agent.auto_answer, call_headers=agent.call_headers)


def _together(company: Company, old: Company) -> Company:
    return Company(
        queues={**old.queues, **company.queues},
        agents={**old.agents, **company.agents},
        language_skills=company.language_skills,
        routing=company.routing,
    )


async def _add_accounts(settings: Settings, company: Company, passwords: dict[str, str]) -> None:
    database = open_database(settings.effective_database_url)
    try:
        await add_missing(Accounts(database), passwords, company.agents)
    finally:
        await database.close()
