"""Addresses, ports and folders: one TOML file, overridden by `HUAWU_*` environment variables.

`load_settings()` reads, the strongest first: the environment (`HUAWU_WEB_PORT=8081`),
`huawu.toml` in the state folder, `huawu.toml` beside this checkout's README. Everything has a
default, so that no file is needed. Rooms below the controller never import this module: they
are given plain values.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from controller.outside import MailSettings, ShopSettings, SmsSettings
from controller.problems import ProblemError

ROOT = Path(__file__).resolve().parent.parent
"""The checkout this program runs from."""

FILE_NAME = "huawu.toml"
_ENV_PREFIX = "HUAWU_"
_NESTED = "__"
_SECRETS = {"token", "password"}
_PATH_FIELDS = ("state", "company", "asterisk_root")


class SettingsError(ProblemError):
    """A setting is missing, misspelt or impossible; the text names the field and its source."""


class Settings(BaseSettings):
    """Every setting of one installation. Ports are TCP unless said otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=_ENV_PREFIX,
        env_nested_delimiter=_NESTED,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    state: Path = Field(default=ROOT / "var", description="folder of everything that changes")
    company: Path = Field(
        default=ROOT / "company", description="folder of queues, agents, hours and menus"
    )
    bind: str = Field(default="127.0.0.1", description="IP address that web and SIP listen on")
    web_port: int = Field(default=8080, ge=1, le=65535, description="pages, API and WebSocket")
    sip_port: int = Field(default=5060, ge=1, le=65535, description="SIP, UDP and TCP")
    ami_port: int = Field(default=5038, ge=1, le=65535, description="Asterisk manager, loopback")
    agi_port: int = Field(default=4573, ge=1, le=65535, description="our FastAGI, loopback")
    asterisk_http_port: int = Field(
        default=8088, ge=1, le=65535, description="Asterisk's WebSocket for browser phones"
    )
    controllers: int = Field(
        default=1, ge=1, le=4, description="how many controllers run here; one decides"
    )
    controller: int = Field(
        default=1, ge=1, le=4, description="which of them this process is; `up` sets it"
    )
    rtp_start: int = Field(default=10000, ge=1024, le=65534, description="first UDP port of audio")
    rtp_end: int = Field(default=10999, ge=1025, le=65535, description="last UDP port of audio")
    speech_patience: float = Field(
        default=5, ge=1, le=60, description="seconds for the words of who speaks in the menu"
    )
    redis_url: str = Field(default="", description="empty: a private redis-server of our own")
    database_url: str = Field(default="", description="empty: SQLite in the state folder")
    asterisk_root: Path | None = Field(
        default=None, description="an unpacked Asterisk; empty: the system's, else ours"
    )
    shop: ShopSettings = Field(default=ShopSettings(), description="the shop's own system")
    mail: MailSettings = Field(default=MailSettings(), description="the server for e-mails")
    sms: SmsSettings = Field(default=SmsSettings(), description="the gateway for short messages")

    @field_validator("state", "company", "asterisk_root")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return value.expanduser().absolute() if value is not None else None

    @field_validator("bind")
    @classmethod
    def _is_address(cls, value: str) -> str:
        ipaddress.ip_address(value)
        return value

    @model_validator(mode="after")
    def _ports_fit(self) -> Self:
        taken: dict[int, str] = {}
        for name in ("web_port", "sip_port", "ami_port", "agi_port", "asterisk_http_port"):
            first = getattr(self, name)
            own = self.controllers if name in ("web_port", "agi_port") else 1
            for port in range(first, first + own):
                if port in taken:
                    raise ValueError(f"{name} and {taken[port]} are both {port}")
                if port > 65535:
                    raise ValueError(f"{name} leaves no port for {self.controllers} controllers")
                taken[port] = name
        # Each call leg takes an even port for RTP and the next one for RTCP.
        if self.rtp_end - self.rtp_start < 19:
            raise ValueError("rtp_start..rtp_end must hold at least 20 ports (two for each leg)")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over what `load_settings` read from the files."""
        return env_settings, init_settings

    @property
    def private_redis(self) -> bool:
        """Whether the supervisor runs a redis-server of our own."""
        return not self.redis_url

    @property
    def effective_redis_url(self) -> str:
        """The Redis to use: `redis_url`, else the private server's unix socket."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def effective_database_url(self) -> str:
        """The database to use: `database_url`, else SQLite in the state folder."""
        return self.database_url or f"sqlite:///{self.state / 'huawu.db'}"

    @property
    def run_dir(self) -> Path:
        """Process ids and sockets."""
        return self.state / "run"

    @property
    def log_dir(self) -> Path:
        """One log file for each process."""
        return self.state / "log"

    @property
    def asterisk_dir(self) -> Path:
        """What our Asterisk reads and writes: etc, spool, db, run, log."""
        return self.state / "asterisk"

    @property
    def redis_dir(self) -> Path:
        """The private Redis' append-only file."""
        return self.state / "redis"

    @property
    def redis_socket(self) -> Path:
        """The private Redis' unix socket."""
        return self.run_dir / "redis.sock"

    @property
    def hearing_socket(self) -> Path:
        """Where the process listens that hears callers speak."""
        return self.run_dir / "hearing.sock"

    @property
    def recordings_dir(self) -> Path:
        """Finished recordings; `live/` below it holds those that still grow."""
        return self.state / "recordings"

    @property
    def models_dir(self) -> Path:
        """Speech models."""
        return self.state / "models"

    @property
    def rules_dir(self) -> Path:
        """Every version of the rules that was in use."""
        return self.state / "rules"

    @property
    def menus_dir(self) -> Path:
        """Every version of the menu that was in use."""
        return self.state / "menus"

    @property
    def emergency_file(self) -> Path:
        """What is and was switched on in front of callers."""
        return self.state / "emergency.jsonl"

    @property
    def secrets_file(self) -> Path:
        """Passwords made at first start, mode 0600."""
        return self.state / "secrets.json"

    @property
    def own_web_port(self) -> int:
        """The port of this controller's pages: `web_port` is the first one's."""
        return self.web_port + self.controller - 1

    @property
    def own_agi_port(self) -> int:
        """The port on which this controller answers callers: `agi_port` is the first one's."""
        return self.agi_port + self.controller - 1

    @property
    def web_url(self) -> str:
        """The address of this controller's pages, as a browser on this machine types it."""
        host = self.bind
        if ipaddress.ip_address(host).is_unspecified:
            host = "::1" if ":" in host else "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.own_web_port}"

    def each_controller(self) -> "list[Settings]":
        """The settings as each of the controllers sees them, the first one's first."""
        return [
            self.model_copy(update={"controller": number})
            for number in range(1, self.controllers + 1)
        ]

    @property
    def controller_name(self) -> str:
        """Name of this controller's process."""
        return "controller" if self.controller == 1 else f"controller-{self.controller}"


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a value of the files came from."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


