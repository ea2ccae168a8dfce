"""Are the ports free, and if not: who has them, and which setting moves us out of the way."""

import ipaddress
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from controller.settings import Settings

_LOOPBACK = "127.0.0.1"
_LISTEN = "0A"  # TCP_LISTEN in the state column of /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Port:
    """A port the system listens on."""

    setting: str
    number: int
    address: str
    udp: bool = False

    @property
    def protocol(self) -> str:
        """`UDP` or `TCP`."""
        return "UDP" if self.udp else "TCP"


def needed_ports(settings: Settings) -> list[Port]:
    """Every port that is listened on from the start (those for audio are opened call by call)."""
    controllers = settings.each_controller()
    return [
        *(Port("web_port", own.own_web_port, settings.bind) for own in controllers),
        Port("sip_port", settings.sip_port, settings.bind),
        Port("sip_port", settings.sip_port, settings.bind, udp=True),
        Port("asterisk_http_port", settings.asterisk_http_port, _LOOPBACK),
        Port("ami_port", settings.ami_port, _LOOPBACK),
        *(Port("agi_port", own.own_agi_port, _LOOPBACK) for own in controllers),
    ]


def is_free(port: Port) -> bool:
    """Whether we could listen there now."""
    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    kind = socket.SOCK_DGRAM if port.udp else socket.SOCK_STREAM
    with socket.socket(family, kind) as probe:
        if not port.udp:
            # Connections of a run that just ended must not count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.address, port.number))
            if not port.udp:
                probe.listen(1)
        except OSError:
            return False
    return True


def taken_ports(settings: Settings) -> list[str]:
    """One sentence with its mend for each port that somebody else has."""
    complaints = []
    for port in needed_ports(settings):
        if is_free(port):
            continue
        variable = f"HUAWU_{port.setting.upper()}"
        other = port.number + 100 if port.number < 65000 else port.number - 100
        complaints.append(
            f"{port.protocol} port {port.number} on {port.address} is taken by "
            f"{owner_of(port)}. Stop it, or choose another port: {variable}={other}, or "
            f"`{port.setting} = {other}` in {settings.state / 'huawu.toml'}."
        )
    return complaints


def owner_of(port: Port) -> str:
    """`redis-server (process 123)`, or `another process` when /proc does not show it to us."""
    inodes = {listener.inode for listener in _listeners(port)}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            for descriptor in (folder / "fd").iterdir():
                target = str(descriptor.readlink())
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    return f"{_name_of(folder)} (process {folder.name})"
        except OSError:
            continue  # it ended meanwhile, or belongs to another user
    return "another process"


def _name_of(folder: Path) -> str:
    """A process' name; that of the program when it was started through a loader."""
    name = (folder / "comm").read_text(encoding="utf-8").strip()
    if not name.startswith("ld-linux"):
        return name
    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return Path(words[3]).name if words[1:2] == ["--library-path"] else name


def listeners(port: Port) -> set[str]:
    """The addresses that somebody listens on with that number."""
    return {listener.address for listener in _listeners(port)}


@dataclass(frozen=True, slots=True)
class _Listener:
    address: str
    inode: str


def _listeners(port: Port) -> list[_Listener]:
    """Sockets that listen with that number, on any address."""
    found = []
    for table in ("udp", "udp6") if port.udp else ("tcp", "tcp6"):
        file = Path("/proc/net") / table
        if not file.exists():
            continue
        for line in file.read_text(encoding="utf-8").splitlines()[1:]:
            columns = line.split()
            address, number = columns[1].rsplit(":", maxsplit=1)
            if int(number, 16) == port.number and (port.udp or columns[3] == _LISTEN):
                found.append(_Listener(_address(address), columns[9]))
    return found


def _address(text: str) -> str:
    """`0100007F` is 127.0.0.1: the kernel writes 32-bit words in the machine's own byte order."""
    raw = bytes.fromhex(text)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return str(ipaddress.ip_address(raw))
