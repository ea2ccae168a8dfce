"""What the nodes that ask do with a caller: keys, words, digits, scores, services, messages.

Each function leads one caller through one node and returns where the node leads: a node's name,
or one of the two ways that hold everywhere, a person (`PERSON`) and back (`BACK`).
"""

import asyncio
import logging
from collections.abc import Sequence
from enum import Enum, auto
from typing import TypeAlias

from ivr.call import Call
from ivr.intents import Intents, Understanding, confirm_prompt
from ivr.nodes import (
    BACK_KEY,
    NO_KEY,
    PERSON_KEY,
    YES_KEY,
    Collect,
    Language,
    Lookup,
    Menu,
    Send,
    Survey,
    Voicemail,
)
from ivr.ports import Answer, Message, Unavailable, Value
from ivr.shop.numbers import is_sound
from telephony.events import (
    DigitsCollected,
    MessageRecorded,
    MessageTaken,
    ServiceAsked,
    SurveyAnswered,
    WordsHeard,
)

log = logging.getLogger(__name__)

QUICK = 0.5
"""Seconds of silence that a caller takes for nothing while a service is asked."""
PAUSE = 1.5
"""Seconds between two words of comfort while a service is asked: never two in silence."""
MOST_KEYS = 100
"""Keys for one number, those that were cleared or meant nothing too: no hand needs so many."""
SILENCE_AFTER_MESSAGE = 4.0
"""Seconds of silence after which a spoken message counts as over."""


class Way(Enum):
    """Ways on that hold in every node."""

    PERSON = auto()
    """The caller pressed 0."""
    FAILED = auto()
    """Wrong answers or silence too often."""
    BACK = auto()
    """The caller pressed *."""


Next: TypeAlias = str | Way


# ---- menus ----


async def menu(call: Call, node: Menu) -> Next:
    """Play the text and go the way of the key, or of what the caller says."""
    intents = call.version.intents if node.speech else None
    for attempt in range(node.tries):
        heard = await call.ask(
            call.recordings(call.node),
            node.wait,
            interruptible=node.interruptible,
            by_voice=intents is not None,
        )
        if heard.spoke and not heard.key and intents is not None:
            way = await _by_words(call, node, intents, heard.words)
        else:
            call.step(heard.key)
            way = _by_key(node, heard.key)
        if way is not None:
            return way
        if attempt + 1 < node.tries:
            await call.complain(node, silent=not heard.key and not heard.spoke)
    return node.failed or Way.FAILED


def _by_key(node: Menu, key: str) -> Next | None:
    ways: dict[str, Next] = {**node.keys, PERSON_KEY: Way.PERSON, BACK_KEY: Way.BACK}
    return ways.get(key)


async def _by_words(call: Call, node: Menu, intents: Intents, words: str) -> Next | None:
    """The way of what was said; None when it fits nothing.

    When it is not sure the caller is asked: 1 or yes, 2 or no. Silence is no; another key is the
    answer to the menu; who says something else instead is taken at that word.
    """
    found = _understood(call, intents, words)
    target = node.speech.get(found.intent)
    if target is None or not found.perhaps:
        return target if found.sure else None
    heard = await call.ask(call.system(confirm_prompt(found.intent)), 5, by_voice=True)
    if heard.spoke and not heard.key:
        answer = intents.answer(heard.words, call.language)
        if answer is not True:
            found = _understood(call, intents, heard.words)
        return node.speech.get(found.intent) if answer or found.sure else None
    call.step(heard.key)
    if heard.key not in ("", YES_KEY, NO_KEY):
        call.typed_ahead = heard.key
    return target if heard.key == YES_KEY else None


def _understood(call: Call, intents: Intents, words: str) -> Understanding:
    found = intents.understand(words, call.language)
    call.tell(
        WordsHeard(
            at=call.world.now(),
            contact=call.caller.contact,
            node=call.place,
            words=words,
            intent=found.intent,
            confidence=round(found.confidence, 3),
        )
    )
    return found


