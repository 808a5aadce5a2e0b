"""What the launcher refuses to start on, in one line that names the mend."""

import socket
import stat
from pathlib import Path

import pytest

from app.settings import Settings
from app.up import checks
from app.up.checks import CannotStart


def settings_on(port, dashboard_port, flower_port):
    ports = {"PORT": port, "DASHBOARD_PORT": dashboard_port, "FLOWER_PORT": flower_port}
    return Settings.from_env({f"ALERTING_{name}": str(value) for name, value in ports.items()})


def refused(check, *arguments):
    with pytest.raises(CannotStart) as caught:
        check(*arguments)
    return str(caught.value)


def test_every_taken_port_is_named_with_its_setting():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        first, second = one.getsockname()[1], other.getsockname()[1]

        said = refused(checks.require_free_ports, settings_on(first, 1, second))

    assert f"port {first} is taken; set ALERTING_PORT to another" in said
    assert f"port {second} is taken; set ALERTING_FLOWER_PORT to another" in said


def test_a_port_that_is_given_twice_is_told():
    with socket.create_server(("127.0.0.1", 0)) as one:
        free = one.getsockname()[1]

    said = refused(checks.require_free_ports, settings_on(free, free, free))

    assert f"ALERTING_PORT and ALERTING_DASHBOARD_PORT are both {free}" in said


def test_home_is_made_for_its_owner_only(tmp_path):
    home = tmp_path / "a" / "home"

    assert checks.made_private(home)
    checks.require_room(home)

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert (home / "logs").is_dir()


def test_a_directory_of_the_user_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)

    assert not checks.made_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_home_too_long_for_a_socket_is_refused(tmp_path):
    home = tmp_path / ("x" * 100)

    assert "too long" in refused(checks.require_room, home)


@pytest.mark.parametrize("name", ["100%", "a #1", "b ;c"])
def test_a_home_that_supervisord_cannot_read_is_refused(tmp_path, name):
    assert "plainer path" in refused(checks.require_room, tmp_path / name)


def test_a_home_that_cannot_be_written_is_refused():
    assert "cannot be written" in refused(checks.require_room, Path("/dev/null/home"))


def test_one_launcher_at_a_time(tmp_path):
    with (
        checks.only_launcher(tmp_path),
        pytest.raises(CannotStart, match="already running"),
        checks.only_launcher(tmp_path),
    ):
        pass
    with checks.only_launcher(tmp_path):
        pass
