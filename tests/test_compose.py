"""What docker-compose.yml and the Dockerfile promise, read without Docker."""

import re
from pathlib import Path

import pytest
import yaml

from controller.children import child_names
from controller.settings import ROOT, Settings

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PARTS = ("redis", "asterisk", "controller", "hearing", "transcriber")


def volumes_of(service: str) -> dict[str, str]:
    """Folder in the container -> name of the volume, with `:ro` where it is read-only."""
    mounts = (volume.split(":", 2) for volume in SERVICES[service]["volumes"])
    return {mount[1]: ":".join([mount[0], *mount[2:]]) for mount in mounts}


def test_each_process_of_the_system_is_a_service(tmp_path: Path) -> None:
    names = child_names(Settings(state=tmp_path))
    assert sorted(names) == sorted(PARTS)
    assert sorted(SERVICES) == sorted([*PARTS, "setup", "standby"])
    assert {name: SERVICES[name]["command"] for name in PARTS} == {
        name: ["run", name] for name in PARTS
    }


def test_a_second_controller_is_the_first_ones_twin_and_off_by_default() -> None:
    standby = SERVICES["standby"]
    own = {"command", "environment", "profiles"}
    assert {k: v for k, v in standby.items() if k not in own} == {
        k: v for k, v in SERVICES["controller"].items() if k not in own
    }
    assert standby["profiles"] == ["standby"]
    more = {"HUAWU_CONTROLLERS": "2", "HUAWU_CONTROLLER": "2"}
    assert standby["environment"] == SERVICES["controller"]["environment"] | more
    assert standby["command"][1] in child_names(Settings(state=ROOT, controllers=2))


@pytest.mark.parametrize("name", PARTS)
def test_is_checked_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_the_setup_runs_once_and_before_the_others() -> None:
    assert SERVICES["setup"]["restart"] == "no"
    for name in ("asterisk", "controller", "transcriber"):
        condition = SERVICES[name]["depends_on"]["setup"]["condition"]
        assert condition == "service_completed_successfully"


def test_a_dead_controller_or_redis_takes_no_call_along() -> None:
    assert list(SERVICES["asterisk"]["depends_on"]) == ["setup"]


def test_nothing_is_published_and_binds_are_loopback() -> None:
    for service in SERVICES.values():
        assert "ports" not in service
        assert service["environment"]["HUAWU_BIND"] == "${HUAWU_BIND:-127.0.0.1}"


def test_only_who_takes_or_hears_calls_has_a_network() -> None:
    modes = {name: service["network_mode"] for name, service in SERVICES.items()}
    assert modes == {
        "setup": "none",
        "redis": "none",
        "transcriber": "none",
        "asterisk": "host",
        "controller": "host",
        "hearing": "host",
        "standby": "host",
    }


@pytest.mark.parametrize("name", [*PARTS, "setup"])
def test_has_the_least_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "devices"} & set(service)
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["huawu"]


def test_there_is_no_password() -> None:
    for service in SERVICES.values():
        assert not [name for name in service["environment"] if re.search("PASS|SECRET|TOKEN", name)]
    assert not re.search(r"^(ENV|ARG) .*(PASS|SECRET|TOKEN)", DOCKERFILE, re.MULTILINE)


def test_only_those_who_need_them_see_passwords_and_configuration() -> None:
    state = "/var/lib/huawu"
    for name in ("redis", "asterisk"):
        assert state not in volumes_of(name)
    for name in ("asterisk", "controller"):
        assert volumes_of(name)[f"{state}/asterisk/etc"] == "asterisk-etc:ro"


def test_everything_that_must_last_is_in_a_volume() -> None:
    named = {volume.split(":")[0] for name in SERVICES for volume in SERVICES[name]["volumes"]}
    assert named == set(COMPOSE["volumes"])
    assert volumes_of("redis")["/var/lib/huawu/redis"] == "redis"
    assert volumes_of("controller")["/var/lib/huawu"] == "state"
    assert volumes_of("asterisk")["/var/lib/huawu/asterisk"] == "asterisk"
    recordings = {volumes_of(name).get("/var/lib/huawu/recordings") for name in SERVICES}
    assert recordings == {"recordings", None}


def test_every_volume_has_its_folder_in_the_image() -> None:
    # A volume whose folder the image lacks would belong to root, and nothing could write there.
    made = re.search(r'for folder in "" ([a-z/ -]+); do', DOCKERFILE)
    assert made is not None
    folders = {"/var/lib/huawu", *(f"/var/lib/huawu/{name}" for name in made[1].split())}
    for name in SERVICES:
        assert set(volumes_of(name)) <= folders


def test_the_base_image_is_an_argument_and_no_registry_is_named() -> None:
    assert DOCKERFILE.index("ARG BASE_IMAGE=debian:sid-slim") < DOCKERFILE.index("FROM ")
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) <= {"${BASE_IMAGE}", *stages}
    for service in SERVICES.values():
        assert service["build"]["args"]["BASE_IMAGE"] == "${BASE_IMAGE:-debian:sid-slim}"
        assert service["image"] == "huawu"


def test_the_company_lives_in_china_unless_told_otherwise() -> None:
    assert {s["environment"]["TZ"] for s in SERVICES.values()} == {"${TZ:-Asia/Shanghai}"}


def test_the_image_takes_only_what_is_listed() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    taken = [rule[1:] for rule in rules if rule.startswith("!")]
    assert all((ROOT / name).exists() for name in taken)
    assert not {"var", ".git", "huawu.toml", "tests"} & set(taken)
