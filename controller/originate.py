"""The two calls that the controller itself begins, as fields of AMI's ``Originate``. Pure.

Nothing that a caller sent gets into a channel's name but digits. A call is made asynchronously:
``Success`` means that it was begun, and what becomes of it is told by its channel.
"""

from collections.abc import Sequence

from ivr.prompts import prompt_path
from telephony.attributes import attributes_to_variable
from telephony.commands import CallAgentFirst, CallCustomer

Fields = Sequence[tuple[str, str]]

#: What the customer's phone shows.
SERVICE_NUMBER = "8000"
#: Bytes; Asterisk refuses a whole action for one line of about 1,020. Only attributes can be so
#: long, and the live store has them.
LONGEST_LINE = 900
#: Agents hear what they are told in this language.
AGENT_LANGUAGE = "zh-CN"


def customer_call(call: CallCustomer, *, record: bool) -> Fields:
    """Through the trunk to the customer, and at the answer into the dialplan.

    The channel gets the contact's own id: it is known as the caller's from its first moment, and
    Asterisk refuses a second one.

    Raises:
        ValueError: the number is not made of digits.
    """
    number = _digits(call.number)
    variables = {
        "__HUAWU_CONTACT": call.contact,
        "HUAWU_NUMBER": number,
        "HUAWU_AGENT": call.agent,
        "HUAWU_OFFER": str(call.offer),
        "HUAWU_RING": str(call.agent_ring),
        "HUAWU_LABEL": _text(call.label),
        "HUAWU_PARTNER": call.partner,
        "HUAWU_SAY": prompt_path(_greeting(call), call.language or AGENT_LANGUAGE),
        "HUAWU_ENQUEUED": f"{call.queued:.3f}",
        "HUAWU_PRIORITY": str(call.priority),
        "HUAWU_LANGUAGE": call.language,
        "HUAWU_MUSIC": call.music,
        "HUAWU_ATTRIBUTES": attributes_to_variable(call.attributes),
        "HUAWU_RECORD": "1" if record else "",
        "HUAWU_QUEUE": call.queue,
    }
    return [
        ("Channel", f"PJSIP/{number}@trunk"),
        ("Context", "huawu-callback"),
        *_common(call.ring, f"<{SERVICE_NUMBER}>", variables),
        ("ChannelId", call.contact),
    ]


def _greeting(call: CallCustomer) -> str:
    """Who has asked for the call is told so; others are told that we ask how it went."""
    ours = call.attributes.get("follow_up") in ("follow_up", "low_score")
    return "follow_up_greeting" if ours else "callback_greeting"


def agent_first(call: CallAgentFirst, *, record: bool) -> Fields:
    """To the agent, who then waits in the dialplan for the customer.

    Raises:
        ValueError: the agent's extension or the number is not made of digits.
    """
    agent = _digits(call.agent)
    variables = {
        "__HUAWU_CONTACT": call.contact,
        "__HUAWU_QUEUE": call.queue,
        "__HUAWU_RECORD": "1" if record else "",
        "HUAWU_AGENT": agent,
        "HUAWU_OFFER": str(call.offer),
        "HUAWU_SAY": prompt_path("callback_calling", AGENT_LANGUAGE),
    }
    shown = f'"{_text(call.label)}" <{_digits(call.number)}>'
    return [
        ("Channel", f"PJSIP/agent{agent}"),
        ("Context", "huawu-agent-first"),
        *_common(call.ring, shown, variables),
    ]


def _common(ring: int, shown: str, variables: dict[str, str]) -> Fields:
    return [
        ("Exten", "s"),
        ("Priority", "1"),
        ("Timeout", str(ring * 1000)),
        ("CallerID", shown),
        ("Async", "true"),
        *(
            ("Variable", line)
            for name, value in variables.items()
            if len((line := f"{name}={value}").encode()) <= LONGEST_LINE
        ),
    ]


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a number that can be called")
    return text


def _text(text: str) -> str:
    """A label without what parts variables, and what parts a name from a number."""
    return "".join(" " if char in ',"<>;\\' else char for char in text)
