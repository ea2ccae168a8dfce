"""The emergency switch of one installation: who switches what, checked, recorded, listed."""

import asyncio
import datetime
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from redis.exceptions import RedisError

from acd.company import load_company
from controller.menus import menu_files
from controller.rules import rule_versions
from controller.settings import Settings
from ivr.emergency import (
    EVERYTHING,
    Action,
    CannotSwitch,
    FeatureCode,
    Switch,
    SwitchBook,
    Then,
    check_action,
    pieces,
)
from ivr.versions import FlowVersion
from store.live import append_event, connect
from telephony.events import EmergencySwitched

#: Seconds in which the event log must take a switch of the command line.
EVENT_LIMIT = 3.0


class EmergencySwitch:
    """Switches, and says what is switched on.

    Args:
        book: where it stands.
        menu: the menu in use.
        queues: ids of the queues.
        record: puts the event into the log.
        now: Unix seconds.
    """

    def __init__(
        self,
        book: SwitchBook,
        *,
        menu: Callable[[], FlowVersion],
        queues: Callable[[], Collection[str]],
        record: Callable[[EmergencySwitched], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._menu = menu
        self._queues = queues
        self._record = record
        self._now = now

    def on(self, scope: str) -> Switch | None:
        """What stands in front of a scope now."""
        return self._book.on(scope)

    def state(self) -> Sequence[Switch]:
        """All that is switched on."""
        return list(self._book.state().values())

    def history(self) -> Sequence[Switch]:
        """Every switch that was made, the oldest first."""
        return self._book.history()

    @property
    def feature_code(self) -> FeatureCode | None:
        """What agents' phones can switch on, and whose."""
        return self._menu().emergency.feature_code

    @property
    def presets(self) -> Mapping[str, Action]:
        """What can be switched on by a name."""
        return self._menu().emergency.actions

    @property
    def flows(self) -> Collection[str]:
        """Names of the flows that callers can be led into instead of the main one."""
        return self._menu().flows.names[1:]

    def texts(self, action: Action) -> dict[str, str]:
        """What is announced, by language; empty for a flow."""
        shelf = self._menu().flow.shelf
        return {lang: shelf.find(action.say, lang).text for lang in shelf.voices if action.say}

    def wanted(self, *, preset: str = "", say: str = "", flow: str = "", then: str = "") -> Action:
        """The action that is named by one of ``preset``, ``say`` and ``flow``.

        Raises CannotSwitch when none or several are, or when there is no such preset.
        """
        if sum(map(bool, (preset, say, flow))) != 1:
            raise CannotSwitch("one thing is put in front", "name a preset, a prompt or a flow")
        if preset and preset not in self.presets:
            mend = f"presets are {', '.join(self.presets)}"
            raise CannotSwitch(f"there is no preset {preset}", mend)
        if then and then not in set(Then):
            raise CannotSwitch(f"{then} cannot follow", f"then is one of {', '.join(Then)}")
        action = self.presets[preset] if preset else Action(say=say, flow=flow)
        return action.model_copy(update={"then": Then(then)}) if then else action

    def switch_on(self, scope: str, action: Action, *, author: str, note: str = "") -> Switch:
        """Put it in front of everything or of a queue, for every caller from now on.

        Raises:
            CannotSwitch: callers would hear nothing, or there is no such queue.
            OSError: it could not be written down; nothing has changed.
        """
        menu = self._menu()
        if scope != EVERYTHING and scope not in self._queues():
            known = ", ".join((EVERYTHING, *self._queues()))
            raise CannotSwitch(f"there is no queue {scope}", f"it can stand in front of: {known}")
        check_action(action, menu.flow.shelf, menu.flows.by_name)
        return self._write(scope, action, author, note)

    def switch_off(self, scope: str, *, author: str, note: str = "") -> Switch:
        """Take away what stands in front of a scope, also of a queue that has gone.

        Raises:
            CannotSwitch: nothing does.
            OSError: it could not be written down; nothing has changed.
        """
        if not self._book.on(scope):
            raise CannotSwitch(
                f"nothing is switched on in front of {scope}", "see ./huawu ivr emergency status"
            )
        return self._write(scope, None, author, note)

    def _write(self, scope: str, action: Action | None, author: str, note: str) -> Switch:
        switch = Switch(at=self._now(), author=author, scope=scope, action=action, note=note)
        self._book.write(switch)
        self._record(EmergencySwitched(**pieces(switch)))
        return switch


def at_the_terminal(settings: Settings) -> EmergencySwitch:
    """The switch for a command, which works also while no controller runs."""
    files, rules = menu_files(settings), rule_versions(settings.rules_dir).newest
    newest = files.kept.newest

    def menu() -> FlowVersion:
        return files.load(newest) if newest else files.load_company()

    return EmergencySwitch(
        SwitchBook(settings.emergency_file),
        menu=menu,
        queues=lambda: load_company(rules.folder if rules else settings.company).queues,
        record=lambda event: asyncio.run(_append(settings, event)),
    )


def status_lines(switch: EmergencySwitch, secrets_file: Path) -> list[str]:
    """What is on, what can be, who switched before: for a terminal."""
    on = [_line(entry) for entry in switch.state()]
    lines = ["on:", *(on or ["  nothing"]), "presets:"]
    lines += [f"  {name:<20} {_words(action)}" for name, action in switch.presets.items()]
    if code := switch.feature_code:
        phones = ", ".join(code.agents)
        lines.append(f"*91 and *90: preset {code.preset}, from the phones {phones}")
        lines.append(f"  with the emergency_pin of {secrets_file}")
    return [*lines, "history:", *(_line(entry) for entry in reversed(switch.history()))]


def _line(entry: Switch) -> str:
    at = datetime.datetime.fromtimestamp(entry.at).astimezone()
    what = _words(entry.action) if entry.action else "off"
    return (
        f"  {at:%Y-%m-%d %H:%M:%S}  {entry.scope:<12} {what}  {entry.author}  {entry.note}".rstrip()
    )


def _words(action: Action) -> str:
    return f"flow {action.flow}" if action.flow else f"say {action.say}, then {action.then}"


async def _append(settings: Settings, event: EmergencySwitched) -> None:
    redis = connect(settings.effective_redis_url)
    try:
        async with asyncio.timeout(EVENT_LIMIT):
            await append_event(redis, event)
    except (RedisError, OSError, TimeoutError):
        print("Redis does not answer: it is switched, but missing in the contacts' event log")
    finally:
        await redis.aclose()