async def language(call: Call, node: Language) -> Next:
    """Set the language. Silence means the default one at once: most callers just wait for it."""
    call.language = node.default
    for attempt in range(node.tries):
        prompts = call.recordings(call.node, languages=call.flow.data.languages)
        key = (await call.ask(prompts, node.wait, interruptible=node.interruptible)).key
        call.step(key)
        if key in node.keys:
            call.language = node.keys[key]
        if key in node.keys or not key:
            break
        if key == PERSON_KEY:
            return Way.PERSON
        if key != BACK_KEY and attempt + 1 < node.tries:
            await call.complain(node, silent=False)
    return node.next


# ---- digits ----


async def collect(call: Call, node: Collect) -> Next:
    """Take a number, read it back if asked to, and keep it."""
    for attempt in range(node.tries):
        digits = await _digits(call, node)
        if digits is None:
            return Way.BACK
        least, most = node.least_and_most
        good = least <= len(digits) <= most and (node.check == "none" or is_sound(digits))
        if good:
            call.tell(
                DigitsCollected(
                    at=call.world.now(),
                    contact=call.caller.contact,
                    node=call.place,
                    name=node.into,
                    digits="*" * len(digits) if node.secret else digits,
                )
            )
            if not node.confirm or await _right(call, digits):
                call.values[node.into] = digits
                return node.next
        elif attempt + 1 < node.tries:
            call.step("" if not digits else "?")
            await call.complain(node, silent=not digits)
    return node.failed or Way.FAILED


async def _digits(call: Call, node: Collect) -> str | None:
    """What the caller types; "" for silence, None for going back."""
    most = node.least_and_most[1]
    prompts = call.recordings(call.node)
    key = (await call.ask(prompts, node.wait, interruptible=node.interruptible)).key
    typed, pressed = "", 1
    while key and not (key == "#" and node.terminator == "#") and pressed < MOST_KEYS:
        if key == BACK_KEY:
            if not typed:
                return None
            typed = ""
        elif key.isdigit():
            typed += key
        if len(typed) == most:
            break
        key = await call.line.wait_digit(node.between)
        pressed += 1
    return typed


async def _right(call: Call, digits: str) -> bool:
    """Read digits back; silence takes them for right, as most people only wait."""
    prompts = [
        *call.system("digits_confirm_1"),
        *call.spoken_value(digits, "digits", call.language),
        *call.system("digits_confirm_2"),
    ]
    key = (await call.ask(prompts, 3)).key
    call.step(key)
    return key not in (NO_KEY, BACK_KEY)


# ---- services ----


async def lookup(call: Call, node: Lookup) -> str:
    """Ask a service while the caller hears that it takes a moment; never long silence."""
    began = call.world.now()
    arguments = {name: call.fill(text) for name, text in node.arguments.items()}
    asked = asyncio.ensure_future(_ask(call, node, arguments))
    try:
        await _comfort(call, node, asked)
        answer, why = await asked
    finally:
        asked.cancel()
    result = answer.result if answer else ""
    call.tell(
        ServiceAsked(
            at=call.world.now(),
            contact=call.caller.contact,
            node=call.place,
            service=node.service,
            result=result,
            seconds=round(call.world.now() - began, 3),
            why=why,
        )
    )
    if answer is not None and node.into:
        call.values[f"{node.into}.result"] = result
        found: dict[str, Value] = {f"{node.into}.{k}": v for k, v in answer.values.items()}
        call.values.update(found)
    return node.cases.get(result, node.failed)


async def _ask(call: Call, node: Lookup, arguments: dict[str, str]) -> tuple[Answer | None, str]:
    """The answer, or None and why there is none. Whatever goes wrong is no answer."""
    try:
        async with asyncio.timeout(node.limit):
            return await call.world.services.ask(node.service, arguments), ""
    except TimeoutError:
        return None, "no answer in time"
    except Unavailable as error:
        return None, str(error)
    except Exception as error:  # the caller is not to pay for a mistake in an adaptor
        log.exception("%s failed", node.service)
        return None, type(error).__name__


