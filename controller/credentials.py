"""The passwords of one installation, made at random at the first start.

They live in one JSON file of mode 0600 in the state folder. There are no default passwords, and
an agent added to the company later gets fresh ones at the next start.
"""

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from controller.problems import ProblemError

CUSTOMER = "customer"
"""SIP endpoint of a customer's softphone."""
TRUNK = "trunk"
"""SIP endpoint of simulated customers, who may show any caller number."""
WEB_ROLES = ("admin", "supervisor")
"""Web accounts that exist beside one account for each agent."""


class CredentialsError(ProblemError):
    """The secrets file cannot be used; the text names it and the mend."""


@dataclass(slots=True)
class Credentials:
    """Every secret, in clear text."""

    ami_password: str
    sip: dict[str, str] = field(default_factory=dict)
    """SIP endpoint (`agent8001`, `customer`, `trunk`) -> password."""
    web: dict[str, str] = field(default_factory=dict)
    """Web account (`admin`, `supervisor`, an agent's id) -> the password it was made with."""
    emergency_pin: str = ""
    """Six digits, asked for by the feature codes of the emergency switch."""
    shown: list[str] = field(default_factory=list)
    """Web accounts whose passwords were printed on the terminal; that is done once."""

    def __repr__(self) -> str:
        return f"Credentials(sip={sorted(self.sip)}, web={sorted(self.web)})"


def sip_endpoint(agent_id: str) -> str:
    """The name of an agent's SIP endpoint: never the bare extension, which attackers guess."""
    return f"agent{agent_id}"


def load_credentials(file: Path) -> Credentials | None:
    """The secrets of an installation, None before its first start."""
    try:
        return Credentials(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise CredentialsError(
            f"{file} is damaged ({error}). Restore it from a backup, or remove it to get new "
            "passwords for everyone."
        ) from None


def ensure_credentials(file: Path, agent_ids: Iterable[str]) -> tuple[Credentials, list[str]]:
    """Load the secrets, make those that are missing, and keep them.

    Returns them with the web accounts that were made just now.
    """
    credentials = load_credentials(file) or Credentials(ami_password=_sip_secret())
    agents = list(agent_ids)
    before = asdict(credentials)
    for endpoint in (CUSTOMER, TRUNK, *(sip_endpoint(agent) for agent in agents)):
        credentials.sip.setdefault(endpoint, _sip_secret())
    new = [name for name in (*WEB_ROLES, *agents) if name not in credentials.web]
    for name in new:
        # 72 bits: long enough for a throttled login, short enough to type once.
        credentials.web[name] = secrets.token_urlsafe(9)
    credentials.emergency_pin = credentials.emergency_pin or f"{secrets.randbelow(10**6):06}"
    if asdict(credentials) != before or not file.exists():
        write_private(file, json.dumps(asdict(credentials), indent=2) + "\n")
    return credentials, new


def take_unshown(file: Path, credentials: Credentials) -> list[str]:
    """Web accounts whose passwords were never printed; from now on they count as printed."""
    unshown = [name for name in credentials.web if name not in credentials.shown]
    if unshown:
        credentials.shown = list(credentials.web)
        write_private(file, json.dumps(asdict(credentials), indent=2) + "\n")
    return unshown


def write_private(file: Path, text: str) -> None:
    """Replace a file in one step; nobody but its owner can read it at any moment."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def _sip_secret() -> str:
    """24 characters without `;`, which opens a comment in Asterisk's files (144 bits)."""
    return secrets.token_urlsafe(18)
