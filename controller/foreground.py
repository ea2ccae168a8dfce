"""One of the system's processes alone in the foreground, for a container or another supervisor.

It is started exactly as `up` starts it; whoever runs us restarts it. The watched one keeps its
watchdog here: Docker notices a process that died, but never ends one that hangs.
"""

import asyncio
import os
import signal

from controller.children import children_of
from controller.problems import ProblemError
from controller.settings import Settings
from controller.setup.progress import Progress
from controller.supervisor import Child, notify_socket, watch, watch_environment


def prepare(settings: Settings, progress: Progress) -> None:
    """Make passwords, database, configuration and speech models, and start nothing.

    Passwords are not printed, since a container's output is kept by whoever runs it.
    """
    from controller.lifecycle import welcome
    from controller.setup.steps import prepare_data, prepare_models

    credentials = prepare_data(settings, progress)
    with progress.step("speech models") as step:
        step.note = prepare_models(settings)
    progress.say(welcome(settings, credentials, unshown=[]))


def run(settings: Settings, name: str) -> int:
    """Run the process called `name` until it ends; returns its exit code.

    An unwatched one replaces this process. Raises ProblemError when nothing is called so.
    """
    children = {child.name: child for child in children_of(settings)}
    if name not in children:
        raise ProblemError(f"No process is called {name!r}; there are: {', '.join(children)}")
    child = children[name]
    os.umask(0o077)
    if not child.watched:
        os.execvpe(child.argv[0], list(child.argv), {**os.environ, **child.env})  # noqa: S606
    return asyncio.run(_run_watched(settings, child))


async def _run_watched(settings: Settings, child: Child) -> int:
    """Run the child with its watchdog, and hand on the signals that ask us to end."""
    settings.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with notify_socket(settings.run_dir, child) as notify:
        env = {**os.environ, **child.env, **watch_environment(notify)}
        process = await asyncio.create_subprocess_exec(*child.argv, env=env)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, process.send_signal, number)
        watching = asyncio.create_task(watch(child, process, notify)) if notify else None
        code = await process.wait()
        if watching is not None:
            watching.cancel()
    return code if code >= 0 else 128 - code
