import os
import socket
import subprocess
import sys

import pytest

from readmission.local.ports import conflicts, is_free
from readmission.local.processes import MARK
from readmission.local.service import Health, Service

LISTEN = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('up', flush=True); input()"
)


def service(name: str, **ports: int) -> Service:
    return Service(name, ("true",), Health("http://127.0.0.1/"), ports=ports, port_setting=f"{name.upper()}_PORT")


def test_a_free_port_is_no_conflict(free_ports):
    assert conflicts([service("one", HTTP=free_ports(1))], "none/") == []


def test_a_port_in_use_is_said_with_its_service_its_holder_and_the_setting_that_changes_it(free_ports):
    port = free_ports(1)

    with socket.create_server(("127.0.0.1", port)):
        (found,) = conflicts([service("one", HTTP=port)], "none/")

    assert str(found).startswith(f"port {port} (one, HTTP) is in use by ")
    assert f"(process {os.getpid()})" in str(found)
    assert str(found).endswith("or set ONE_PORT to another port")


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])  # noqa: S104 - what others may bind
def test_a_port_held_on_any_address_of_this_machine_is_not_free(free_ports, address):
    port = free_ports(1)

    with socket.create_server((address, port)):
        assert not is_free(port)


def test_two_services_that_want_the_same_port_are_both_named(free_ports):
    port = free_ports(1)

    (found,) = conflicts([service("one", HTTP=port), service("two", SQL=port)], "none/")

    assert "two, SQL" in str(found)
    assert "one, which wants it too" in str(found)


def test_a_port_that_an_own_process_holds_is_no_conflict(free_ports):
    port = free_ports(1)
    environment = {**os.environ, MARK: "ports-test/one/"}
    command = [sys.executable, "-c", LISTEN, str(port)]

    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "up\n"
        own = conflicts([service("one", HTTP=port)], "ports-test/")
        strange = conflicts([service("one", HTTP=port)], "other/")
        holder.communicate("\n")

    assert own == []
    assert len(strange) == 1