def load_settings(*, root: Path = ROOT) -> Settings:
    """Read the settings files and the environment.

    `root` is the folder of the second-choice file. Raises SettingsError with one line for each
    wrong field.
    """
    state = Path(os.environ.get("HUAWU_STATE") or root / "var").expanduser().absolute()
    values: dict[str, Any] = {}
    origins: dict[str, _Origin] = {}
    for file in (root / FILE_NAME, state / FILE_NAME):
        for key, value in _read_toml(file).items():
            origins[key] = _Origin(file, _line_of(file, key))
            is_relative = key in _PATH_FIELDS and isinstance(value, str)
            values[key] = file.parent / Path(value).expanduser() if is_relative else value
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = [_explain(entry, origins) for entry in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _read_toml(file: Path) -> dict[str, Any]:
    """The file's top-level values; nothing where there is no file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not readable as TOML: {error}") from None


def _line_of(file: Path, key: str) -> int:
    """The line that sets `key` or begins its table, 0 when it cannot be told."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if re.match(rf"""\s*(\[\s*)?["']?{re.escape(key)}["']?\s*[=.\]]""", line):
            return number
    return 0


def _explain(entry: Mapping[str, Any], origins: dict[str, _Origin]) -> str:
    """One wrong value as a line that says what is wrong, with which field, and where it was set."""
    field = ".".join(str(part) for part in entry["loc"])
    message = str(entry["msg"]).removeprefix("Value error, ")
    if not field:
        return message
    variable = _ENV_PREFIX + field.upper().replace(".", _NESTED)
    shows = not isinstance(entry["input"], dict) and entry["loc"][-1] not in _SECRETS
    it_is = f" (it is {os.environ.get(variable, entry['input'])!r})" if shows else ""
    if variable in os.environ:
        return f"{variable} in the environment: {message}{it_is}"
    source = origins.get(field.split(".", maxsplit=1)[0])
    if entry["type"] == "extra_forbidden":
        known = ", ".join(sorted(_fields_of(entry["loc"])))
        return f"{source}: no setting is called {field!r}; there are: {known}"
    return f"{source}: {field}: {message}{it_is}"


def _fields_of(where: tuple[int | str, ...]) -> list[str]:
    """The settings there are where somebody wrote one that there is not."""
    if len(where) == 1:
        return list(Settings.model_fields)
    return list(type(getattr(Settings(), str(where[0]))).model_fields)
