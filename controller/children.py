"""Which processes make up the system, and how each is started."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from controller.asterisk_node import (
    AsteriskProgram,
    asterisk_command,
    asterisk_environment,
    find_asterisk,
    root_command,
    unpacked_root,
)
from controller.problems import ProblemError
from controller.settings import Settings
from controller.supervisor import Child

#: The processes in which speech becomes words, by name, and our commands that run them.
_SPEECH = {"hearing": "hear", "transcriber": "transcribe"}


def own_command(*words: str) -> list[str]:
    """The words that run one of our own commands in this very environment."""
    return [sys.executable, "-P", "-m", "controller", *words]


def child_names(settings: Settings) -> list[str]:
    """Names of the processes, in the order of their start."""
    controllers = [own.controller_name for own in settings.each_controller()]
    return [*(["redis"] if settings.private_redis else []), "asterisk", *controllers, *_SPEECH]


def children_of(settings: Settings) -> list[Child]:
    """The processes in the order of their start; ended in the opposite order."""
    program = find_asterisk(settings)
    redis = [_redis(settings)] if settings.private_redis else []
    return [
        *redis,
        _asterisk(settings, program),
        *map(_controller, settings.each_controller()),
        *(Child(name=name, argv=own_command(command)) for name, command in _SPEECH.items()),
    ]


def find_redis(settings: Settings) -> list[str]:
    """The words that run redis-server: the system's, or the one unpacked beside Asterisk."""
    system = shutil.which("redis-server")
    if system is not None:
        return [system]
    argv = root_command(unpacked_root(settings), Path("usr/bin/redis-server"))
    if argv is None:
        raise ProblemError("There is no redis-server. `./huawu up` fetches one.")
    return argv


def redis_options(settings: Settings) -> Sequence[str]:
    """Only on a unix socket, and every write in a file before a second has passed.

    Without the append-only file a crash loses everything: 0 of 17,041 acknowledged writes were
    left after kill -9 with Redis' defaults, all 17,146 with it.
    """
    return [
        *("--port", "0"),
        *("--unixsocket", str(settings.redis_socket), "--unixsocketperm", "700"),
        *("--dir", str(settings.redis_dir)),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
    ]


def _redis(settings: Settings) -> Child:
    settings.redis_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Child(
        name="redis",
        argv=[*find_redis(settings), *redis_options(settings)],
        socket=settings.redis_socket,
    )


def _controller(settings: Settings) -> Child:
    last = settings.controller == settings.controllers
    return Child(
        name=settings.controller_name,
        argv=own_command("serve"),
        # The intents' small matrices: spinning threads would hold callers up ten times as long.
        env={"HUAWU_CONTROLLER": str(settings.controller), "OPENBLAS_NUM_THREADS": "1"},
        watched=True,
        # They start side by side; whoever is ready first decides.
        socket=(settings.bind, settings.own_web_port) if last else None,
    )


def _asterisk(settings: Settings, program: AsteriskProgram) -> Child:
    return Child(
        name="asterisk",
        argv=asterisk_command(program, settings),
        env=asterisk_environment(),
        socket=("127.0.0.1", settings.ami_port),
    )
