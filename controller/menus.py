"""The menu's versions: taken into use, and put back, by a command or by the API."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from controller.change import Change
from controller.lifecycle import tell_controllers
from controller.rules import rule_versions
from controller.settings import Settings
from ivr.check import check_company
from ivr.flow import Flows
from ivr.versions import FlowVersions, MenuFiles
from store.source import BadFile
from store.versions import Version


def menu_files(settings: Settings) -> MenuFiles:
    """The menu of the company, to be checked under the rules that are in use."""
    return MenuFiles(settings.company, settings.menus_dir, lambda: menu_rules(settings))


def menu_rules(settings: Settings) -> Path:
    """The folder of the rules that are in use, under which a menu is checked."""
    newest = rule_versions(settings.rules_dir).newest
    return newest.folder if newest else settings.company


def reload_menu(settings: Settings, author: str) -> Change:
    """Take the files of the company folder into use for new callers."""
    files = menu_files(settings)
    before = files.kept.newest
    change = _changed(settings, lambda: files.keep(author))
    change.compare(before)
    if change.problems and not check_company(settings.company):
        change.notes.append("queues.yaml and routing.yaml are newer: ./huawu rules reload first")
    if change.version:
        change.notes += map(str, files.load(change.version).flows.warnings)
    return change


def roll_back_menu(settings: Settings, number: int | None, author: str) -> Change:
    """Go back to an earlier version. Raises NoSuchVersion."""
    return _changed(settings, lambda: menu_files(settings).roll_back(number, author))


def _changed(settings: Settings, act: Callable[[], Version]) -> Change:
    try:
        version = act()
    except BadFile as error:
        return Change(problems=error.problems)
    return Change(version=version, controllers=tell_controllers(settings))


class LiveMenu:
    """The same from inside of a controller, which need not wait for its own signal."""

    def __init__(self, settings: Settings, versions: FlowVersions) -> None:
        self._settings = settings
        self._versions = versions

    @property
    def version(self) -> int:
        """Number of the version for callers who arrive now."""
        return self._versions.current.number

    @property
    def flows(self) -> Flows:
        """What callers who arrive now are led through."""
        return self._versions.current.flows

    async def versions(self) -> Sequence[Version]:
        """Every version that was in use, the oldest first."""
        return await asyncio.to_thread(menu_files(self._settings).kept.all)

    async def reload(self, author: str) -> Version:
        """Take the company's files into use. Raises BadFile: nothing changed."""
        return await self._take_up(lambda: reload_menu(self._settings, author))

    async def roll_back(self, number: int | None, author: str) -> Version:
        """Go back to an earlier version, by default the last one.

        Raises:
            NoSuchVersion: there is none.
            BadFile: it does not fit the rules in use; nothing changed.
        """
        return await self._take_up(lambda: roll_back_menu(self._settings, number, author))

    async def _take_up(self, act: Callable[[], Change]) -> Version:
        change = await asyncio.to_thread(act)
        if change.version is None:
            raise BadFile(change.problems)
        self._versions.take_up()
        return change.version
