"""System packages, in two ways: installed into the system, or unpacked into a folder of ours.

Unpacking needs no rights and changes nothing outside the folder. It uses apt with lists, cache
and status of its own, and takes the archive's address from the machine's own apt sources.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from controller.problems import ProblemError

_APT_TIMEOUT_S = 900
_KEYRINGS = {
    "debian": Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    "ubuntu": Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
}

# policy-rc.d with exit code 101 is Debian's way to say: start no service now.
_INSTALL = r"""
policy=/usr/sbin/policy-rc.d
if ! [ -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update || true # one dead source must not stop the rest
apt-get -q -y install --no-install-recommends "$@"
"""


class AptError(ProblemError):
    """Packages could not be fetched or installed; the text names them and what to try."""


def missing_packages(packages: Iterable[str]) -> list[str]:
    """Those of the packages that dpkg does not know as installed."""
    return [package for package in packages if not _is_installed(package)]


def _is_installed(package: str) -> bool:
    try:
        answer = subprocess.run(
            ["dpkg-query", "-W", "-f=${Status}", package],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return answer.stdout.endswith("ok installed")


def install_packages(packages: Sequence[str], *, log: Path) -> None:
    """Install into the system, as root or with sudo. AptError when neither is possible.

    Services that a package brings are not started: the system runs its own copies.
    """
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    sudo: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise AptError(f"These system packages are missing. As root: {command}")
        # Without a terminal nobody can type a password.
        sudo = ["sudo"] if sys.stdin is not None and sys.stdin.isatty() else ["sudo", "-n"]
    argv = [*sudo, "sh", "-euc", _INSTALL, "install", *packages]
    _run(argv, log=log, hint=f"As root: {command}")


def unpack_packages(packages: Sequence[str], root: Path, *, log: Path) -> None:
    """Fetch packages with everything they depend on, and unpack them all into `root`.

    No scripts of the packages run. Takes about 20 s and 320 MB for Asterisk. On Debian they come
    from `sid` (Asterisk is in no Debian release at present), on Ubuntu from its own release.
    Raises AptError when the distribution is another one or the archive cannot be reached.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise AptError(
                f"{program} is not here, so Debian's packages cannot be fetched. Install Asterisk "
                "20 or newer and redis-server yourself, or set HUAWU_ASTERISK_ROOT."
            )
    work = root.with_name(f"{root.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("state/lists/partial", "cache/archives/partial", "root"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(archive_line() + "\n", encoding="utf-8")
    apt = ["apt-get", "-q", *_private_apt_options(work)]
    hint = f"Is the network there? The log is {log}."
    _run([*apt, "update"], log=log, hint=hint)
    _run([*apt, "-y", "--download-only", "install", *packages], log=log, hint=hint)
    archives = sorted((work / "cache/archives").glob("*.deb"))
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        jobs = [
            pool.submit(_run, ["dpkg-deb", "-x", str(deb), str(work / "root")], log=log, hint=hint)
            for deb in archives
        ]
        for job in jobs:
            job.result()
    shutil.rmtree(root, ignore_errors=True)
    (work / "root").replace(root)
    shutil.rmtree(work)


def _private_apt_options(work: Path) -> list[str]:
    options = {
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State": work / "state",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # A mirror that stands still at a date has lists that are formally out of date.
        "Acquire::Check-Valid-Until": "false",
        "APT::Install-Recommends": "false",
        # apt's own user may not enter our folder.
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def archive_line(release: Path = Path("/etc/os-release"), sources: Path = Path("/etc/apt")) -> str:
    """The `deb` line that Asterisk comes from, with the address this machine's apt uses."""
    values = dict(re.findall(r'^(\w+)="?(.*?)"?$', release.read_text(encoding="utf-8"), re.M))
    name = values.get("ID", "")
    if name not in _KEYRINGS:
        raise AptError(
            f"This is {values.get('PRETTY_NAME', 'an unknown system')}, not Debian or Ubuntu. "
            "Install Asterisk 20 or newer and redis-server yourself."
        )
    address = _archive_address(sources, suite=values.get("VERSION_CODENAME", ""))
    suite, components = (
        ("sid", "main") if name == "debian" else (values["VERSION_CODENAME"], "main universe")
    )
    return f"deb [signed-by={_KEYRINGS[name]}] {address} {suite} {components}"


def _archive_address(sources: Path, *, suite: str) -> str:
    """The address of the archive that serves the machine's own release, in either file format."""
    for file in sorted(sources.glob("sources.list.d/*.sources")):
        for paragraph in re.split(r"\n\s*\n", file.read_text(encoding="utf-8")):
            fields = dict(re.findall(r"^(\w[\w-]*):[ \t]*(.*)$", paragraph, re.M))
            if suite in fields.get("Suites", "").split() and fields.get("URIs"):
                return str(fields["URIs"].split()[0])
    lists = [sources / "sources.list", *sorted(sources.glob("sources.list.d/*.list"))]
    pattern = re.compile(rf"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{re.escape(suite)}(?:\s|$)", re.M)
    for file in lists:
        if file.exists() and (match := pattern.search(file.read_text(encoding="utf-8"))):
            return str(match[1])
    raise AptError(f"No apt source for {suite or 'this release'} under {sources}.")


def _run(argv: Sequence[str], *, log: Path, hint: str) -> None:
    """Run to the end with the output in the log; AptError with its last lines and the hint."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        begun = output.tell()
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_APT_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise AptError(f"`{argv[0]}` took over {_APT_TIMEOUT_S} s. {hint}") from None
    if done.returncode != 0:
        with log.open("rb") as written:
            written.seek(begun)
            tail = written.read().decode(errors="replace").strip().splitlines()[-5:]
        raise AptError("\n".join([*tail, f"`{' '.join(argv[:3])} …` failed. {hint}"]))
