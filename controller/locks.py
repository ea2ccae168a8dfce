"""`huawu lock`: resolve the dependency lists of pyproject.toml into hash-pinned files.

`requirements/run.txt` is what the system runs on, `test.txt` holds all of it and the tests' needs,
`voice.txt` the voice model that makes the spoken prompts. None names an index or a host: pip uses
the one that the machine is set up with.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from controller.problems import ProblemError
from controller.settings import ROOT

OLDEST_PYTHON = "3.11"


class LockError(ProblemError):
    """The lists could not be resolved."""


def write_locks(root: Path = ROOT) -> list[Path]:
    """Write every lock anew and return their paths; LockError when one cannot be resolved."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = list(project.get("optional-dependencies", {}))
    run = _compile(root, "run", extra=None, constraint=None)
    others = [_compile(root, extra, extra=extra, constraint=run) for extra in extras]
    return [run, *others]


def _compile(root: Path, name: str, *, extra: str | None, constraint: Path | None) -> Path:
    lock = root / "requirements" / f"{name}.txt"
    lock.parent.mkdir(exist_ok=True)
    uv = Path(sys.executable).parent / "uv"
    command = [
        *(str(uv), "pip", "compile", "pyproject.toml", "--quiet", "--universal"),
        *("--python-version", OLDEST_PYTHON, "--generate-hashes", "--no-header"),
        *("--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
        *("--output-file", str(lock)),
        *(("--extra", extra) if extra else ()),
        *(("--constraint", str(constraint)) if constraint else ()),
    ]
    # The lock must not remember versions that were chosen before.
    lock.unlink(missing_ok=True)
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LockError(f"{name}: {done.stderr.strip()}")
    text = _without_common_markers(lock.read_text(encoding="utf-8"))
    if "://" in text:
        raise LockError(f"{lock} names a host; it must not")
    lock.write_text(text, encoding="utf-8")
    return lock


def _without_common_markers(text: str) -> str:
    """Drop what `[tool.uv] environments` adds to every single line: it tells nothing apart."""
    text = re.sub(r" and \(\(platform_machine == [^\n]*?sys_platform == 'linux'\)\)", "", text)
    text = text.replace(" and python_full_version < '3.15'", "")
    return text.replace(" ; python_full_version < '3.15' \\\n", " \\\n")
