"""Taken ports: named with their owner and the setting that moves us away."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.settings import Settings
from controller.setup.ports import listeners, needed_ports, owner_of, taken_ports


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    with socket.socket(socket.AF_INET, request.param) as holder:
        holder.bind(("127.0.0.1", 0))
        if request.param == socket.SOCK_STREAM:
            holder.listen(1)
        yield holder.getsockname()[1]


def test_a_taken_port_is_named_with_owner_and_mend(tmp_path: Path, taken: int) -> None:
    settings = Settings(state=tmp_path, sip_port=taken)
    ours = f"(process {os.getpid()})"  # the other protocol's port may be somebody else's
    [complaint] = [text for text in taken_ports(settings) if str(taken) in text and ours in text]
    assert f"port {taken} on 127.0.0.1 is taken by " in complaint
    assert "HUAWU_SIP_PORT=" in complaint
    assert f"`sip_port = {taken + 100 if taken < 65000 else taken - 100}`" in complaint


def test_who_listens_and_on_which_address(tmp_path: Path, taken: int) -> None:
    ports = needed_ports(Settings(state=tmp_path, sip_port=taken))
    found = {port.udp: listeners(port) for port in ports if port.number == taken}
    assert sorted(found.values(), key=len) == [set(), {"127.0.0.1"}]


def test_a_free_port_has_no_owner_to_name() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    free = [port for port in needed_ports(Settings(web_port=number)) if port.number == number]
    assert [owner_of(port) for port in free] == ["another process"]
