"""Settings of what lies outside: the shop's own system, the mail server, the SMS gateway."""

import ipaddress
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Seconds = Annotated[float, Field(ge=0.1, le=60)]


class _Outside(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Web(_Outside):
    url: str = Field(default="", description="https://…, or http://… on this machine")
    token: SecretStr = Field(default=SecretStr(""), description="sent as a bearer token")
    insecure: bool = Field(default=False, description="allow http to another machine")

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.url:
            _check_url(self.url, insecure=self.insecure)
        if any(not " " < letter < "\x7f" for letter in self.token.get_secret_value()):
            raise ValueError("the token has a character that no header may have")
        return self


class ShopSettings(_Web):
    """`[shop]`: without a url the built-in shop answers."""

    seconds: Annotated[float, Field(ge=0.1, le=10)] = 1.5
    attempts: Annotated[int, Field(ge=1, le=4)] = 2


class SmsSettings(_Web):
    """`[sms]`: without a url short messages are only written down."""

    seconds: Seconds = 10.0


class MailSettings(_Outside):
    """`[mail]`: without a host e-mails are only written down."""

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: Annotated[str, Field(pattern=r"^[!-?A-~]+@[!-?A-~]+$", max_length=254)] = (
        "service@localhost"
    )
    user: str = ""
    password: SecretStr = SecretStr("")
    starttls: bool = Field(default=True, description="false only for a server on this machine")
    seconds: Seconds = 20.0

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.host and not self.starttls and not is_loopback(self.host):
            raise ValueError("starttls = false is for a mail server on this machine alone")
        return self


def is_loopback(host: str) -> bool:
    """Is this host this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_url(url: str, *, insecure: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is no address: write https://…")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("the address has no user, no ? and no #: the token goes into token")
    if parts.scheme == "http" and not insecure and not is_loopback(parts.hostname):
        raise ValueError("http to another machine shows everything to everybody: use https")
