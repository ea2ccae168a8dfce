"""The steps of `./huawu up`, in order. Each finds out first whether there is anything to do."""

import asyncio
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from acd.company import Company, load_company
from controller.asterisk_node import (
    AgentLine,
    AsteriskNodeError,
    QueueLine,
    find_asterisk,
    render_configuration,
    unpacked_root,
)
from controller.children import find_redis
from controller.credentials import Credentials, ensure_credentials
from controller.problems import ProblemError
from controller.self_service import file_orders
from controller.settings import Settings
from controller.setup import apt, frontend
from controller.setup.accounts import add_missing
from controller.setup.ports import taken_ports
from controller.setup.progress import Progress
from store.accounts import Accounts
from store.database import migrate, open_database

NEEDED_FREE_BYTES = 2 * 1024**3
_ASTERISK_PACKAGES = (
    "asterisk",
    "asterisk-modules",
    "asterisk-core-sounds-en-wav",
    "asterisk-moh-opsound-wav",
)


def prepare(settings: Settings, progress: Progress) -> Credentials:
    """Make everything ready to start. Returns the passwords.

    Raises ProblemError (or store.source.BadFile) at the first thing that cannot be mended here.
    """
    prepare_programs(settings, progress)
    return prepare_data(settings, progress)


def prepare_data(settings: Settings, progress: Progress) -> Credentials:
    """The part of `prepare` that is this installation's own: passwords, database, configuration.

    Returns the passwords. The programs must be there.
    """
    os.umask(0o077)  # what is made from here on is nobody else's business
    with progress.step("company") as step:
        company = load_company(settings.company)
        step.note = f"{len(company.queues)} queues, {len(company.agents)} agents"
    with progress.step("passwords") as step:
        credentials, new = ensure_credentials(settings.secrets_file, company.agents)
        step.note = f"{len(new)} new accounts" if new else "made before"
    with progress.step("database") as step:
        step.note = asyncio.run(_prepare_database(settings, company, credentials))
    with progress.step("Asterisk's configuration") as step:
        step.note = str(configure_asterisk(settings, company, credentials).parent)
    return credentials


def prepare_programs(settings: Settings, progress: Progress) -> None:
    """The part of `prepare` that makes no data: programs, web pages, speech models."""
    settings.state.mkdir(parents=True, exist_ok=True)
    settings.state.chmod(0o700)
    with progress.step("disk space") as step:
        step.note = _check_disk(settings.state)
    # Both wait for the network for most of their time, so they go side by side.
    with ThreadPoolExecutor(max_workers=1) as beside:
        pages = beside.submit(frontend.build, settings.log_dir / "frontend.log")
        with progress.step("Asterisk and Redis") as step:
            step.note = fetch_programs(settings)
        with progress.step("web pages") as step:
            step.note = "built" if pages.result() else "built before"
    with progress.step("speech models") as step:
        step.note = prepare_models(settings)


def check_ports(settings: Settings) -> None:
    """ProblemError that names each port somebody else has, and the mend."""
    taken = taken_ports(settings)
    if taken:
        raise ProblemError("\n".join(taken))


def fetch_programs(settings: Settings) -> str:
    """Find Asterisk and redis-server; unpack Debian's or Ubuntu's where one is missing."""
    wanted: list[str] = []
    try:
        find_asterisk(settings)
    except AsteriskNodeError:
        if settings.asterisk_root is not None:
            raise  # the settings name a folder: do not write into it
        wanted.extend(_ASTERISK_PACKAGES)
    if settings.private_redis and shutil.which("redis-server") is None:
        try:
            find_redis(settings)
        except ProblemError:
            wanted.append("redis-server")
    if wanted:
        # Both come from one folder, so that one of them alone never replaces the other.
        packages = [*_ASTERISK_PACKAGES, "redis-server"]
        apt.unpack_packages(packages, unpacked_root(settings), log=settings.log_dir / "apt.log")
        _link_english_sounds(unpacked_root(settings))
    return f"Asterisk {find_asterisk(settings).version}"


def configure_asterisk(settings: Settings, company: Company, credentials: Credentials) -> Path:
    """Render Asterisk's configuration for this company; returns the path of asterisk.conf."""
    return render_configuration(
        settings,
        credentials,
        find_asterisk(settings),
        agents=[
            AgentLine(
                agent.id,
                agent.name.get("en") or next(iter(agent.name.values())),
                auto_answer=agent.auto_answer,
                call_headers=agent.call_headers,
            )
            for agent in company.agents.values()
        ],
        queues=[QueueLine(queue) for queue in company.queues],
    )


def _link_english_sounds(root: Path) -> None:
    """What the sound package's installation script would have done."""
    sounds = root / "usr/share/asterisk/sounds"
    voice = next((folder.name for folder in sorted(sounds.glob("en_*_*"))), None)
    if voice is not None and not (sounds / "en").exists():
        (sounds / "en").unlink(missing_ok=True)
        (sounds / "en").symlink_to(voice)


def _check_disk(state: Path) -> str:
    free = shutil.disk_usage(state).free
    if free < NEEDED_FREE_BYTES:
        raise ProblemError(
            f"Only {free / 1024**3:.1f} GB are free at {state}; at least 2 GB are needed. Free "
            "some, or set HUAWU_STATE to a folder on a larger disk."
        )
    return f"{free / 1024**3:.0f} GB free"


def prepare_models(settings: Settings) -> str:
    """Put the speech models that came with the requirements in place; returns their names."""
    from recordings.models import prepare_models as put_in_place

    return ", ".join(put_in_place(settings.models_dir)) or "none: no transcripts"


async def _prepare_database(settings: Settings, company: Company, credentials: Credentials) -> str:
    await migrate(settings.effective_database_url)
    database = open_database(settings.effective_database_url)
    try:
        await add_missing(Accounts(database), credentials.web, company.agents)
        orders = await file_orders(settings.company, database)
        return f"{database.dialect}, {orders} orders of the built-in shop"
    finally:
        await database.close()
