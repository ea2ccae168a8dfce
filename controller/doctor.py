"""`huawu doctor`: look at everything that can be wrong, and say for each how to mend it."""

import asyncio
import ipaddress
import json
import os
import shutil
import stat
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from controller.asterisk_node import AsteriskProgram, ask_asterisk, find_asterisk
from controller.children import child_names, find_redis
from controller.lifecycle import as_running, roles
from controller.problems import ProblemError
from controller.processes import Mark
from controller.settings import Settings
from controller.setup import frontend
from controller.setup.ports import listeners, needed_ports, taken_ports
from controller.setup.steps import NEEDED_FREE_BYTES
from controller.supervisor import is_running, mark_path

# Set in the image: each process runs in a container of its own and sees no other.
_IN_CONTAINER = bool(os.environ.get("HUAWU_CONTAINER"))
_START = "docker-compose up --detach" if _IN_CONTAINER else "./huawu up"
_RESTART = "docker-compose restart" if _IN_CONTAINER else "./huawu down && ./huawu up"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what it is like, and the mend when it is not as it should be."""

    subject: str
    text: str
    mend: str = ""
    """Empty: all is well."""

    @property
    def is_problem(self) -> bool:
        """Whether there is something to mend."""
        return bool(self.mend)


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything. Parts that need the running system are skipped when it is down."""
    settings = as_running(settings) if is_running(settings) else settings
    findings = [
        _python(),
        _disk(settings),
        _web_pages(),
        _models(settings),
        _modes(settings),
        *_programs(settings),
        await _guarded("database", _database(settings)),
    ]
    if not (_IN_CONTAINER or is_running(settings)):
        findings.append(Finding("processes", "the system is not running", _START))
        findings += [Finding("ports", text, "see there") for text in taken_ports(settings)]
        return findings
    findings += _processes(settings)
    findings += await asyncio.to_thread(_asterisk_inside, settings)
    findings.append(await _guarded("redis", _redis(settings)))
    findings.append(_listening(settings))
    findings += await asyncio.to_thread(_controllers, settings)
    return findings


def report(findings: list[Finding], *, as_json: bool) -> str:
    """The findings for people or for programs."""
    if as_json:
        return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2)
    lines = []
    for finding in findings:
        mark = "!" if finding.is_problem else " "
        lines.append(f"{mark} {finding.subject:<14} {finding.text}")
        if finding.is_problem:
            lines.append(f"  {'':<14} mend: {finding.mend}")
    problems = sum(finding.is_problem for finding in findings)
    lines.append(f"{problems} problem{'' if problems == 1 else 's'}")
    return "\n".join(lines)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", f"{version} at {sys.executable}")


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.state, *settings.state.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GB free at {settings.state}"
    small = free < NEEDED_FREE_BYTES
    # A recording on a full disk is cut without any sign of it (MixMonitor only logs a warning).
    return Finding("disk", text, "free at least 2 GB, or move HUAWU_STATE" if small else "")


def _web_pages() -> Finding:
    built = frontend.is_built()
    text = "built from the sources as they are" if built else "older than their sources"
    return Finding("web pages", text, "" if built else _START)


def _models(settings: Settings) -> Finding:
    from recordings.models import present_models

    names = present_models(settings.models_dir)
    if names:
        return Finding("speech models", ", ".join(names))
    return Finding("speech models", "none: calls get no transcript", _START)


def _modes(settings: Settings) -> Finding:
    """Nobody but the owner may read passwords, recordings and configuration."""
    private = [settings.state, settings.secrets_file, settings.recordings_dir]
    private += (settings.asterisk_dir / "etc").glob("*.conf")
    loose = [path for path in private if path.exists() and path.stat().st_mode & 0o077]
    if not loose:
        return Finding("file modes", "only the owner can read the state folder")
    worst = ", ".join(f"{path} {stat.filemode(path.stat().st_mode)}" for path in loose[:3])
    return Finding("file modes", f"others can read {worst}", f"chmod go= {loose[0]}")


def _programs(settings: Settings) -> list[Finding]:
    findings = []
    try:
        program = find_asterisk(settings)
        findings.append(Finding("asterisk", f"{program.version} at {program.argv[-1]}"))
    except ProblemError as error:
        findings.append(Finding("asterisk", str(error), _START))
    if settings.private_redis:
        try:
            findings.append(Finding("redis-server", find_redis(settings)[-1]))
        except ProblemError as error:
            findings.append(Finding("redis-server", str(error), _START))
    return findings


