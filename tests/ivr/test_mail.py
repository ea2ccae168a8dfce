"""E-mails, given to a real mail server on this machine."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from ivr.mail import MailProvider, letter
from ivr.messages import NotDelivered
from tests.ivr.outboxes import message

MAIL = message("email", "lin@example.com")


class Mailbox:
    """What the server took; `answers` to the next recipients or texts."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, EmailMessage, bool]] = []
        self.to_recipients: list[str] = []
        self.to_texts: list[str] = []

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.to_recipients:
            return self.to_recipients.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.to_texts:
            return self.to_texts.pop(0)
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope, mail, session.ssl is not None))
        return "250 OK"


@contextlib.asynccontextmanager
async def serving(mailbox: Mailbox, **options: Any) -> AsyncIterator[int]:
    """A mail server on loopback; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(mailbox, hostname="localhost", loop=loop, **options), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def provider(port: int, **options: Any) -> MailProvider:
    options = {"sender": "service@yunshan.example", "starttls": False, "seconds": 5.0, **options}
    return MailProvider("127.0.0.1", port, **options)


async def test_an_e_mail_arrives_as_it_was_written() -> None:
    mailbox = Mailbox()
    async with serving(mailbox) as port:
        await provider(port).deliver(MAIL, "huawu-7")
    ((envelope, mail, _),) = mailbox.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "service@yunshan.example", ["lin@example.com"],
    )  # fmt: skip
    assert mail["Subject"] == "您的退货申请"
    assert mail["Message-ID"] == "<huawu-7@yunshan.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().strip() == "申请号 7000000013"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, file = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, file


async def test_starttls_and_a_password(certificate: tuple[Path, Path]) -> None:
    key, file = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key)
    mailbox, signed_in = Mailbox(), []

    def authenticate(_server: SMTP, _s: Session, _e: Envelope, _m: str, data: Any) -> AuthResult:
        signed_in.append(data)
        return AuthResult(success=data.password == b"swordfish")

    options = {"tls_context": context, "require_starttls": True, "authenticator": authenticate}
    trust = ssl.create_default_context(cafile=str(file))
    async with serving(mailbox, **options) as port:
        safe = {"starttls": True, "user": "huawu"}
        await provider(port, **safe, password="swordfish", tls=trust).deliver(MAIL, "k")
        assert [is_safe for _, _, is_safe in mailbox.mails] == [True]
        with pytest.raises(NotDelivered) as wrong:
            await provider(port, **safe, password="guess", tls=trust).deliver(MAIL, "k")
        assert wrong.value.again  # the settings can be mended
        tried = len(signed_in)
        with pytest.raises(NotDelivered):  # a certificate that nobody vouches for
            await provider(port, **safe, password="swordfish").deliver(MAIL, "k")
        assert len(signed_in) == tried
    assert len(mailbox.mails) == 1


async def test_without_starttls_nothing_is_said_in_the_clear() -> None:
    mailbox = Mailbox()
    async with serving(mailbox) as port:
        with pytest.raises(NotDelivered) as refused:
            await provider(port, starttls=True).deliver(MAIL, "k")
    assert refused.value.again
    assert not mailbox.mails


@pytest.mark.parametrize(
    "to_recipient, to_text, again",
    [
        ("550 no such mailbox", "", False),
        ("452 too many", "", True),
        ("", "554 spam", False),
        ("", "451 later", True),
    ],
)
async def test_refusals(to_recipient: str, to_text: str, again: bool) -> None:
    mailbox = Mailbox()
    mailbox.to_recipients = [to_recipient] if to_recipient else []
    mailbox.to_texts = [to_text] if to_text else []
    async with serving(mailbox) as port:
        with pytest.raises(NotDelivered) as refused:
            await provider(port).deliver(MAIL, "k")
        assert refused.value.again is again
        await provider(port).deliver(MAIL, "k")


async def test_a_server_that_is_silent_or_gone(unused_tcp_port: int) -> None:
    with pytest.raises(NotDelivered) as gone:
        await provider(unused_tcp_port).deliver(MAIL, "k")
    assert gone.value.again

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _reader.read()
        finally:
            writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotDelivered, match="TimeoutError") as slow:
            await provider(port, seconds=0.2).deliver(MAIL, "k")
    assert slow.value.again


def test_a_header_never_breaks_out_of_its_line() -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline|carriage"):
        letter(message("email", subject="Hi\r\nBcc: x@example.com"), sender="a@b", key="k")
