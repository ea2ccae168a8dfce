"""A queue of app_queue in the words of this house, with a note for all that has no equal. Pure.

Penalties become levels (0 is 10, 1 is 9, … from 9 on 1) of a skill named after the queue, because
a low penalty is what app_queue calls a better agent; queue rules that raise the penalty limit over
time become rings that lower the level.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from acd.importer.asterisk_config import AsteriskConfig, Option, Section
from acd.rules import PRESETS
from store.source import Problem

#: Options that have no equal, and why; the rest of what is not known is named as such.
NO_EQUAL = {
    "retry": "a freed agent gets the next caller at once",
    "ringinuse": "an agent never has two calls",
    "autofill": "several callers are always offered at once",
    "autopause": "who misses a call is always not ready (misses in routing.yaml)",
    "autopausebusy": "who declines a call is always not ready",
    "autopauseunavail": "an agent without a phone is always not ready",
    "autopausedelay": "see misses in routing.yaml",
    "context": "keys of waiting callers: see callback in docs/rules.md",
    "announce": "agents see the queue on their page and in their phone's display",
    "memberdelay": "an agent hears the caller at once",
    "reportholdtime": "agents see the wait on their page",
    "timeoutrestart": "the ring time always begins anew",
    "timeoutpriority": "only the queue's own ring time counts",
    "periodic-announce": "prompts are made by ./huawu ivr say",
    "periodic-announce-frequency": "see announcements",
    "monitor-type": "recordings are always one file per side",
    "membermacro": "the dialplan is Huawu's",
    "membergosub": "the dialplan is Huawu's",
    "setinterfacevar": "the dialplan is Huawu's",
    "setqueuevar": "the dialplan is Huawu's",
    "setqueueentryvar": "the dialplan is Huawu's",
    "persistentmembers": "who is signed in always outlasts a restart",
    "shared_lastcall": "wrap-up always counts in all queues",
    "relative-periodic-announce": "see announcements",
    "random-periodic-announce": "see announcements",
    "min-announce-frequency": "see announcements",
    "announce-round-seconds": "waits are told in minutes",
    "announce-to-first-user": "the first in line always hears it",
    "announce-position-limit": "positions up to ten have a prompt of their own",
    "log_membername_as_agent": "the log names extensions",
    "negative_penalty_invalid": "there are no negative levels",
    "log-restricted-caller-id": "withheld numbers are never logged",
    "force_longest_waiting_caller": "the longest wait always comes first, measured by its target",
    "updatecdr": "reports come from Huawu's own log",
    "eventwhencalled": "see telephony/events.py",
    "eventmemberstatus": "see telephony/events.py",
    "penaltymemberslimit": "levels are only preferred, never a limit, but by a ring",
    "defaultrule": "",
    "member": "",
}
#: joinempty and leavewhenempty: with these nobody is ever turned away.
_WAITS_FOR_EVER = frozenset({"yes", "true", "1", "on"})
_NEVER = frozenset({"no", "false", "0", "off", ""})
_MEMBER = re.compile(r"(?:[A-Za-z0-9]+/)?[A-Za-z_-]*(?P<extension>[0-9]{2,8})(?![0-9])")


@dataclass(slots=True)
class Member:
    """One ``member =>`` line."""

    extension: str
    penalty: int
    name: str
    interface: str


@dataclass(slots=True)
class ImportedQueue:
    """One queue: what becomes of it, and what is to be said about it."""

    id: str
    title: str
    line: int
    values: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    """Field of the queue -> where it came from, for a comment."""
    notes: list[str] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    strategy: str = "ringall"  # app_queue's own default


def level_of(penalty: int) -> int:
    """A penalty as a level."""
    return max(1, 10 - penalty)


def import_queues(
    config: AsteriskConfig, rules: AsteriskConfig | None
) -> tuple[list[ImportedQueue], list[Problem]]:
    """All queues of a queues.conf, with the steps of a queuerules.conf when there is one."""
    problems = list(config.problems)
    queues: list[ImportedQueue] = []
    changes = _penalty_changes(rules, problems) if rules else {}
    sections = dict.fromkeys(id(section) for section in config.sections)
    for section in config.sections:
        if section.template or section.name == "general" or id(section) not in sections:
            continue
        del sections[id(section)]  # a section that goes on further down comes once
        queue = ImportedQueue(_word(section.name, queues), section.name, section.line)
        _options(queue, section, config, problems)
        _members(queue, section, config, problems)
        _rule(queue, section, changes, config, problems)
        queues.append(queue)
    if not queues:
        problems.append(config.problem(1, "there is no queue", "add a [section] for each"))
    return queues, problems


def _word(name: str, queues: Iterable[ImportedQueue]) -> str:
    """An id for a queue of this name that no other has."""
    word = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
    if not word or not re.search(r"[a-z0-9]", word):
        word = "queue"
    if not word[0].isalpha():
        word = f"q{word}"
    word, taken, number = word[:28], {queue.id for queue in queues}, 2
    free = word
    while free in taken:
        free, number = f"{word}-{number}", number + 1
    return free


# -- options ---------------------------------------------------------------------------------


def _options(
    queue: ImportedQueue, section: Section, config: AsteriskConfig, problems: list[Problem]
) -> None:
    take: dict[str, Callable[[ImportedQueue, Option], None]] = {
        "strategy": _strategy,
        "timeout": lambda q, o: _number(q, o, "ring", 3, 120),
        "wrapuptime": lambda q, o: _number(q, o, "wrap_up", 0, 3600),
        "servicelevel": lambda q, o: _number(q, o, "threshold", 1, 3600),
        "weight": lambda q, o: _number(q, o, "priority", 0, 1000),
        "maxlen": _length,
        "joinempty": _empty,
        "leavewhenempty": _empty,
        "musicclass": _music,
        "music": _music,
        "musiconhold": _music,
        "monitor-format": _record,
        "announce-frequency": _frequency,
        "announce-holdtime": lambda q, o: _told(q, o, "wait"),
        "announce-position": lambda q, o: _told(q, o, "position"),
    }
    for name in dict.fromkeys(option.name for option in section.options):
        option = section.last(name)
        assert option is not None
        if name in take:
            try:
                take[name](queue, option)
            except ValueError as error:
                problems.append(config.problem(option.line, f"{name}: {error}", "correct it"))
        elif name in NO_EQUAL:
            if NO_EQUAL[name]:
                queue.notes.append(f"{name} = {option.value}: no equal; {NO_EQUAL[name]}")
        elif name.startswith(("queue-", "sound")):
            queue.notes.append(f"{name} = {option.value}: prompts are those of ivr/catalogue.yaml")
        else:
            queue.notes.append(f"{name} = {option.value}: not known, line {option.line}")
    queue.values.setdefault("record", False)


def _number(queue: ImportedQueue, option: Option, field_: str, least: int, most: int) -> None:
    if not re.fullmatch(r"\d+", option.value):
        raise ValueError(f"'{option.value}' is no whole number")
    value = int(option.value)
    kept = min(max(value, least), most)
    if kept != value:
        queue.notes.append(f"{option.name} = {value}: {field_} can be {least} to {most}")
    queue.values[field_] = kept
    queue.origin[field_] = f"{option.name} = {option.value}"


def _strategy(queue: ImportedQueue, option: Option) -> None:
    name = option.value.lower()
    if name == "roundrobin":  # its name in old versions
        name = "rrmemory"
    if name not in PRESETS and name != "ringall":
        raise ValueError(f"there is no strategy '{option.value}'")
    queue.strategy = name


def _length(queue: ImportedQueue, option: Option) -> None:
    _number(queue, option, "_length", 0, 100_000)
    if most := queue.values.pop("_length"):
        limits = queue.values.setdefault("limits", {})
        limits["length"] = {"max": most, "exit": {"announce": "queue_full"}}
    queue.origin["limits"] = queue.origin.pop("_length")


def _empty(queue: ImportedQueue, option: Option) -> None:
    """``joinempty=no``, ``leavewhenempty=yes`` and their lists of conditions."""
    value = option.value.lower()
    turns_away = value not in _WAITS_FOR_EVER if option.name == "joinempty" else value not in _NEVER
    if turns_away:
        limits = queue.values.setdefault("limits", {})
        limits["nobody_signed_in"] = {"announce": "nobody_there"}
        before = queue.origin.get("limits")
        said = f"{option.name} = {option.value}"
        queue.origin["limits"] = f"{before}; {said}" if before else said


def _music(queue: ImportedQueue, option: Option) -> None:
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", option.value):
        queue.values["music"] = option.value
        queue.origin["music"] = f"{option.name} = {option.value}"
    else:
        queue.notes.append(f"{option.name} = {option.value}: cannot be a name here")


def _record(queue: ImportedQueue, option: Option) -> None:
    queue.values["record"] = bool(option.value)
    queue.origin["record"] = f"{option.name} = {option.value}"


def _frequency(queue: ImportedQueue, option: Option) -> None:
    told = queue.values.setdefault("announcements", {})
    if option.value == "0":
        told["position"] = told["wait"] = False
    else:
        _number(queue, option, "_every", 10, 600)
        told["every"] = queue.values.pop("_every")
        queue.origin.pop("_every")
    queue.origin["announcements"] = f"announce-frequency = {option.value} and its like"


def _told(queue: ImportedQueue, option: Option, what: str) -> None:
    told = queue.values.setdefault("announcements", {})
    wanted = option.value.lower() not in _NEVER
    told[what] = wanted and told.get(what, True)
    queue.origin.setdefault("announcements", "announce-*")


# -- members and penalties -------------------------------------------------------------------


def _members(
    queue: ImportedQueue, section: Section, config: AsteriskConfig, problems: list[Problem]
) -> None:
    for option in section.options:
        if option.name not in ("member", "persistentmember"):
            continue
        words = [word.strip() for word in option.value.split(",")]
        interface, penalty, name, state = (words + [""] * 4)[:4]
        extension = extension_of(state.removeprefix("hint:")) or extension_of(interface)
        if not extension:
            problems.append(
                config.problem(
                    option.line,
                    f"no extension can be read off the member {interface}",
                    "name the phone by its extension, such as PJSIP/8001",
                )
            )
        elif not re.fullmatch(r"\d*", penalty):
            problems.append(
                config.problem(option.line, f"the penalty '{penalty}' is no number", "write 0, 1")
            )
        else:
            queue.members.append(Member(extension, int(penalty or 0), name, interface))


def extension_of(interface: str) -> str:
    """The extension in ``PJSIP/8001``, ``SIP/agent8001``, ``Local/8001@from-queue/n``; else ""."""
    match = _MEMBER.match(interface)
    return match["extension"] if match else ""


_Steps = list[tuple[int, str, int]]
"""(seconds, the new highest penalty as written, line)"""


def _penalty_changes(rules: AsteriskConfig, problems: list[Problem]) -> dict[str, _Steps]:
    problems += rules.problems
    found: dict[str, _Steps] = {}
    for section in rules.sections:
        for option in section.options:
            words = [word.strip() for word in option.value.split(",")]
            number = re.fullmatch(r"[+-]?\d*", words[1] if len(words) > 1 else "")
            if option.name != "penaltychange" or not words[0].isdecimal() or not number:
                text = f"'{option.name} => {option.value}' is no penalty change"
                mend = "write penaltychange => seconds,highest[,lowest]"
                problems.append(rules.problem(option.line, text, mend))
                continue
            found.setdefault(section.name, []).append((int(words[0]), number[0], option.line))
    return found


def _rule(
    queue: ImportedQueue,
    section: Section,
    changes: dict[str, _Steps],
    config: AsteriskConfig,
    problems: list[Problem],
) -> None:
    """The rings of a queue whose penalty limit rises over time."""
    named = section.last("defaultrule")
    if named is None or not named.value:
        return
    if named.value not in changes:
        problems.append(
            config.problem(
                named.line,
                f"there is no rule {named.value} in a queuerules.conf beside this file",
                "put it there, or remove defaultrule",
            )
        )
        return
    rings = _rings(queue, changes[named.value])
    if rings:
        queue.values["rings"] = rings
        queue.origin["rings"] = f"defaultrule = {named.value}"


def _rings(queue: ImportedQueue, steps: _Steps) -> list[dict[str, Any]]:
    highest: int | None = None
    rings: list[dict[str, Any]] = []
    for seconds, text, line in sorted(steps):
        before = highest
        if text.startswith(("+", "-")):
            highest = None if before is None else max(0, before + int(text))
        elif text:
            highest = int(text)
        if seconds == 0:
            if highest is not None:
                queue.values["skills"] = {queue.id: level_of(highest)}
        elif before is not None and highest is not None and level_of(highest) < level_of(before):
            rings.append({"after": seconds, "skills": {queue.id: level_of(highest)}})
        else:
            queue.notes.append(
                f"penaltychange at {seconds} s (queuerules.conf, line {line}): no equal; "
                "a ring never narrows the search"
            )
    return rings
