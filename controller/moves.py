"""Transfers, consultations and conferences as actions of the manager link. Pure.

Each command becomes a short list of actions, carried out in order; the dialplan's side of them is
in ``asterisk-conf/extensions.conf`` (huawu-hold, huawu-consult, huawu-room, huawu-outside).
"""

from typing import TypeAlias

from telephony.commands import (
    EnterRoom,
    FollowIntoRoom,
    PassOutside,
    PassToMenu,
    StartConsult,
)

Action: TypeAlias = tuple[str, list[tuple[str, str]]]
"""An action's name and its fields."""

TalkMove: TypeAlias = StartConsult | EnterRoom | FollowIntoRoom | PassToMenu | PassOutside

#: Contexts that these redirects go to.
CONTEXTS = (
    "huawu-hold",
    "huawu-room",
    "huawu-consult",
    "huawu-consult-outside",
    "huawu-consult-end",
    "huawu-outside",
)


def actions_of(command: TalkMove) -> list[Action]:
    """What to send for a command, one after the other."""
    match command:
        case StartConsult():
            return _consult(command)
        case EnterRoom():
            return [_enter(command)]
        case FollowIntoRoom():
            return [_redirect(command.channel, "huawu-hold", "come")]
        case PassToMenu():
            return [
                _variable(command.channel, "HUAWU_NODE", command.node),
                _redirect(command.channel, "huawu-menu", "again"),
            ]
        case PassOutside():
            target = f"{command.number}*{command.ring}"
            return [_redirect(command.channel, "huawu-outside", target)]


def bridged_first(command: TalkMove) -> str:
    """The leg that must be in its bridge before the command is carried out; "" when none must.

    Between a phone's answer and its bridge a leg is Dial's. Asterisk then moves it by putting
    another channel in its place, and whom it was to talk with stays in the bridge alone, or loses
    its channel without a BYE.
    """
    match command:
        case StartConsult():
            return command.leg
        case EnterRoom() if command.released or len(command.legs) > 1:
            return command.legs[-1]  # the colleague's
        case _:
            return ""


def _consult(command: StartConsult) -> list[Action]:
    context = "huawu-consult" if command.agent else "huawu-consult-outside"
    target = f"{command.agent or command.number}*{command.offer}*{command.ring}"
    return [
        _variable(command.leg, "HUAWU_LABEL", command.label),
        _redirect(
            command.channel, "huawu-hold", str(command.offer), (command.leg, context, target)
        ),
    ]


def _enter(command: EnterRoom) -> Action:
    first, *others = command.legs
    extra = None
    if command.released:
        extra = (command.released, "huawu-consult-end", "taken")
    elif others:
        extra = (others[0], "huawu-room", "leg")
    return _redirect(first, "huawu-room", "leg", extra)


def _variable(channel: str, name: str, value: str) -> Action:
    return "Setvar", [("Channel", channel), ("Variable", name), ("Value", value)]


def _redirect(
    channel: str, context: str, extension: str, extra: tuple[str, str, str] | None = None
) -> Action:
    """``extra``: a second channel that moves at the same moment, with its context, extension."""
    fields = [
        ("Channel", channel),
        ("Context", context),
        ("Exten", extension),
        ("Priority", "1"),
    ]
    if extra:
        fields += [
            ("ExtraChannel", extra[0]),
            ("ExtraContext", extra[1]),
            ("ExtraExten", extra[2]),
            ("ExtraPriority", "1"),
        ]
    return "Redirect", fields