async def _guarded(subject: str, finding: Awaitable[Finding]) -> Finding:
    """The finding; any failure to look is itself one."""
    try:
        return await asyncio.wait_for(finding, 10)
    except Exception as error:
        return Finding(subject, f"{type(error).__name__}: {error}", f"mend that, then {_RESTART}")


async def _database(settings: Settings) -> Finding:
    from store.database import is_migrated, open_database

    database = open_database(settings.effective_database_url)
    try:
        newest = await is_migrated(database)
        text = f"{database.dialect}, schema {'is the newest' if newest else 'is not the newest'}"
        return Finding("database", text, "" if newest else _RESTART)
    finally:
        await database.close()


async def _redis(settings: Settings) -> Finding:
    from store.live import connect

    client = connect(settings.effective_redis_url)
    try:
        info = await client.info("persistence")
        if info.get("aof_enabled") != 1:
            return Finding(
                "redis",
                "its append-only file is off: a crash would lose who waits",
                "redis-cli CONFIG SET appendonly yes, and the same in its configuration",
            )
        if info.get("aof_last_write_status") != "ok":
            return Finding("redis", "cannot write its file", f"free disk space, then {_RESTART}")
        return Finding("redis", "answers, append-only file on")
    finally:
        await client.aclose()


def _controllers(settings: Settings) -> list[Finding]:
    """Each controller: does it decide or stand by, and does any decide?"""
    found = roles(settings)
    findings = []
    for role in found:
        does = "decides" if role.leads else "stands by"
        mend = f"read {settings.log_dir / role.name}.log; then {_RESTART}" if role.reason else ""
        findings.append(Finding(role.name, role.reason or f"{does}, ready at {role.url}", mend))
    if not any(role.leads or role.reason for role in found):
        text = "nobody holds it: callers are not answered"
        findings.append(Finding("lease", text, f"see redis above; then {_RESTART}"))
    return findings


def _processes(settings: Settings) -> list[Finding]:
    if _IN_CONTAINER:
        return [Finding("processes", "see `docker-compose ps`")]
    missing = [
        name
        for name in ["supervisor", *child_names(settings)]
        if (mark := Mark.read(mark_path(settings, name))) is None or not mark.is_alive()
    ]
    if not missing:
        return [Finding("processes", "all run")]
    return [
        Finding("processes", f"{name} does not run", f"read {settings.log_dir / name}.log")
        for name in missing
    ]


def _asterisk_inside(settings: Settings) -> list[Finding]:
    """Modules and contexts as the running Asterisk sees them."""
    try:
        program = find_asterisk(settings)
        return [
            _loaded(settings, program, "modules", _expected_modules, "module show"),
            _loaded(settings, program, "contexts", _expected_contexts, "dialplan show"),
        ]
    except ProblemError as error:
        return [Finding("asterisk", str(error), _RESTART)]


def _loaded(
    settings: Settings,
    program: AsteriskProgram,
    subject: str,
    expected: Callable[[Path], set[str]],
    command: str,
) -> Finding:
    shown = ask_asterisk(program, settings, command)
    wanted = expected(settings.asterisk_dir / "etc")
    missing = sorted(name for name in wanted if name not in shown)
    if missing:
        log = settings.asterisk_dir / "log"
        return Finding(subject, f"not loaded: {', '.join(missing)}", f"read the log in {log}")
    return Finding(subject, f"all {len(wanted)} loaded")


def _expected_modules(etc: Path) -> set[str]:
    """The modules that modules.conf asks for."""
    return {
        line.partition("=")[2].lstrip("> ").split(";")[0].strip()
        for line in _lines(etc / "modules.conf")
        if line.split("=")[0].strip() in ("load", "require", "preload")
    }


def _expected_contexts(etc: Path) -> set[str]:
    """The contexts that extensions.conf defines, as `dialplan show` writes them."""
    names = {
        line[1 : line.index("]")] for line in _lines(etc / "extensions.conf") if line[0] == "["
    }
    return {f"Context '{name}'" for name in names - {"general", "globals"}}


def _lines(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _listening(settings: Settings) -> Finding:
    """Whether anything of ours can be reached from other machines without having been asked to."""
    if not ipaddress.ip_address(settings.bind).is_loopback:
        return Finding("reachable", f"on {settings.bind}, as the settings ask")
    open_to_all = [
        f"{port.protocol} {port.number} on {address}"
        for port in needed_ports(settings)
        for address in listeners(port)
        if not ipaddress.ip_address(address).is_loopback
    ]
    if open_to_all:
        return Finding("reachable", f"beyond this machine: {', '.join(open_to_all)}", _RESTART)
    return Finding("reachable", "from this machine alone")
