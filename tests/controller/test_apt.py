"""Where Asterisk's packages come from, read from the machine's own apt sources."""

from pathlib import Path

import pytest

from controller.setup.apt import AptError, archive_line, missing_packages

DEB822 = """\
Types: deb
URIs: http://mirror.example/third-party
Suites: stable
Components: main

Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
"""
ONE_LINE = """\
# deb http://old.example/ubuntu noble main
deb [arch=amd64] http://mirror.example/ubuntu noble-updates main
deb [arch=amd64] http://mirror.example/ubuntu/ noble main universe
"""


def machine(tmp_path: Path, release: str, files: dict[str, str]) -> tuple[Path, Path]:
    file = tmp_path / "os-release"
    file.write_text(release, encoding="utf-8")
    sources = tmp_path / "apt"
    for name, text in files.items():
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(text, encoding="utf-8")
    return file, sources


def test_debian_takes_it_from_sid(tmp_path: Path) -> None:
    release = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
    paths = machine(tmp_path, release, {"sources.list.d/debian.sources": DEB822})
    assert archive_line(*paths).endswith("] http://mirror.example/debian sid main")


def test_ubuntu_takes_it_from_its_own_release(tmp_path: Path) -> None:
    release = "ID=ubuntu\nVERSION_CODENAME=noble\n"
    paths = machine(tmp_path, release, {"sources.list": ONE_LINE})
    assert archive_line(*paths) == (
        "deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] "
        "http://mirror.example/ubuntu/ noble main universe"
    )


def test_another_distribution_is_told_what_to_install(tmp_path: Path) -> None:
    paths = machine(tmp_path, 'ID=fedora\nPRETTY_NAME="Fedora 41"\n', {})
    with pytest.raises(AptError, match=r"This is Fedora 41.*Install Asterisk 20"):
        archive_line(*paths)


def test_no_source_for_this_release(tmp_path: Path) -> None:
    release = "ID=debian\nVERSION_CODENAME=trixie\n"
    paths = machine(tmp_path, release, {"sources.list.d/debian.sources": DEB822})
    with pytest.raises(AptError, match="No apt source for trixie"):
        archive_line(*paths)


def test_a_package_nobody_has_is_missing() -> None:
    assert missing_packages(["huawu-no-such-package"]) == ["huawu-no-such-package"]
