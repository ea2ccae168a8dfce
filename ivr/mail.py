"""E-mails through a mail server (SMTP, RFC 5321), with STARTTLS."""

import asyncio
import ssl
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
)

from ivr.messages import NotDelivered
from ivr.ports import Message


class MailProvider:
    """Hands e-mails to one mail server.

    Args:
        host: of the server.
        port: of the server, TCP.
        sender: the address that customers see.
        user: to sign in with; "" for none.
        password: of the user.
        starttls: encrypt, or give up; False for a server on this machine alone.
        seconds: for one e-mail.
        tls: whom to trust; None for whom the system trusts.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        user: str = "",
        password: str = "",
        starttls: bool = True,
        seconds: float = 20.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._user = user
        self._password = password
        self._starttls = starttls
        self._seconds = seconds
        self._tls = tls

    async def deliver(self, message: Message, key: str) -> None:
        """Hand one over.

        Raises:
            NotDelivered: for good where the server refuses this recipient or this text (5xx);
                else it may be taken later, when the server or our settings are mended.
        """
        try:
            async with asyncio.timeout(self._seconds):
                await aiosmtplib.send(
                    letter(message, sender=self._sender, key=key),
                    sender=self._sender,
                    recipients=[message.to],
                    hostname=self._host,
                    port=self._port,
                    username=self._user or None,
                    password=self._password or None,
                    start_tls=self._starttls,
                    tls_context=self._tls if self._starttls else None,
                    # Else it would ask the resolver who we are.
                    local_hostname=self._sender.partition("@")[2],
                    timeout=self._seconds,
                )
        except (SMTPRecipientsRefused, SMTPDataError) as error:
            raise NotDelivered(f"refused: {_code(error)}", again=_code(error) < 500) from None
        except (SMTPException, OSError, ValueError) as error:
            raise NotDelivered(f"mail server: {type(error).__name__}", again=True) from None


def letter(message: Message, *, sender: str, key: str) -> EmailMessage:
    """The e-mail; its Message-ID is the same whenever it is tried again.

    Raises ValueError where a header would break out of its line (the standard library's check).
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = message.to
    mail["Subject"] = message.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{key}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices, please
    mail.set_content(message.text)
    return mail


def _code(error: SMTPRecipientsRefused | SMTPDataError) -> int:
    """The worst answer of the server."""
    if isinstance(error, SMTPDataError):
        return error.code
    refusals: list[SMTPRecipientRefused] = error.recipients
    return max((refusal.code for refusal in refusals), default=0)
