"""Messages are checked, kept, sent by and by; nothing is lost and nobody waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import structlog
from sqlalchemy import text

from ivr.messages import (
    BACK_OFF,
    MOST_IN_AN_HOUR,
    LogProvider,
    NotDelivered,
    Outbox,
    Provider,
    fit,
    masked,
    next_try,
)
from ivr.ports import Unavailable
from store.database import Database
from store.outbox import LetterState, OutboxStore
from tests.ivr.outboxes import FakeProvider, is_ended, message, until


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def store(database: Database) -> OutboxStore:
    return OutboxStore(database)


def outbox_of(store: OutboxStore, time: Time | None = None, **providers: Provider) -> Outbox:
    return Outbox(store, providers, now=time or Time())


async def test_a_message_goes_out_while_the_call_goes_on(store: OutboxStore) -> None:
    provider = FakeProvider()
    provider.open.clear()  # the provider hangs
    outbox = outbox_of(store, sms=provider)
    async with running(outbox):
        await outbox.send(message(to="+86 138 0000 0101"))
        await outbox.send(message(text="2"))
        provider.open.set()
        await until(lambda: is_ended(store, LetterState.SENT, 2))
    assert provider.taken[0] == (message(), "huawu-1")


async def test_a_message_wakes_the_outbox(
    store: OutboxStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.messages._IDLE", 3600.0)
    outbox = outbox_of(store, sms=FakeProvider())
    async with running(outbox):
        for count in (1, 2):
            await outbox.send(message())
            await until(lambda count=count: is_ended(store, LetterState.SENT, count))


async def test_what_was_kept_before_the_process_died_is_sent_by_the_next(
    store: OutboxStore,
) -> None:
    await outbox_of(store, sms=FakeProvider()).send(message())
    provider = FakeProvider()
    async with running(outbox_of(store, sms=provider)):
        await until(lambda: is_ended(store, LetterState.SENT))


async def test_a_failed_attempt_is_followed_by_others_until_it_is_given_up(
    store: OutboxStore,
) -> None:
    attempts = range(1, len(BACK_OFF) + 2)
    time = Time()
    provider = FakeProvider(*(NotDelivered(f"busy {n}", again=True) for n in attempts))
    outbox = outbox_of(store, time, sms=provider)
    await outbox.send(message())
    for attempt in attempts:

        async def is_written(fault: str = f"busy {attempt}") -> bool:
            return (await store.newest())[0].fault == fault

        async with running(outbox):
            await until(is_written)
        time.now += next_try(attempt) or 0
    (letter,) = await store.newest()
    assert (letter.state, letter.attempts) == (LetterState.FAILED, len(attempts))
    assert time.now == 1000 + sum(BACK_OFF)


async def test_a_refusal_for_good_is_not_tried_again(store: OutboxStore) -> None:
    provider = FakeProvider(NotDelivered("no such mailbox", again=False))
    outbox = outbox_of(store, email=provider)
    async with running(outbox):
        await outbox.send(message("email", "lin@example.com"))
        await until(lambda: is_ended(store, LetterState.FAILED))
    assert (await store.newest())[0].fault == "no such mailbox"


async def test_one_broken_message_or_way_stops_no_other(store: OutboxStore) -> None:
    hanging, broken = FakeProvider(), FakeProvider(ZeroDivisionError())
    hanging.open.clear()
    outbox = outbox_of(store, email=hanging, sms=broken)
    async with running(outbox):
        await outbox.send(message("email", "lin@example.com"))
        await outbox.send(message())
        await outbox.send(message())
        await until(lambda: is_ended(store, LetterState.SENT))
    assert len(broken.taken) == 1


async def test_a_flood_to_one_recipient_is_stopped(store: OutboxStore) -> None:
    time = Time()
    outbox = outbox_of(store, time, sms=LogProvider())
    for _ in range(MOST_IN_AN_HOUR):
        await outbox.send(message())
    with pytest.raises(Unavailable, match="enough"):
        await outbox.send(message(to="+8613800000101"))
    await outbox.send(message(to="13800000102"))
    time.now += 3601
    await outbox.send(message())


async def test_no_database_is_no_message(store: OutboxStore, database: Database) -> None:
    await database.change(text("DROP TABLE outbox"))
    with pytest.raises(Unavailable, match="database"):
        await outbox_of(store).send(message())


async def test_the_log_holds_neither_number_nor_text() -> None:
    with structlog.testing.capture_logs() as lines:
        await LogProvider().deliver(message(), "k1")
        await LogProvider().deliver(message("email", "lin@example.com"), "k2")
    assert [line["to"] for line in lines] == ["138****0101", "l****@example.com"]
    assert "7000000013" not in str(lines)
    assert "13800000101" not in str(lines)


@pytest.mark.parametrize(
    "changed",
    [
        {"by": "pigeon"},
        {"to": ""},
        {"to": "anonymous"},
        {"to": "95588"},
        {"to": "+4479460000000"},
        {"by": "email", "to": "lin"},
        {"by": "email", "to": "lin@example.com\r\nBcc: all@example.com"},
        {"by": "email", "to": "lin@example.com, all@example.com"},
        {"by": "email", "to": "<lin@example.com>"},
        {"by": "email", "to": "a" * 60 + "@" + "b" * 250},
        {"subject": "Hello\r\nBcc: all@example.com"},
        {"subject": "Hello\nX"},
        {"subject": "a\u2028b"},
        {"subject": "x" * 201},
        {"text": ""},
        {"text": "x" * 501},
        {"text": "a\x00b"},
        {"text": "a\x1bb"},
    ],
)
def test_what_is_never_sent(changed: dict[str, str]) -> None:
    with pytest.raises(Unavailable):
        fit(message(**changed))


def test_masks() -> None:
    assert masked("13800000101") == "138****0101"
    assert masked("lin@example.com") == "l****@example.com"
