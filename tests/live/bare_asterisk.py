"""A real Asterisk with nothing on it but a manager port and a few lines of dialplan.

For tests of the wires alone: no SIP, no Redis, calls are made of Local channels.
"""

import contextlib
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.asterisk_node import AsteriskProgram, find_asterisk
from controller.settings import load_settings

MODULES = """
pbx_config app_playback app_senddtmf app_stack app_userevent app_verbose app_dial app_queue app_exec
func_channel func_strings func_callerid func_logic func_timeout func_global
res_speech res_agi res_musiconhold res_timing_timerfd
app_chanspy res_audiosocket chan_audiosocket
format_wav format_pcm codec_ulaw codec_alaw codec_resample
bridge_simple bridge_holding bridge_softmix bridge_builtin_features
""".split()

MANAGER = """
[general]
enabled=yes
bindaddr=127.0.0.1
port={port}
webenabled=no
channelvars=HUAWU_CONTACT
[controller]
secret={secret}
deny=0.0.0.0/0
permit=127.0.0.1/32
read=system,call,user,agent,dialplan,reporting
write=system,call,originate,agent,reporting,user
writetimeout=1000
"""


@dataclass(slots=True)
class BareAsterisk:
    """A running Asterisk: its manager port, user ``controller`` with ``secret``."""

    program: AsteriskProgram
    folder: Path
    ami_port: int
    secret: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until the manager port greets."""
        with (self.folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [*self.program.argv, "-f", "-C", str(self.folder / "asterisk.conf")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.ami_port), 1) as probe,
            ):
                probe.settimeout(1)
                if probe.recv(20):
                    return
            assert self.process.poll() is None, (self.folder / "out").read_text()
            time.sleep(0.05)
        raise AssertionError("Asterisk did not come up: " + (self.folder / "out").read_text())

    def freeze(self) -> None:
        """Stop every thread of it where it is; only ``kill`` is left after that."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        states = f"/proc/{self.process.pid}/task"
        while any(" T " not in (task / "stat").read_text()[:60] for task in Path(states).iterdir()):
            time.sleep(0.001)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, command: str) -> str:
        """What the console prints for a command."""
        return subprocess.run(
            [*self.program.argv, "-C", str(self.folder / "asterisk.conf"), "-rx", command],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        ).stdout


def free_port() -> int:
    """A TCP port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def bare_asterisk(folder: Path, dialplan: str) -> Iterator[BareAsterisk]:
    """An Asterisk that runs ``dialplan`` until the block is left."""
    program = find_asterisk(load_settings())
    asterisk = BareAsterisk(program, folder, free_port(), secrets.token_urlsafe(12))
    folders = {
        "astetcdir": folder,
        "astmoddir": program.modules_dir,
        "astdatadir": program.data_dir,
        **{f"ast{name}dir": folder / name for name in ("varlib", "db", "run", "log", "spool")},
    }
    for name, path in folders.items():
        if name not in {"astmoddir", "astdatadir"}:
            path.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f"{name} => {path}" for name, path in folders.items())
    config = {
        "asterisk.conf": f"[directories]\n{lines}\n[options]\nsystemname=bare\n",
        "modules.conf": "[modules]\nautoload=no\n"
        + "".join(f"load={name}.so\n" for name in MODULES),
        "manager.conf": MANAGER.format(port=asterisk.ami_port, secret=asterisk.secret),
        "extensions.conf": dialplan,
        "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
        "musiconhold.conf": f"[default]\nmode=files\ndirectory={program.data_dir / 'moh'}\n",
    }
    for name, text in config.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "manager.conf").chmod(0o600)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.kill()
