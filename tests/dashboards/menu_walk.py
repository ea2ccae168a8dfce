"""Callers who go through the menus by chance, as events."""

import random

from ivr.flow import Flows, place_name
from ivr.nodes import edges
from telephony.events import MenuLeft, MenuStepTaken, RecordedEvent

ENDS = frozenset({"queue", "callback", "transfer", "hang_up", "voicemail"})
ASKS = frozenset({"menu", "language", "collect"})
PERSON = "!"
#: Of those who are asked something.
HANG_UP = 0.12


def walk(flows: Flows, contact: str, at: float, dice: random.Random) -> list[RecordedEvent]:
    """One caller from the first node to where the way ends, all at one moment."""
    main, flow, callers = flows.main.data.name, flows.main, []
    node, ending, events = flow.data.start, "caller_gone", []
    for _ in range(30):
        name, what = place_name(main, flow.data.name, node), flow.nodes[node]
        events.append(MenuStepTaken(at=at, contact=contact, node=name, key="", arrived=True))
        if what.kind in ENDS:
            ending = what.kind
            break
        if what.kind in ASKS and dice.random() < HANG_UP:
            break
        if what.kind == "flow":
            callers.append((flow, what.next))
            flow = flows.by_name[what.flow]
            node = flow.data.start
        elif what.kind == "return":
            flow, node = callers.pop()
        elif (to := dice.choice([to for _, to in edges(what, PERSON)])) == PERSON:
            flow, node = flows.by_name[flow.person[0]], flow.person[1]
        else:
            node = to
    solved = ending == "hang_up"
    return [
        *events,
        MenuLeft(at=at, contact=contact, node=name, ending=ending, solved=solved),
    ]