async def _comfort(
    call: Call, node: Lookup, asked: "asyncio.Future[tuple[Answer | None, str]]"
) -> None:
    prompts: Sequence[str] = call.recordings(call.node) or call.system("looking_up")
    silence = QUICK
    while not (await asyncio.wait({asked}, timeout=silence))[0]:
        key = await call.line.play(prompts, interruptible=True)
        call.typed_ahead = key or call.typed_ahead
        prompts, silence = call.system("still_looking_up"), PAUSE


async def send(call: Call, node: Send) -> str:
    """Hand a message over to be sent; nobody waits for it to arrive."""
    to = call.fill(node.to)
    message = Message(
        contact=call.caller.contact,
        by=node.by,
        to=to,
        subject=call.write(node.subject) if node.subject else "",
        text=call.write(node.message),
    )
    taken = bool(to)
    try:
        if taken:
            await call.world.send(message)
    except Unavailable as error:
        log.error("%s: a message was not kept: %s", call.place, error)
        taken = False
    now = call.world.now()
    call.tell(
        MessageTaken(at=now, contact=call.caller.contact, node=call.place, by=node.by, taken=taken)
    )
    return node.next if taken else node.failed or node.next


# ---- what callers leave behind ----


async def voicemail(call: Call, node: Voicemail) -> str:
    """Take a message for a queue's people. Who says nothing leaves none."""
    await call.say(interruptible=True)
    await _record(call, "voicemail", node.queue, node.seconds)
    return node.next


async def _record(call: Call, purpose: str, queue: str, seconds: int) -> None:
    recorded = await call.line.record(
        purpose, seconds=seconds, silence=SILENCE_AFTER_MESSAGE, end_keys="#"
    )
    if recorded.file:
        call.tell(
            MessageRecorded(
                at=call.world.now(),
                contact=call.caller.contact,
                node=call.place,
                purpose=purpose,
                queue=queue,
                file=recorded.file,
                seconds=recorded.seconds,
                language=call.language,
                caller=call.caller.number,
            )
        )


async def survey(call: Call, node: Survey) -> Next:
    """Ask for a score; after a low one for the reason and a comment.

    Whatever was given before a hang-up is told.
    """
    score = await _score(call, node)
    if isinstance(score, Way):
        return score
    if score is None:
        return node.next
    call.values["survey.score"] = score
    reason = ""
    try:
        if score <= node.low and node.reason_text:
            heard = await call.ask(call.recordings(call.node, text="reason_text"), node.wait)
            call.step(heard.key)
            reason = node.reasons.get(heard.key, "")
    finally:
        _tell_score(call, score, reason)
    if score <= node.low and node.comment:
        paths = call.recordings(call.node, text="comment")
        key = await call.line.play(paths, interruptible=True)
        if not key:
            await _record(call, "comment", "", node.comment_seconds)
    return node.next


async def _score(call: Call, node: Survey) -> int | Way | None:
    for attempt in range(node.tries):
        heard = await call.ask(
            call.recordings(call.node), node.wait, interruptible=node.interruptible
        )
        call.step(heard.key)
        if heard.key == PERSON_KEY:
            return Way.PERSON
        if heard.key in "12345" and heard.key:
            return int(heard.key)
        if attempt + 1 < node.tries:
            await call.complain(node, silent=not heard.key)
    return None


def _tell_score(call: Call, score: int, reason: str) -> None:
    caller = call.caller
    call.tell(
        SurveyAnswered(
            at=call.world.now(),
            contact=caller.contact,
            node=call.place,
            score=score,
            reason=reason,
            queue=caller.queue,
            agent=caller.agent,
            offer=caller.offer,
        )
    )
